//! How a turn looks at its store: first at what the watches know, then afresh for anything but waiting.

use std::time::Duration;

use super::act::{backoff, keep_lease};
use super::attend::{Next, Turn};
use super::decide::{Action, Change, Limits, decide};
use super::teardown::removed;
use crate::lifecycle::{Progress, RemovedVolume, Store, TeardownPhase, VolumeFate};
use crate::planted::{Bug, planted};
use crate::ports::{
    CredentialsSeen, Freshness, NamespaceSeen, Observation, PortError, ReleaseSeen, RepositoryError, VolumeSeen, WakeUp,
};

/// One look takes at most this long, however many reads it is made of.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

/// What came of a look.
#[expect(clippy::large_enum_variant, reason = "short-lived, and nearly always the large one")]
pub(super) enum Looked {
    Seen(Observation, Action),
    /// The claim is lost, or something else is wanted meanwhile.
    Interrupted(Next),
    /// Nothing could be seen.
    Blind(PortError),
}

impl Turn<'_> {
    /// Decides on what the watches know; anything but waiting is decided again on a fresh read.
    pub(super) async fn look_and_decide(&mut self) -> Result<Looked, RepositoryError> {
        let seen = match self.core.probe.observe(&self.store, Freshness::Cached).await {
            Ok(seen) => seen,
            Err(error) => return Ok(Looked::Blind(error)),
        };
        self.decided_on = self.store.intent.generation;
        let action = self.decide(&seen);
        if !wants_fresh(&self.store, &seen, &action) {
            return Ok(Looked::Seen(seen, action));
        }
        let seen = match self.look_afresh().await? {
            Ok(Ok(seen)) => seen,
            Ok(Err(error)) => return Ok(Looked::Blind(error)),
            Err(next) => return Ok(Looked::Interrupted(next)),
        };
        self.debit(self.longest_gap());
        let action = self.decide(&seen);
        Ok(Looked::Seen(seen, action))
    }

    /// Why nothing of this store can be seen is told once, and shown with the store.
    pub(super) fn blind(&self, error: &PortError) -> Next {
        if self.core.park(&self.store.id, format!("the store cannot be looked at: {error}")) {
            tracing::warn!(store = %self.store.id, error = error as &dyn std::error::Error, "cannot look at the store");
        }
        Next::Sleep(WakeUp::After(self.core.settings.poll_interval))
    }

    /// The longest time between two looks of a process that runs: longer ones are time in which nobody could see. No
    /// time counts in which the platform lacked a right.
    pub(super) fn longest_gap(&self) -> Duration {
        if !self.lacks_no_right() {
            return Duration::ZERO;
        }
        let pause = match self.errors_in_a_row() {
            0 => Duration::ZERO,
            errors => backoff(errors),
        };
        self.core.settings.poll_interval * 2 + pause
    }

    /// Decides; what looks wrong has to be seen for as long as its kind asks since the cluster came into sight.
    fn decide(&self, seen: &Observation) -> Action {
        let mut seen = seen.clone();
        let in_sight_since = self.core.in_sight_since();
        for suspicion in &mut seen.suspicions {
            suspicion.since = suspicion.since.max(in_sight_since);
        }
        let last_error = self.core.last_error(&self.store);
        let limits = Limits {
            now: self.core.clock.now(),
            shared_now: self.shared_now(),
            timeout: self.core.settings.timeout,
            poll_interval: self.core.settings.poll_interval,
            last_error: last_error.as_ref().map(|last| &*last.error),
        };
        decide(&self.store, &seen, &limits)
    }

    /// Reads the cluster, while the lease is kept and within a deadline. Dropping a read leaves nothing behind.
    async fn look_afresh(&mut self) -> Result<Result<Result<Observation, PortError>, Next>, RepositoryError> {
        let cancel = self.core.stop_token(&self.store.id, &self.stop.halt);
        let seen = tokio::select! {
            biased;
            seen = self.read() => seen,
            () = self.core.clock.sleep(LOOK_DEADLINE) => Err(PortError::transient("the cluster did not answer within 30 s")),
            lost = keep_lease(self, &cancel) => return Ok(Err(if lost? { Next::Lost } else { self.reread().await? })),
        };
        if let Ok(seen) = &seen {
            self.has_secret |= seen.credentials == CredentialsSeen::Ours;
            self.add_evidence(seen);
        }
        Ok(Ok(seen))
    }

    async fn read(&self) -> Result<Observation, PortError> {
        let (probe, store) = (&self.core.probe, &self.store);
        let mut seen = probe.observe(store, Freshness::Fresh).await?;
        let Progress::Deleting(deleting) = &store.progress else { return Ok(seen) };
        if seen.namespace == NamespaceSeen::Absent {
            seen.volumes.extend(probe.claimed_volumes(store).await?);
        }
        let recorded = &deleting.evidence.volumes;
        let names: Vec<String> = recorded.iter().map(|volume| volume.name.clone()).collect();
        let existing = if names.is_empty() { names } else { probe.existing_volumes(&names).await? };
        for volume in recorded.iter().filter(|volume| existing.contains(&volume.name)) {
            if !seen.volumes.iter().any(|seen| seen.name == volume.name) {
                let RemovedVolume { name, claim, reclaim_policy, fate } = volume.clone();
                seen.volumes.push(VolumeSeen { name, claim, reclaim_policy, fate });
            }
        }
        Ok(seen)
    }

    /// A volume may be bound, or its reclaim policy changed, after the teardown wrote down what there was; one that was to
    /// be kept may go all the same.
    fn add_evidence(&mut self, seen: &Observation) {
        let now = self.shared_now();
        let Progress::Deleting(deleting) = &mut self.store.progress else { return };
        let is_gone = matches!(seen.namespace, NamespaceSeen::Absent | NamespaceSeen::Foreign);
        self.has_new_evidence |= is_gone && deleting.ends(TeardownPhase::Namespace, now);
        let recorded = &mut deleting.evidence.volumes;
        for found in seen.volumes.iter().map(removed) {
            match recorded.iter_mut().find(|volume| volume.name == found.name) {
                Some(volume) if *volume == found => continue,
                Some(volume) => *volume = found,
                None => recorded.push(found),
            }
            self.has_new_evidence = true;
        }
        for volume in recorded.iter_mut().filter(|volume| is_gone && volume.fate == VolumeFate::Retained) {
            if !seen.volumes.iter().any(|found| found.name == volume.name) {
                volume.fate = VolumeFate::Deleted;
                self.has_new_evidence = true;
            }
        }
    }
}

