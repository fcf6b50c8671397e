//! Changing the cluster: write the action down, do it under a lease that is kept alive, and forget it when nothing of
//! it runs any more.

use std::time::Duration;

use jiff::SignedDuration;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attend::{Next, Turn};
use super::decide::Step;
use crate::lifecycle::{Blocker, EventKind, Failure, FailureCode, Progress, TeardownPhase};
use crate::planted::{self, Bug, planted};
use crate::ports::{
    ActionContext, ActionInFlight, ActionKind, ErrorClass, EventDraft, PortError, Renewal, RepositoryError, WakeUp,
};
use crate::store::{AdminPassword, StoreCredentials};

/// How often a lease is renewed while an action runs; also how soon a change of intent by another process stops it.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);
/// Length of generated secrets: 32 letters and digits are 190 bits.
const SECRET_LENGTH: usize = 32;

pub(super) enum Acted {
    Next(Next),
    /// It cannot be done, and will not be by trying again.
    Failed(Failure),
}

/// Does one step. What came of it is seen by the next look, not taken from here.
pub(super) async fn act(turn: &mut Turn<'_>, step: Step) -> Result<Acted, RepositoryError> {
    let credentials = match &step {
        Step::EnsureCredentials => match credentials(turn).await? {
            Ok(credentials) => Some(credentials),
            Err(failure) => return Ok(Acted::Failed(failure)),
        },
        _ => None,
    };
    let kind = kind(&step);
    let id =
        Uuid::from_u128((u128::from(turn.core.entropy.next_u64()) << 64) | u128::from(turn.core.entropy.next_u64()));
    let cancel = turn.core.stop_token(&turn.store.id, &turn.stop.halt);
    let slots = if turn.is_teardown() { &turn.core.teardown_slots } else { &turn.core.provisioning_slots };
    let permit = tokio::select! {
        biased;
        // Room that a shutdown makes is for nobody: the next run goes on from here.
        () = turn.stop.drain.cancelled() => return Ok(Acted::Next(Next::Sleep(WakeUp::After(Duration::ZERO)))),
        permit = slots.acquire() => permit,
        lost = keep_lease(turn, &cancel) => return after_lease_ended(turn, lost).await,
    };
    let start_within = turn.core.settings.lease / 3;
    if kind.starts_process() && !may_start(turn, kind, id, start_within).await? {
        return Ok(Acted::Next(turn.reread().await?));
    }
    // Until here nothing was done; waiting for a slot is not the store's time.
    turn.debit(Duration::ZERO);
    let mut sight = turn.core.cluster.subscribe();
    let is_seen = sight.borrow_and_update().is_open();
    let (epoch, deadline) = (turn.claim.epoch, kind.hard_deadline());
    let context = ActionContext { id, epoch, deadline, start_within, cancel: cancel.clone() };
    let begun = turn.core.clock.now();
    let (result, is_lost) = {
        let doing = perform(turn, &step, credentials.as_ref(), &context);
        tokio::pin!(doing);
        tokio::select! {
            biased;
            result = &mut doing => (result, false),
            lost = keep_lease(turn, &cancel) => {
                // The action sees its token and ends its process; only then does this turn go on.
                cancel.cancel();
                let stopped = PortError::new(ErrorClass::Cancelled, "stopped");
                let result = if planted(Bug::HelmLeftRunning) { Err(stopped) } else { doing.await };
                (result, lost?)
            }
        }
    };
    drop(permit);
    measure(kind, turn.core.clock.now().duration_since(begun), &result);
    if is_lost {
        return Ok(Acted::Next(Next::Lost));
    }
    if kind.starts_process() {
        turn.core.repository.end_action(&turn.claim).await?;
    }
    // An action that waited for the cluster may end only after it came back.
    let was_seen_throughout = is_seen && !sight.has_changed().unwrap_or(true);
    let counts = was_seen_throughout && !is_denied(&result);
    turn.debit(if counts { kind.hard_deadline() } else { Duration::ZERO });
    conclude(turn, kind, result).await
}

/// How long an action took and what came of it, for whoever has installed a recorder.
fn measure(kind: ActionKind, took: SignedDuration, result: &Result<(), PortError>) {
    let result = match result {
        Ok(()) => "done",
        Err(error) if error.class() == ErrorClass::Cancelled => "stopped",
        Err(_) => "failed",
    };
    metrics::histogram!("store_platform_action_seconds", "action" => kind.label(), "result" => result)
        .record(took.as_secs_f64().max(0.0));
}

async fn after_lease_ended(turn: &mut Turn<'_>, lost: Result<bool, RepositoryError>) -> Result<Acted, RepositoryError> {
    Ok(Acted::Next(if lost? { Next::Lost } else { turn.reread().await? }))
}

