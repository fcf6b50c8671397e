//! What to do next for one store. Pure: no clock, no network, no database; the table tests are its specification.

use std::time::Duration;

use jiff::Timestamp;

use super::diagnose::{Judge, prime_suspect};
use super::readiness::{Expected, gates_met, is_ready};
use super::teardown;
use crate::lifecycle::{
    Blocker, Desired, Failure, FailureCode, Gate, ObjectRef, Progress, Provisioning, Store, TeardownEvidence,
};
use crate::planted::{Bug, planted};
use crate::ports::{
    CredentialsSeen, ErrorClass, NamespaceSeen, Observation, PendingKind, PortError, ReleaseSeen, SetupReport,
    SetupSeen,
};

/// Time is debited by a look: one more is needed after the last of it is spent.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

/// The one next step.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Nothing, until its owner wants something else.
    Rest,
    /// Nothing, until something changes in the cluster or this much time has passed.
    Wait(Duration),
    /// Look at the cluster itself: what the watches know is not enough.
    Look,
    /// Ask for a place among the stores that are being brought up.
    Admit,
    /// Change the cluster.
    Do(Step),
    /// Write down what has been reached.
    Record(Change),
}

/// A change of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Create the namespace.
    EnsureNamespace,
    /// Create the Secret.
    EnsureCredentials,
    /// Install the release.
    Install,
    /// Roll the release back to this revision.
    Rollback(u32),
    /// Uninstall the release.
    Uninstall,
    /// Delete the namespace of this UID.
    DeleteNamespace(String),
}

/// A change of what has been reached.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Begin this attempt.
    BeginAttempt(u32),
    /// Something was cut off: clear away what it left before going on.
    StartClearing,
    /// Nothing is left of what had to be cleared away.
    Cleared,
    /// READY, with this revision deployed.
    Ready(u32, SetupReport),
    /// FAILED.
    Fail(Failure),
    /// Begin the teardown; this is what there is to remove.
    BeginTeardown(TeardownEvidence),
    /// The teardown is held up by this, or by nothing any more.
    Blocked(Option<Blocker>),
    /// Nothing is left.
    Deleted,
    /// The tombstone was looked at once more, and nothing was there.
    LookedAgain,
}

/// What a decision knows beside store and cluster.
#[derive(Debug, Clone, Copy)]
pub struct Limits<'a> {
    /// The time of this process, in which the cluster is watched.
    pub now: Timestamp,
    /// The repository's time, in which progress is written.
    pub shared_now: Timestamp,
    /// The provisioning budget.
    pub timeout: Duration,
    /// How long to wait when nothing reports a change.
    pub poll_interval: Duration,
    /// The last error of an action for this store, if its last action failed.
    pub last_error: Option<&'a PortError>,
}

/// The one next step for `store`, given what was just `seen` of it in the cluster.
///
/// Level-triggered: the answer depends on what is, never on how it came to be, so the happy path, a retry and the
/// recovery after a crash are the same code.
pub fn decide(store: &Store, seen: &Observation, limits: &Limits<'_>) -> Action {
    if store.intent.desired == Desired::Deleted {
        return teardown::decide(store, seen, limits);
    }
    match &store.progress {
        Progress::Provisioning(p) => provisioning(store, p, seen, limits),
        Progress::Failed(failed) if store.intent.attempt > failed.attempt => {
            Action::Record(Change::BeginAttempt(store.intent.attempt))
        }
        Progress::Ready(_) | Progress::Failed(_) => Action::Rest,
        Progress::Deleting(_) | Progress::Deleted(_) => teardown::decide(store, seen, limits),
    }
}

