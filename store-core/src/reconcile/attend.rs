//! One worker's turn with one store: from the claim until there is nothing to do but wait.

use std::time::Duration;

use super::act::{Acted, act};
use super::cluster_gate::check;
use super::decide::{Action, Change, Limits, decide};
use super::readiness::gates_met;
use super::run::Core;
use crate::lifecycle::{EventKind, Gates, InvalidTransition, Progress, Store};
use crate::ports::{
    ActionInFlight, Claim, Claimed, EventDraft, Freshness, NamespaceSeen, Observation, PortError, ProgressUpdate,
    Recorded, ReleaseSeen, Renewal, RepositoryError, StopOutcome, VolumeSeen, WakeUp,
};

/// A turn that does this much without having to wait is cut, so that a fault in a decision cannot spin for ever.
const STEPS_MAX: usize = 50;
/// When a tombstone is looked at once more.
const SECOND_LOOK_AFTER: Duration = Duration::from_secs(60);

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
}

/// Takes a turn with a claimed store. Never fails: what goes wrong is logged and tried again later.
pub(super) async fn attend(core: &Core, claimed: Claimed) {
    let mut turn = Turn { core, claim: claimed.claim, store: claimed.store };
    let wake_up = match turn.run(claimed.in_flight).await {
        Ok(Next::Lost) => return,
        Ok(Next::Sleep(wake_up)) => wake_up,
        Ok(Next::Again) => WakeUp::After(Duration::ZERO),
        Err(error) => {
            tracing::warn!(store = %turn.store.id, error = &error as &dyn std::error::Error, "a turn was cut off");
            WakeUp::After(core.settings.poll_interval)
        }
    };
    let generation = turn.store.intent.generation;
    if let Err(error) = core.repository.release(&turn.claim, generation, wake_up).await {
        // The lease runs out by itself.
        tracing::warn!(store = %turn.store.id, error = &error as &dyn std::error::Error, "cannot release a claim");
    }
}