/// Writes the action down under a lease that is new, and says whether its process may start: not if something else is
/// wanted, and not if this took so long (a process can be frozen) that a successor may be at work, having found nothing
/// to end.
async fn may_start(
    turn: &Turn<'_>,
    kind: ActionKind,
    id: Uuid,
    start_within: Duration,
) -> Result<bool, RepositoryError> {
    let asked_at = turn.core.clock.now();
    turn.core.repository.renew(&turn.claim, turn.core.settings.lease).await?;
    if !write_down(turn, kind, id).await? {
        return Ok(false);
    }
    let waited = Duration::try_from(turn.core.clock.now().duration_since(asked_at)).unwrap_or_default();
    if waited >= start_within && !planted(Bug::LateStart) {
        turn.core.repository.end_action(&turn.claim).await?;
        return Ok(false);
    }
    Ok(true)
}

async fn write_down(turn: &Turn<'_>, kind: ActionKind, id: Uuid) -> Result<bool, RepositoryError> {
    if planted(Bug::ActionNotWrittenDown) {
        return Ok(true);
    }
    let (host, boot_id) = turn.core.deployer.host();
    let action = ActionInFlight { id, kind, epoch: turn.claim.epoch, host, boot_id };
    turn.core.repository.begin_action(&turn.claim, turn.store.intent.generation, &action).await
}

/// Renews the lease until it is lost (`true`), or the intent is not the one that was decided on (`false`).
pub(super) async fn keep_lease(turn: &Turn<'_>, cancel: &CancellationToken) -> Result<bool, RepositoryError> {
    let ask = turn.core.ask_signal(&turn.store.id);
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Ok(false),
            () = ask.notified() => {}
            () = turn.core.clock.sleep(RENEW_EVERY) => {}
        }
        match turn.core.repository.renew(&turn.claim, turn.core.settings.lease).await {
            Ok(Renewal::Lost) => return Ok(true),
            Ok(Renewal::Held { generation }) if generation != turn.store.intent.generation => return Ok(false),
            Ok(Renewal::Held { .. }) => {}
            // The database may be back before the lease runs out; if not, the epoch refuses our writes.
            Err(error) if error.class() == ErrorClass::Transient => {}
            Err(error) => return Err(error),
        }
    }
}

async fn perform(
    turn: &Turn<'_>,
    step: &Step,
    credentials: Option<&StoreCredentials>,
    context: &ActionContext,
) -> Result<(), PortError> {
    let (deployer, store) = (&turn.core.deployer, &turn.store);
    tracing::info!(store = %store.id, action = %kind(step), "acting");
    match (step, credentials) {
        (Step::EnsureNamespace, _) => deployer.ensure_namespace(store, context).await,
        (Step::EnsureCredentials, Some(credentials)) => {
            let made = deployer.ensure_credentials(store, credentials, context).await;
            made.map_err(|error| planted::in_words(error, credentials))
        }
        (Step::EnsureCredentials, None) => Err(PortError::permanent("there are no credentials to store")),
        (Step::Install, _) => deployer.install(store, context).await,
        (Step::Rollback(revision), _) => deployer.rollback(store, *revision, context).await,
        (Step::Uninstall, _) => deployer.uninstall(store, context).await,
        (Step::DeleteNamespace(uid), _) => deployer.delete_namespace(store, uid, context).await,
    }
}

async fn conclude(
    turn: &mut Turn<'_>,
    kind: ActionKind,
    result: Result<(), PortError>,
) -> Result<Acted, RepositoryError> {
    let error = match result {
        Ok(()) => return turn.succeeded(kind).await.map(Acted::Next),
        Err(error) if error.class() == ErrorClass::Cancelled => return turn.was_stopped().await.map(Acted::Next),
        Err(error) => error,
    };
    tracing::warn!(store = %turn.store.id, action = %kind, error = &error as &dyn std::error::Error, "an action failed");
    let may_come_right = matches!(error.class(), ErrorClass::Transient | ErrorClass::Denied);
    let message = format!("could not {kind}: {error}");
    if error.class() == ErrorClass::Denied {
        turn.core.park(&turn.store.id, error.to_string());
    }
    turn.core.remember_error(&turn.store, kind, error);
    let in_a_row = turn.errors_in_a_row() + 1;
    turn.count_errors(in_a_row);
    turn.note_refusal(kind, &message);
    // A long outage must not fill the history: the 1st, 2nd, 4th, 8th … failure in a row is told.
    let events =
        if in_a_row.is_power_of_two() { vec![EventDraft::new(EventKind::ActionFailed, message)] } else { Vec::new() };
    let next = turn.after_action(kind, events).await?;
    let is_decided_anew = turn.has_given_up_on(kind) || (!may_come_right && !turn.is_teardown());
    match next {
        Next::Again if !is_decided_anew => Ok(Acted::Next(Next::Sleep(WakeUp::After(backoff(in_a_row))))),
        next => Ok(Acted::Next(next)),
    }
}

/// Whether the platform lacks a right: nobody mends that by trying, and it is not the store's time.
fn is_denied(result: &Result<(), PortError>) -> bool {
    result.as_ref().is_err_and(|error| error.class() == ErrorClass::Denied)
}

/// The pause after this many failures in a row.
pub(super) fn backoff(in_a_row: u32) -> Duration {
    Duration::from_secs(1 << in_a_row.saturating_sub(1).min(5)).min(LONGEST_BACKOFF)
}