fn provisioning(store: &Store, p: &Provisioning, seen: &Observation, limits: &Limits<'_>) -> Action {
    if !p.admitted {
        return Action::Admit;
    }
    if is_unseen(seen) {
        return Action::Look;
    }
    if p.clearing {
        return clearing(store, p, seen, limits);
    }
    // A reached goal beats a deadline: first what is, then the clock.
    if is_ready(&Expected::of_store(store), seen) {
        return Action::Record(ready(seen));
    }
    let met = gates_met(store, seen);
    let judge = Judge::new(store, met, limits);
    if let Some(failure) = refused(seen, limits).or_else(|| judge.culprit(seen)) {
        return Action::Record(Change::Fail(failure));
    }
    if p.spent() >= limits.timeout {
        return Action::Record(Change::Fail(timed_out(store, seen, met, limits)));
    }
    match namespace(store, seen, limits) {
        // A verdict that is due comes when it is due, not up to a poll later.
        Action::Wait(how_long) => {
            let until_verdict = judge.next_verdict(seen).unwrap_or(Duration::MAX);
            Action::Wait(how_long.min(until_verdict).min(unspent(p, limits)))
        }
        action => action,
    }
}

/// What is left of the budget, less the time that was not debited yet.
fn unspent(p: &Provisioning, limits: &Limits<'_>) -> Duration {
    let since =
        p.seen_at.map(|seen_at| Duration::try_from(limits.shared_now.duration_since(seen_at)).unwrap_or_default());
    limits.timeout.saturating_sub(p.spent()).saturating_sub(since.unwrap_or_default()).max(SHORTEST_WAIT)
}

/// Whether some part that a decision needs has not been looked at yet.
pub(super) fn is_unseen(seen: &Observation) -> bool {
    match seen.namespace {
        NamespaceSeen::Unknown => true,
        NamespaceSeen::Absent | NamespaceSeen::Foreign => false,
        NamespaceSeen::Active { .. } | NamespaceSeen::Terminating { .. } => {
            seen.release == ReleaseSeen::Unknown || seen.credentials == CredentialsSeen::Unknown
        }
    }
}

fn ready(seen: &Observation) -> Change {
    let report = match &seen.setup {
        SetupSeen::Succeeded(report) => report.clone(),
        _ => SetupReport::default(),
    };
    Change::Ready(seen.release.deployed_revision().unwrap_or_default(), report)
}

fn namespace(store: &Store, seen: &Observation, limits: &Limits<'_>) -> Action {
    match &seen.namespace {
        NamespaceSeen::Absent => Action::Do(Step::EnsureNamespace),
        NamespaceSeen::Active { .. } => credentials(store, seen, limits),
        NamespaceSeen::Foreign => Action::Record(Change::Fail(foreign("Namespace", &store.id.namespace()))),
        // Somebody deletes it; when it is gone, a new one is made. The budget bounds the wait.
        NamespaceSeen::Terminating { .. } | NamespaceSeen::Unknown => Action::Wait(limits.poll_interval),
    }
}

fn credentials(store: &Store, seen: &Observation, limits: &Limits<'_>) -> Action {
    match seen.credentials {
        // The database of these volumes was made with a password that nobody has any more.
        CredentialsSeen::Absent if !seen.volumes.is_empty() => {
            Action::Record(Change::Fail(secret_lost(&store.id.credentials_secret())))
        }
        CredentialsSeen::Absent => Action::Do(Step::EnsureCredentials),
        CredentialsSeen::Ours => release(seen, limits),
        CredentialsSeen::Foreign => Action::Record(Change::Fail(foreign("Secret", &store.id.credentials_secret()))),
        CredentialsSeen::Unknown => Action::Look,
    }
}

fn release(seen: &Observation, limits: &Limits<'_>) -> Action {
    match &seen.release {
        // Absence must be proven before anything is installed: objects of a Helm that was cut off may still be going.
        ReleaseSeen::Absent if seen.leftovers > 0 => Action::Wait(Duration::from_secs(1)),
        ReleaseSeen::Absent => Action::Do(Step::Install),
        // Cut off before it was whole, and its process is known to be gone: nothing of value exists yet.
        ReleaseSeen::Pending { .. } if planted(Bug::ExitCodeTrusted) => Action::Wait(limits.poll_interval),
        ReleaseSeen::Pending { kind: PendingKind::Install, .. } | ReleaseSeen::Failed { .. } => {
            Action::Record(Change::StartClearing)
        }
        // Somebody's own upgrade was cut off: back to what worked before, never uninstall.
        ReleaseSeen::Pending { last_deployed: Some(before), .. } => Action::Do(Step::Rollback(*before)),
        ReleaseSeen::Pending { last_deployed: None, .. } => Action::Record(Change::StartClearing),
        ReleaseSeen::Uninstalling { .. } => Action::Do(Step::Uninstall),
        ReleaseSeen::Deployed { .. } => Action::Wait(limits.poll_interval),
        ReleaseSeen::Unknown => Action::Look,
    }
}

