//! One worker's turn with one store: from the claim until there is nothing to do but wait.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::act::{Acted, act};
use super::cluster_gate::check;
use super::decide::{Action, Change};
use super::look::Looked;
use super::readiness::gates_met;
use super::run::{Core, Stop};
use crate::lifecycle::{EventKind, Gates, InvalidTransition, Progress, Store};
use crate::planted::{Bug, planted};
use crate::ports::{
    Admission, Claim, Claimed, CutOff, ErrorClass, EventDraft, Observation, ProgressUpdate, Recorded, Renewal,
    RepositoryError, StopOutcome, WakeUp,
};

/// A turn that does this much without having to wait is cut, so that a fault in a decision cannot spin for ever.
const STEPS_MAX: usize = 50;
/// When a tombstone is looked at once more.
const SECOND_LOOK_AFTER: Duration = Duration::from_mins(1);

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
    /// How far the repository's clock is ahead of ours.
    ahead: SignedDuration,
    /// The generation of the intent that the last decision was about.
    pub(super) decided_on: u64,
    why: Why,
    /// The Secret was seen: nothing needs the sealed password any more.
    pub(super) has_secret: bool,
    /// There is more to remove than was written down.
    pub(super) has_new_evidence: bool,
}

/// How a turn came about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Why {
    /// Nobody works on the other stores, so that this one waits for none of them.
    pub(super) is_alone: bool,
    /// Something changed in the cluster; the store need not be due.
    pub(super) is_woken: bool,
}

/// Takes a turn with a claimed store. Never fails: what goes wrong is logged and tried again later.
pub(super) async fn attend(core: &Core, claimed: Claimed, stop: &Stop, why: Why) {
    let mut turn = Turn {
        core,
        ahead: claimed.at.duration_since(core.clock.now()),
        claim: claimed.claim,
        decided_on: claimed.store.intent.generation,
        store: claimed.store,
        stop,
        why,
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
        let early = self.until_second_look();
        if !early.is_zero() && !planted(Bug::SecondLookAtOnce) {
            return Ok(Next::Sleep(WakeUp::After(early)));
        }
        // Somebody else settled it just before.
        if self.why.is_woken && self.store.is_settled() {
            return Ok(Next::Sleep(self.rest()));
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
        if self.lacks_no_right() {
            self.core.unpark(&self.store.id);
        }
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

    /// Whether the last action that went wrong did so for another reason than a right that the platform lacks.
    pub(super) fn lacks_no_right(&self) -> bool {
        let last = self.core.last_error(&self.store);
        last.is_none_or(|last| last.error.class() != ErrorClass::Denied)
    }

    /// The repository's time, which all processes share. A budget runs in it: their own clocks may be hours apart, and
    /// they take turns.
    pub(super) fn shared_now(&self) -> Timestamp {
        self.core.clock.now() + self.ahead
    }

    /// Debits the time since the last look from the budget of a store that is being brought up.
    pub(super) fn debit(&mut self, longest: Duration) {
        let now = self.shared_now();
        if let Progress::Provisioning(p) = &mut self.store.progress
            && p.admitted
            && !planted(Bug::BudgetNeverSpent)
        {
            let longest = if planted(Bug::ParkedTimeCounted) { Duration::MAX } else { longest };
            p.debit(now, longest);
        }
    }

    /// Writes down which gates were met since the last look.
    async fn write_gates(&mut self, seen: &Observation) -> Result<Option<Next>, RepositoryError> {
        let is_building = matches!(&self.store.progress, Progress::Provisioning(p) if p.admitted && !p.clearing);
        if !is_building {
            return Ok(None);
        }
        let now = self.shared_now();
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
        let now = self.shared_now();
        let in_order = Admission::InOrder { places: self.core.settings.max_in_progress };
        let admission = if self.why.is_alone { Admission::OutOfTurn } else { in_order };
        if !self.core.repository.admit(&self.claim, admission).await? {
            // Whoever frees a place wakes the next in the queue; the timer is only the net.
            return Ok(Next::Sleep(WakeUp::After(self.core.settings.poll_interval * 6)));
        }
        let provenance = self.core.deployer.provenance().await;
        let seen_at = self.shared_now();
        let Progress::Provisioning(p) = &mut self.store.progress else { return Ok(Next::Again) };
        p.admitted = true;
        p.seen_at = Some(seen_at);
        let with = provenance.map(|with| format!(" with {with}")).unwrap_or_default();
        let started = EventDraft::new(EventKind::AttemptStarted, format!("attempt {} started{with}", p.attempt));
        let mut update = self.update(vec![started]);
        update.gates.advance(1, now);
        self.record(update).await
    }

    /// How much too early it is for a tombstone's second look: something woke it, or whoever wrote it died before it
    /// said when to look again.
    fn until_second_look(&self) -> Duration {
        match &self.store.progress {
            Progress::Deleted(deleted) if !deleted.looked_again => {
                let age = Duration::try_from(self.shared_now().duration_since(deleted.at)).unwrap_or_default();
                SECOND_LOOK_AFTER.saturating_sub(age)
            }
            _ => Duration::ZERO,
        }
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
        if self.store.is_settled() {
            self.core.forget(&self.store.id);
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
        let now = self.shared_now();
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
                let noun = if volumes == 1 { "volume" } else { "volumes" };
                let message = format!("teardown started: {volumes} {noun} to remove");
                (before.begin_teardown(evidence, now)?, Some((EventKind::TeardownStarted, message)))
            }
            Change::Blocked(blocker) => {
                let told = blocker.as_ref().map(|blocker| format!("teardown is held up: {}", blocker.message));
                (with_blocker(before, blocker), told.map(|message| (EventKind::TeardownBlocked, message)))
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
            at: self.shared_now(),
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

fn set_clearing(progress: Progress, clearing: bool) -> Progress {
    match progress {
        Progress::Provisioning(p) => Progress::Provisioning(crate::lifecycle::Provisioning { clearing, ..p }),
        other => other,
    }
}

fn with_blocker(progress: Progress, blocker: Option<crate::lifecycle::Blocker>) -> Progress {
    match progress {
        Progress::Deleting(d) => Progress::Deleting(crate::lifecycle::Deleting { blocker, ..d }),
        other => other,
    }
}

fn looked_again(progress: Progress) -> Progress {
    match progress {
        Progress::Deleted(d) => Progress::Deleted(crate::lifecycle::Deleted { looked_again: true, ..d }),
        other => other,
    }
}