/// What goes into the Secret: the admin's account, whose password has been resting sealed, and generated secrets.
async fn credentials(turn: &Turn<'_>) -> Result<Result<StoreCredentials, Failure>, RepositoryError> {
    let Some(sealed) = turn.core.repository.sealed_password(&turn.store.id).await? else {
        return Ok(Err(lost("the Secret is gone, and the admin password was erased when it was made")));
    };
    let installation = turn.core.installation().await?;
    Ok(match turn.core.cipher.open(installation, &turn.store.id, &sealed) {
        Ok(password) => Ok(collect(turn, &password)),
        Err(error) => Err(lost(&error.to_string())),
    })
}

fn collect(turn: &Turn<'_>, password: &AdminPassword) -> StoreCredentials {
    let store = &turn.store;
    let admin = [
        ("admin-username", store.admin_username.as_str()),
        ("admin-email", store.admin_email.as_str()),
        ("admin-password", password.expose()),
    ];
    let admin = admin.map(|(key, value)| (key.to_owned(), SecretString::from(value)));
    let generated = store
        .engine
        .generated_credentials()
        .iter()
        .map(|key| ((*key).to_owned(), SecretString::from(turn.core.entropy.alphanumeric(SECRET_LENGTH))));
    StoreCredentials::new(admin.into_iter().chain(generated))
}

fn lost(why: &str) -> Failure {
    Failure::new(FailureCode::CredentialsLost, "The store's credentials are lost", "Retry with a new admin password")
        .quoting(why)
}

fn kind(step: &Step) -> ActionKind {
    match step {
        Step::EnsureNamespace => ActionKind::EnsureNamespace,
        Step::EnsureCredentials => ActionKind::EnsureCredentials,
        Step::Install => ActionKind::Install,
        Step::Rollback(_) => ActionKind::Rollback,
        Step::Uninstall => ActionKind::Uninstall,
        Step::DeleteNamespace(_) => ActionKind::DeleteNamespace,
    }
}

impl Turn<'_> {
    fn is_teardown(&self) -> bool {
        self.store.intent.desired == crate::lifecycle::Desired::Deleted
    }

    pub(super) fn errors_in_a_row(&self) -> u32 {
        match &self.store.progress {
            Progress::Provisioning(p) => p.errors_in_a_row,
            Progress::Deleting(d) => d.errors_in_a_row,
            _ => 0,
        }
    }

    fn count_errors(&mut self, count: u32) {
        match &mut self.store.progress {
            Progress::Provisioning(p) => p.errors_in_a_row = count,
            Progress::Deleting(d) => d.errors_in_a_row = count,
            _ => {}
        }
    }

    /// What refuses again and again that the namespace goes, such as an admission webhook, holds up the teardown.
    fn note_refusal(&mut self, kind: ActionKind, message: &str) {
        if let Progress::Deleting(d) = &mut self.store.progress
            && kind == ActionKind::DeleteNamespace
            && d.errors_in_a_row > 1
        {
            let hint = "See what refuses it (admission webhooks, missing rights); it is tried again and again";
            d.blocker = Some(Blocker { message: message.to_owned(), object: None, hint: hint.to_owned() });
        }
    }

    /// `helm uninstall` is best effort in a teardown: the namespace takes everything with it.
    fn has_given_up_on(&self, kind: ActionKind) -> bool {
        kind == ActionKind::Uninstall && matches!(self.store.progress, Progress::Deleting(_))
    }

    /// Only the success of what went wrong ends a row of errors: an uninstall between two failed installs does not.
    async fn succeeded(&mut self, kind: ActionKind) -> Result<Next, RepositoryError> {
        if self.core.last_error(&self.store).is_none_or(|last| last.kind == kind) {
            self.core.forget(&self.store.id);
            self.count_errors(0);
        }
        let now = self.shared_now();
        if kind == ActionKind::Uninstall
            && let Progress::Deleting(deleting) = &mut self.store.progress
        {
            deleting.ends(TeardownPhase::Release, now);
        }
        self.after_action(kind, Vec::new()).await
    }

    /// Stopped because something else is wanted, or because this process ends.
    async fn was_stopped(&mut self) -> Result<Next, RepositoryError> {
        match self.reread().await? {
            Next::Again if self.stop.drain.is_cancelled() => Ok(Next::Sleep(WakeUp::After(Duration::ZERO))),
            next => Ok(next),
        }
    }

    /// Writes down what the action changed in the turn's own knowledge: budget, errors, how far a teardown is.
    async fn after_action(&mut self, kind: ActionKind, mut events: Vec<EventDraft>) -> Result<Next, RepositoryError> {
        match &mut self.store.progress {
            Progress::Deleting(d) if kind == ActionKind::Uninstall => d.uninstall_tried = true,
            Progress::Deleted(_) if kind == ActionKind::DeleteNamespace && events.is_empty() => {
                let message = "a namespace that arrived after the deletion was removed";
                events.push(EventDraft::new(EventKind::LateArrivalRemoved, message));
            }
            Progress::Provisioning(_) | Progress::Deleting(_) => {}
            _ => return Ok(Next::Again),
        }
        let update = self.update(events);
        self.record(update).await
    }
}