/// Uninstall, prove absence; only then go on. The namespace, the Secret and the database's claim stay.
fn clearing(store: &Store, p: &Provisioning, seen: &Observation, limits: &Limits<'_>) -> Action {
    if let Some(failure) = refused(seen, limits) {
        return Action::Record(Change::Fail(failure));
    }
    if p.spent() >= limits.timeout {
        return Action::Record(Change::Fail(timed_out(store, seen, gates_met(store, seen), limits)));
    }
    let namespace_there = matches!(seen.namespace, NamespaceSeen::Active { .. });
    match &seen.release {
        ReleaseSeen::Absent | ReleaseSeen::Unknown if seen.leftovers == 0 => Action::Record(Change::Cleared),
        ReleaseSeen::Absent | ReleaseSeen::Unknown => Action::Wait(Duration::from_secs(1)),
        _ if namespace_there => match &seen.namespace {
            NamespaceSeen::Active { uid } if planted(Bug::ClearsTheNamespace) => {
                Action::Do(Step::DeleteNamespace(uid.clone()))
            }
            _ => Action::Do(Step::Uninstall),
        },
        _ => Action::Wait(limits.poll_interval),
    }
}

/// A refusal that will come again until somebody changes something. What the cluster shows beats what the action said.
fn refused(seen: &Observation, limits: &Limits<'_>) -> Option<Failure> {
    let error = limits.last_error?;
    if matches!(seen.release, ReleaseSeen::Deployed { .. }) {
        return None;
    }
    let (code, hint) = match error.class() {
        ErrorClass::Permanent => {
            (FailureCode::ReleaseRefused, "Mend the chart, its values or the platform's rights, then retry")
        }
        ErrorClass::Conflict => {
            (FailureCode::ForeignObject, "Remove or rename the object that is in the way, then retry")
        }
        ErrorClass::NotFound | ErrorClass::Transient | ErrorClass::Denied | ErrorClass::Cancelled => return None,
    };
    let failure = Failure::new(code, "The cluster refuses the store", hint).quoting(&error.to_string());
    Some(Failure { object: error.object().cloned(), ..failure })
}

fn foreign(kind: &str, name: &str) -> Failure {
    Failure::new(
        FailureCode::ForeignObject,
        format!("{kind} {name} exists and belongs to somebody else"),
        "It is never taken over; delete this store and create it again under a new id",
    )
    .blaming(ObjectRef::new(kind, name))
}

fn secret_lost(secret: &str) -> Failure {
    Failure::new(
        FailureCode::CredentialsLost,
        "The store's Secret was deleted while its database still exists",
        "Restore the Secret from a backup, or delete the store; a database password is never replaced",
    )
    .blaming(ObjectRef::new("Secret", secret))
}

fn timed_out(store: &Store, seen: &Observation, met: usize, limits: &Limits<'_>) -> Failure {
    let step = Gate::of(store.engine).get(met).copied().unwrap_or(Gate::Storefront);
    let message =
        format!("Provisioning timed out: {} s passed and the gate \"{step}\" is not met", limits.timeout.as_secs());
    let suspect = prime_suspect(store, seen);
    let hint = "Look at the store's pods and events, mend the cause, then retry";
    let mut failure = Failure::new(FailureCode::TimedOut, message, hint);
    if let Some(suspect) = suspect {
        failure.object.clone_from(&suspect.object);
        failure.hint = suspect.hint;
        failure = failure.quoting(&match suspect.event {
            Some(event) => format!("{}: {event}", suspect.message),
            None => suspect.message,
        });
    } else if let Some(error) = limits.last_error {
        failure = failure.quoting(&error.to_string());
    }
    failure
}
