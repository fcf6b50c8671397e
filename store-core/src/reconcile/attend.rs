//! One worker's turn with one store: from the claim until there is nothing to do but wait.

use std::time::Duration;

use super::act::{Acted, act, backoff, keep_lease};
use super::cluster_gate::check;
use super::decide::{Action, Change, Limits, decide};
use super::readiness::gates_met;
use super::run::{Core, Stop};
use crate::lifecycle::{EventKind, Gates, InvalidTransition, Progress, RemovedVolume, Store};
use crate::planted::{Bug, planted};
use crate::ports::{
    Admission, Claim, Claimed, CredentialsSeen, CutOff, EventDraft, Freshness, NamespaceSeen, Observation, PortError,
    ProgressUpdate, Recorded, ReleaseSeen, Renewal, RepositoryError, StopOutcome, VolumeSeen, WakeUp,
};

/// A turn that does this much without having to wait is cut, so that a fault in a decision cannot spin for ever.
const STEPS_MAX: usize = 50;
/// When a tombstone is looked at once more.
const SECOND_LOOK_AFTER: Duration = Duration::from_mins(1);

/// One look takes at most this long, however many reads it is made of.
const LOOK_DEADLINE: Duration = Duration::from_secs(30);

/// What a step leads to.
pub(super) enum Next {
    /// Look again at once.
    Again,
    /// Nothing to do until then.
    Sleep(WakeUp),
    /// The claim is somebody else's now: write nothing, release nothing.
    Lost,
}

/// One turn.
pub(super) struct Turn<'a> {
    pub(super) core: &'a Core,
    pub(super) claim: Claim,
    pub(super) store: Store,
    pub(super) stop: &'a Stop,
    /// The generation of the intent that the last decision was about.
    decided_on: u64,
    /// Nobody works on the other stores, so that this one waits for none of them.
    is_alone: bool,
    /// The Secret was seen: nothing needs the sealed password any more.
    has_secret: bool,
    /// There is more to remove than was written down.
    has_new_evidence: bool,
}

/// Takes a turn with a claimed store. Never fails: what goes wrong is logged and tried again later.
pub(super) async fn attend(core: &Core, claimed: Claimed, stop: &Stop, is_alone: bool) {
    let mut turn = Turn {
        core,
        claim: claimed.claim,
        decided_on: claimed.store.intent.generation,
        store: claimed.store,
        stop,
        is_alone,
        has_secret: false,
        has_new_evidence: false,
    };
    let wake_up = match turn.run(claimed.in_flight).await {
        Ok(Next::Lost) => return,
        Ok(Next::Sleep(wake_up)) => wake_up,
        Ok(Next::Again) => WakeUp::After(Duration::ZERO),
        Err(error) => {
            tracing::warn!(store = %turn.store.id, error = &error as &dyn std::error::Error, "a turn was cut off");
            WakeUp::After(core.settings.poll_interval)
        }
    };
    // An intent that nothing was decided about yet makes the store due at once.
    if let Err(error) = core.repository.release(&turn.claim, turn.decided_on, wake_up).await {
        // The lease runs out by itself.
        tracing::warn!(store = %turn.store.id, error = &error as &dyn std::error::Error, "cannot release a claim");
    }
}