impl Turn<'_> {
    async fn run(&mut self, in_flight: Option<ActionInFlight>) -> Result<Next, RepositoryError> {
        if let Some(action) = in_flight
            && let Some(wake_up) = self.end_earlier_action(&action).await?
        {
            return Ok(Next::Sleep(wake_up));
        }
        for _ in 0..STEPS_MAX {
            match self.step().await? {
                Next::Again => {}
                stop => return Ok(stop),
            }
        }
        tracing::error!(store = %self.store.id, progress = self.store.progress.state(), "a turn did not come to rest");
        Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval)))
    }

    /// Makes sure that nothing of an earlier owner's action is alive, or waits until that is certain.
    async fn end_earlier_action(&self, action: &ActionInFlight) -> Result<Option<WakeUp>, RepositoryError> {
        let remaining =
            Duration::try_from(action.hard_deadline.duration_since(self.core.clock.now())).unwrap_or_default();
        let outcome = self.core.deployer.stop(action).await;
        match outcome {
            Ok(StopOutcome::Ended) => {}
            Ok(StopOutcome::MayStillRun) if remaining.is_zero() => {}
            Ok(StopOutcome::MayStillRun) => return Ok(Some(WakeUp::After(remaining))),
            Err(error) => {
                tracing::warn!(store = %self.store.id, action = %action.kind, error = &error as &dyn std::error::Error,
                    "cannot tell whether an earlier action still runs");
                return Ok(Some(WakeUp::After(
                    remaining.clamp(Duration::from_secs(1), self.core.settings.poll_interval),
                )));
            }
        }
        self.core.repository.end_action(&self.claim).await?;
        tracing::info!(store = %self.store.id, action = %action.kind, "an action that was cut off is over");
        Ok(None)
    }

    async fn step(&mut self) -> Result<Next, RepositoryError> {
        self.core.take_dirty(&self.store.id);
        let seen = match self.look_and_decide().await {
            Ok(seen) => seen,
            Err(error) => {
                tracing::debug!(store = %self.store.id, error = &error as &dyn std::error::Error, "cannot look");
                return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval)));
            }
        };
        let (seen, action) = seen;
        if let Some(next) = self.write_gates(&seen).await? {
            return Ok(next);
        }
        match action {
            Action::Rest => Ok(Next::Sleep(self.rest())),
            Action::Look => Ok(Next::Sleep(WakeUp::After(Duration::from_secs(1)))),
            Action::Wait(how_long) => self.wait(how_long).await,
            Action::Admit => self.admit().await,
            Action::Record(change) => self.apply(change).await,
            Action::Do(step) => match act(self, step).await? {
                Acted::Next(next) => Ok(next),
                Acted::Failed(failure) => self.apply(Change::Fail(failure)).await,
            },
        }
    }

    /// Decides on what the watches know; anything but waiting is decided again on a fresh read.
    async fn look_and_decide(&mut self) -> Result<(Observation, Action), PortError> {
        let seen = self.look(Freshness::Cached).await?;
        let action = self.decide(&seen);
        if !wants_fresh(&self.store, &seen, &action) {
            return Ok((seen, action));
        }
        let seen = self.look(Freshness::Fresh).await?;
        if let Progress::Provisioning(p) = &mut self.store.progress
            && p.admitted
        {
            p.debit(self.core.clock.now(), self.core.settings.poll_interval * 2);
        }
        let action = self.decide(&seen);
        Ok((seen, action))
    }

    fn decide(&self, seen: &Observation) -> Action {
        let last_error = self.core.last_error(&self.store.id);
        let limits = Limits {
            now: self.core.clock.now(),
            timeout: self.core.settings.timeout,
            poll_interval: self.core.settings.poll_interval,
            last_error: last_error.as_deref(),
        };
        decide(&self.store, seen, &limits)
    }

    async fn look(&self, freshness: Freshness) -> Result<Observation, PortError> {
        let mut seen = self.core.probe.observe(&self.store, freshness).await?;
        if let Progress::Deleting(deleting) = &self.store.progress
            && freshness == Freshness::Fresh
        {
            let names: Vec<String> = deleting.evidence.volumes.iter().map(|volume| volume.name.clone()).collect();
            let existing = if names.is_empty() { names } else { self.core.probe.existing_volumes(&names).await? };
            seen.volumes = deleting
                .evidence
                .volumes
                .iter()
                .filter(|volume| existing.contains(&volume.name))
                .map(|volume| VolumeSeen { name: volume.name.clone(), claim: volume.claim.clone(), fate: volume.fate })
                .collect();
        }
        Ok(seen)
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
        // Once the Secret is there, nothing needs the password any more.
        update.erase_password = seen.credentials == crate::ports::CredentialsSeen::Ours;
        match self.record(update).await? {
            Next::Again => Ok(None),
            next => Ok(Some(next)),
        }
    }

    async fn wait(&mut self, how_long: Duration) -> Result<Next, RepositoryError> {
        if self.core.take_dirty(&self.store.id) {
            return Ok(Next::Again);
        }
        if let Progress::Provisioning(p) = &mut self.store.progress {
            p.debit(self.core.clock.now(), self.core.settings.poll_interval * 2);
            if let next @ (Next::Lost | Next::Sleep(_)) = self.record(self.update(Vec::new())).await? {
                return Ok(next);
            }
        }
        Ok(Next::Sleep(WakeUp::After(how_long)))
    }

    async fn admit(&mut self) -> Result<Next, RepositoryError> {
        let now = self.core.clock.now();
        if !self.core.repository.admit(&self.claim, self.core.settings.max_in_progress, now).await? {
            return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval.min(Duration::from_secs(1)))));
        }
        let Progress::Provisioning(p) = &mut self.store.progress else { return Ok(Next::Again) };
        p.admitted = true;
        p.seen_at = Some(now);
        let started = EventDraft::new(EventKind::AttemptStarted, format!("attempt {} started", p.attempt));
        let mut update = self.update(vec![started]);
        update.gates.advance(1, now);
        self.record(update).await
    }

    fn rest(&self) -> WakeUp {
        if self.store.awaits_second_look() { WakeUp::After(SECOND_LOOK_AFTER) } else { WakeUp::OnIntent }
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
            erase_password: false,
            events,
            at: self.core.clock.now(),
        }
    }

    /// Writes, unless epoch or intent moved on meanwhile; then the store is read again.
    pub(super) async fn record(&mut self, update: ProgressUpdate) -> Result<Next, RepositoryError> {
        let is_news = !update.events.is_empty();
        match self.core.repository.record(&self.claim, self.store.intent.generation, &update).await? {
            Recorded::Written(store) => {
                self.store = store;
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

/// Whether a decision must be taken again on a fresh read: everything that acts or settles; and waiting for anything
/// that is not watched, which is a release that is not deployed and the last of a teardown.
fn wants_fresh(store: &Store, seen: &Observation, action: &Action) -> bool {
    match (action, &store.progress) {
        (Action::Rest | Action::Admit | Action::Record(Change::BeginAttempt(_)), _) => false,
        (Action::Look | Action::Do(_) | Action::Record(_), _) => true,
        (Action::Wait(_), Progress::Provisioning(_)) => !matches!(seen.release, ReleaseSeen::Deployed { .. }),
        (Action::Wait(_), Progress::Deleting(_)) => !matches!(seen.namespace, NamespaceSeen::Terminating { .. }),
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