/// Whether a decision must be taken again on a fresh read: everything that acts or settles; and waiting for anything
/// that is not watched, which is a release that is not deployed or whose namespace somebody took away, a volume that was bound since the teardown began, and
/// the last of a teardown.
fn wants_fresh(store: &Store, seen: &Observation, action: &Action) -> bool {
    match (action, &store.progress) {
        (Action::Record(Change::Deleted), _) if planted(Bug::DeletedFromCache) => false,
        (Action::Record(Change::Ready(..)), _) if planted(Bug::ReadyFromCache) => false,
        (Action::Rest | Action::Admit | Action::Record(Change::BeginAttempt(_)), _) => false,
        (Action::Look | Action::Do(_) | Action::Record(_), _) => true,
        (Action::Wait(_), Progress::Provisioning(_)) => {
            let is_there = matches!(seen.namespace, NamespaceSeen::Active { .. });
            !is_there || !matches!(seen.release, ReleaseSeen::Deployed { .. })
        }
        (Action::Wait(_), Progress::Deleting(deleting)) => {
            let recorded = &deleting.evidence.volumes;
            let is_known = |volume: &VolumeSeen| recorded.iter().any(|known| known.name == volume.name);
            !matches!(seen.namespace, NamespaceSeen::Terminating { .. }) || !seen.volumes.iter().all(is_known)
        }
        (Action::Wait(_), _) => false,
    }
}