impl Turn<'_> {
    async fn run(&mut self, in_flight: Option<CutOff>) -> Result<Next, RepositoryError> {
        if let Some(cut_off) = in_flight
            && !planted(Bug::NoReap)
            && let Some(wake_up) = self.end_earlier_action(cut_off).await?
        {
            return Ok(Next::Sleep(wake_up));
        }
        for _ in 0..STEPS_MAX {
            match self.step().await? {
                Next::Again => {}
                stop => return Ok(stop),
            }
        }
        tracing::warn!(store = %self.store.id, progress = self.store.progress.state(), "a turn did not come to rest");
        Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval)))
    }

    /// Makes sure that nothing of an earlier owner's action is alive, or waits until that is certain.
    async fn end_earlier_action(&self, cut_off: CutOff) -> Result<Option<WakeUp>, RepositoryError> {
        let CutOff { action, may_run_for } = cut_off;
        match self.core.deployer.stop(&action).await {
            Ok(StopOutcome::Ended) => {}
            Ok(StopOutcome::MayStillRun) if may_run_for.is_zero() => {}
            Ok(StopOutcome::MayStillRun) => return Ok(Some(WakeUp::After(may_run_for))),
            Err(error) => {
                tracing::warn!(store = %self.store.id, action = %action.kind, error = &error as &dyn std::error::Error,
                    "cannot tell whether an earlier action still runs");
                return Ok(Some(WakeUp::After(
                    may_run_for.clamp(Duration::from_secs(1), self.core.settings.poll_interval),
                )));
            }
        }
        self.core.repository.end_action(&self.claim).await?;
        tracing::info!(store = %self.store.id, action = %action.kind, "an action that was cut off is over");
        Ok(None)
    }

    async fn step(&mut self) -> Result<Next, RepositoryError> {
        self.core.take_dirty(&self.store.id);
        let (seen, action) = match self.look_and_decide().await? {
            Looked::Seen(seen, action) => (seen, action),
            Looked::Interrupted(next) => return Ok(next),
            Looked::Blind(error) => return Ok(self.blind(&error)),
        };
        self.core.set_blind(&self.store.id, None);
        if let Some(next) = self.write_gates(&seen).await? {
            return Ok(next);
        }
        match action {
            Action::Rest => Ok(Next::Sleep(self.rest())),
            Action::Look => Ok(Next::Sleep(WakeUp::After(Duration::from_secs(1)))),
            Action::Wait(how_long) => self.wait(how_long).await,
            Action::Admit => self.admit().await,
            Action::Record(change) => self.apply(change).await,
            // The next run goes on from here.
            Action::Do(_) if self.stop.drain.is_cancelled() => Ok(Next::Sleep(WakeUp::After(Duration::ZERO))),
            Action::Do(step) => match act(self, step).await? {
                Acted::Next(next) => Ok(next),
                Acted::Failed(failure) => self.apply(Change::Fail(failure)).await,
            },
        }
    }

    /// Decides on what the watches know; anything but waiting is decided again on a fresh read.
    async fn look_and_decide(&mut self) -> Result<Looked, RepositoryError> {
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
    fn blind(&self, error: &PortError) -> Next {
        if self.core.set_blind(&self.store.id, Some(error.to_string())) {
            tracing::warn!(store = %self.store.id, error = error as &dyn std::error::Error, "cannot look at the store");
        }
        Next::Sleep(WakeUp::After(self.core.settings.poll_interval))
    }

    /// The longest time between two looks of a process that runs: longer ones are time in which nobody could see.
    fn longest_gap(&self) -> Duration {
        let pause = match self.errors_in_a_row() {
            0 => Duration::ZERO,
            errors => backoff(errors),
        };
        self.core.settings.poll_interval * 2 + pause
    }

    /// Debits the time since the last look from the budget of a store that is being brought up.
    pub(super) fn debit(&mut self, longest: Duration) {
        if let Progress::Provisioning(p) = &mut self.store.progress
            && p.admitted
            && !planted(Bug::BudgetNeverSpent)
        {
            let longest = if planted(Bug::ParkedTimeCounted) { Duration::MAX } else { longest };
            p.debit(self.core.clock.now(), longest);
        }
    }

    fn decide(&self, seen: &Observation) -> Action {
        let last_error = self.core.last_error(&self.store.id);
        let limits = Limits {
            now: self.core.clock.now(),
            timeout: self.core.settings.timeout,
            poll_interval: self.core.settings.poll_interval,
            last_error: last_error.as_ref().map(|last| &*last.error),
        };
        decide(&self.store, seen, &limits)
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
            self.add_volumes(seen);
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
                let (name, claim, fate) = (volume.name.clone(), volume.claim.clone(), volume.fate);
                seen.volumes.push(VolumeSeen { name, claim, fate });
            }
        }
        Ok(seen)
    }

    /// A volume may be bound after the teardown wrote down what there was.
    fn add_volumes(&mut self, seen: &Observation) {
        let Progress::Deleting(deleting) = &mut self.store.progress else { return };
        let recorded = &mut deleting.evidence.volumes;
        for VolumeSeen { name, claim, fate } in &seen.volumes {
            if !recorded.iter().any(|volume| volume.name == *name) {
                self.has_new_evidence = true;
                recorded.push(RemovedVolume { name: name.clone(), claim: claim.clone(), fate: *fate });
            }
        }
    }

    /// Writes down which gates were met since the last look.
    async fn write_gates(&mut self, seen: &Observation) -> Result<Option<Next>, RepositoryError> {
        let is_building = matches!(&self.store.progress, Progress::Provisioning(p) if p.admitted && !p.clearing);
        if !is_building {
            return Ok(None);
        }
        let now = self.core.clock.now();
        let mut gates = self.store.gates.clone();
        let events: Vec<EventDraft> = gates
            .advance(gates_met(&self.store, seen), now)
            .into_iter()
            .map(|gate| EventDraft::new(EventKind::GateMet, format!("gate met: {gate}")))
            .collect();
        if events.is_empty() {
            return Ok(None);
        }
        let mut update = self.update(events);
        update.gates = gates;
        match self.record(update).await? {
            // What was decided holds only for the intent that it was about.
            Next::Again if self.is_decided() || planted(Bug::DecisionOutlivesIntent) => Ok(None),
            next => Ok(Some(next)),
        }
    }

    /// Whether the last decision was about what is wanted now.
    fn is_decided(&self) -> bool {
        self.decided_on == self.store.intent.generation
    }

    async fn wait(&mut self, how_long: Duration) -> Result<Next, RepositoryError> {
        if self.core.take_dirty(&self.store.id) {
            return Ok(Next::Again);
        }
        self.debit(self.longest_gap());
        let has_news = std::mem::take(&mut self.has_new_evidence);
        if (has_news || matches!(self.store.progress, Progress::Provisioning(_)))
            && let next @ (Next::Lost | Next::Sleep(_)) = self.record(self.update(Vec::new())).await?
        {
            return Ok(next);
        }
        Ok(Next::Sleep(WakeUp::After(how_long)))
    }

    async fn admit(&mut self) -> Result<Next, RepositoryError> {
        let now = self.core.clock.now();
        let in_order = Admission::InOrder { places: self.core.settings.max_in_progress };
        let admission = if self.is_alone { Admission::OutOfTurn } else { in_order };
        if !self.core.repository.admit(&self.claim, admission).await? {
            // Whoever frees a place wakes the next in the queue; the timer is only the net.
            return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval * 6)));
        }
        let provenance = self.core.deployer.provenance().await;
        let Progress::Provisioning(p) = &mut self.store.progress else { return Ok(Next::Again) };
        p.admitted = true;
        p.seen_at = Some(now);
        let with = provenance.map(|with| format!(" with {with}")).unwrap_or_default();
        let started = EventDraft::new(EventKind::AttemptStarted, format!("attempt {} started{with}", p.attempt));
        let mut update = self.update(vec![started]);
        update.gates.advance(1, now);
        self.record(update).await
    }

    fn rest(&self) -> WakeUp {
        if self.store.awaits_second_look() && !planted(Bug::NoSecondLook) {
            WakeUp::After(SECOND_LOOK_AFTER)
        } else {
            WakeUp::OnIntent
        }
    }

    /// Writes down a change of state, with the event that tells of it.
    pub(super) async fn apply(&mut self, change: Change) -> Result<Next, RepositoryError> {
        if change == Change::Deleted && !self.is_right_cluster().await {
            return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval)));
        }
        let update = match self.transition(change) {
            Ok(update) => update,
            Err(error) => {
                tracing::error!(store = %self.store.id, %error, "a decision does not fit the state");
                return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval)));
            }
        };
        let next = self.record(update).await?;
        if !matches!(self.store.progress, Progress::Provisioning(_)) {
            self.core.free_place();
        }
        match (&next, &self.store.progress) {
            (Next::Again, Progress::Ready(_) | Progress::Failed(_)) if self.store.is_settled() => {
                Ok(Next::Sleep(WakeUp::OnIntent))
            }
            (Next::Again, Progress::Deleted(_)) => Ok(Next::Sleep(self.rest())),
            _ => Ok(next),
        }
    }

    fn transition(&self, change: Change) -> Result<ProgressUpdate, InvalidTransition> {
        let now = self.core.clock.now();
        let before = self.store.progress.clone();
        let mut update = self.update(Vec::new());
        let (progress, event) = match change {
            Change::BeginAttempt(attempt) => {
                // What went wrong in an earlier attempt is no evidence in this one.
                self.core.forget_error(&self.store.id);
                update.gates = Gates::begin(self.store.engine, now);
                (before.begin_attempt(attempt)?, None)
            }
            Change::StartClearing => (
                set_clearing(before, true),
                Some((EventKind::Recovering, "an installation was cut off; what it left is cleared away".to_owned())),
            ),
            Change::Cleared => (set_clearing(before, false), None),
            Change::Ready(revision, report) => {
                update.details = report.details;
                update.gates.advance(usize::MAX, now);
                (
                    before.become_ready(revision, now)?,
                    Some((EventKind::Ready, format!("ready at {}", self.store.address.store_url))),
                )
            }
            Change::Fail(failure) => {
                let reason = failure.reason();
                (before.fail(failure, now)?, Some((EventKind::Failed, reason)))
            }
            Change::BeginTeardown(evidence) => {
                update.erase_password = true;
                let volumes = evidence.volumes.len();
                let message = format!("teardown started: {volumes} volumes to remove");
                (before.begin_teardown(evidence, now)?, Some((EventKind::TeardownStarted, message)))
            }
            Change::Blocked(blocker) => {
                let message = format!("teardown is held up: {}", blocker.message);
                (with_blocker(before, blocker), Some((EventKind::TeardownBlocked, message)))
            }
            Change::Deleted => {
                update.erase_password = true;
                (before.finish_teardown(now)?, Some((EventKind::Deleted, "nothing of it is left".to_owned())))
            }
            Change::LookedAgain => (looked_again(before), None),
        };
        update.progress = progress;
        update.events.extend(event.map(|(kind, message)| EventDraft::new(kind, message)));
        Ok(update)
    }

    async fn is_right_cluster(&self) -> bool {
        let core = self.core;
        match check(&*core.repository, &*core.probe, &*core.clock).await {
            Ok(state) => state.is_open(),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot tell which cluster this is");
                false
            }
        }
    }

    /// An update that changes nothing but what the turn itself changed.
    pub(super) fn update(&self, events: Vec<EventDraft>) -> ProgressUpdate {
        ProgressUpdate {
            progress: self.store.progress.clone(),
            gates: self.store.gates.clone(),
            details: std::collections::BTreeMap::new(),
            erase_password: self.has_secret && !planted(Bug::PasswordKept),
            events,
            at: self.core.clock.now(),
        }
    }

    /// Writes, unless epoch or intent moved on meanwhile; then the store is read again.
    pub(super) async fn record(&mut self, update: ProgressUpdate) -> Result<Next, RepositoryError> {
        let is_news = !update.events.is_empty();
        if is_news && planted(Bug::EventInItsOwnTransaction) {
            let silent = ProgressUpdate { events: Vec::new(), ..update.clone() };
            self.core.repository.record(&self.claim, self.store.intent.generation, &silent).await?;
        }
        match self.core.repository.record(&self.claim, self.store.intent.generation, &update).await? {
            Recorded::Written(store) => {
                self.store = store;
                for event in &update.events {
                    tracing::info!(store = %self.store.id, name = %self.store.name, kind = %event.kind, "{}", event.message);
                }
                if is_news {
                    self.core.notice();
                }
                Ok(Next::Again)
            }
            Recorded::Stale => self.reread().await,
        }
    }

    /// The store as it is now, if the claim still is ours.
    pub(super) async fn reread(&mut self) -> Result<Next, RepositoryError> {
        match self.core.repository.renew(&self.claim, self.core.settings.lease).await? {
            Renewal::Lost => Ok(Next::Lost),
            Renewal::Held { .. } => match self.core.repository.get(&self.store.id).await? {
                Some(store) => {
                    self.store = store;
                    Ok(Next::Again)
                }
                None => Ok(Next::Lost),
            },
        }
    }
}

/// What came of a look.
#[expect(clippy::large_enum_variant, reason = "short-lived, and nearly always the large one")]
enum Looked {
    Seen(Observation, Action),
    /// The claim is lost, or something else is wanted meanwhile.
    Interrupted(Next),
    /// Nothing could be seen.
    Blind(PortError),
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
            let is_there = matches!(seen.namespace, NamespaceSeen::Active { .. }) || planted(Bug::WaitsOnMemory);
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

fn set_clearing(progress: Progress, clearing: bool) -> Progress {
    match progress {
        Progress::Provisioning(p) => Progress::Provisioning(crate::lifecycle::Provisioning { clearing, ..p }),
        other => other,
    }
}

fn with_blocker(progress: Progress, blocker: crate::lifecycle::Blocker) -> Progress {
    match progress {
        Progress::Deleting(d) => Progress::Deleting(crate::lifecycle::Deleting { blocker: Some(blocker), ..d }),
        other => other,
    }
}

fn looked_again(progress: Progress) -> Progress {
    match progress {
        Progress::Deleted(d) => Progress::Deleted(crate::lifecycle::Deleted { looked_again: true, ..d }),
        other => other,
    }
}
