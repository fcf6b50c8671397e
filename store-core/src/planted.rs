//! Bugs that can be planted into this crate's own paths, so that the simulation can be shown to find them.
//!
//! Without the feature `planted-bugs` the question whether a bug is planted is a constant `false`, and the compiler drops
//! what hangs on it. With it, a build without debug assertions is refused, so no release build can have one.

#[cfg(all(feature = "planted-bugs", not(debug_assertions)))]
compile_error!("planted-bugs is for the simulation alone and never for a release build");

use crate::ports::PortError;
use crate::store::StoreCredentials;

/// A bug that somebody could have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// Helm's exit code 0 counts as a deployed release.
    ExitCodeTrusted,
    /// What an earlier owner's Helm may still be doing is not waited for.
    NoReap,
    /// An action is not written down before it starts.
    ActionNotWrittenDown,
    /// A Helm that is told to stop is not waited for.
    HelmLeftRunning,
    /// DELETED is decided on what the watches remember.
    DeletedFromCache,
    /// READY is decided on what the watches remember.
    ReadyFromCache,
    /// DELETED does not wait for volumes.
    VolumesForgotten,
    /// A change of state and the event that tells of it are two transactions.
    EventInItsOwnTransaction,
    /// An event tells the admin's password.
    PasswordInEvent,
    /// The sealed password is kept when the Secret exists.
    PasswordKept,
    /// Time in which the cluster was out of sight is debited.
    ParkedTimeCounted,
    /// No time is ever debited.
    BudgetNeverSpent,
    /// A tombstone is not looked at again.
    NoSecondLook,
    /// Work goes on whichever cluster answers.
    ClusterNotChecked,
    /// The idempotency key of a request is lost on its way.
    IdempotencyKeyDropped,
    /// The setup job of an earlier attempt counts for this one.
    EarlierAttemptCounts,
    /// What was decided is done although something else is wanted by now.
    DecisionOutlivesIntent,
    /// A process that was frozen before it started its Helm starts it all the same.
    LateStart,
    /// What an earlier attempt left is cleared away with the namespace, data included.
    ClearsTheNamespace,
    /// A tombstone is looked at again as soon as something wakes it.
    SecondLookAtOnce,
    /// The repository takes writes of a claim that somebody else has by now.
    NoEpochCheck,
}

#[cfg(feature = "planted-bugs")]
impl Bug {
    /// Every bug.
    pub const ALL: [Self; 21] = [
        Self::ExitCodeTrusted,
        Self::NoReap,
        Self::ActionNotWrittenDown,
        Self::HelmLeftRunning,
        Self::DeletedFromCache,
        Self::ReadyFromCache,
        Self::VolumesForgotten,
        Self::EventInItsOwnTransaction,
        Self::PasswordInEvent,
        Self::PasswordKept,
        Self::ParkedTimeCounted,
        Self::BudgetNeverSpent,
        Self::NoSecondLook,
        Self::ClusterNotChecked,
        Self::IdempotencyKeyDropped,
        Self::EarlierAttemptCounts,
        Self::DecisionOutlivesIntent,
        Self::LateStart,
        Self::ClearsTheNamespace,
        Self::SecondLookAtOnce,
        Self::NoEpochCheck,
    ];
}

/// Whether this bug is planted on this thread.
#[cfg(feature = "planted-bugs")]
pub(crate) fn planted(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

/// Whether this bug is planted: never.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) const fn planted(_: Bug) -> bool {
    false
}

/// An error as it is told: with the password, if that bug is planted. Not even the code for it is there otherwise.
#[cfg(feature = "planted-bugs")]
pub(crate) fn in_words(error: PortError, credentials: &StoreCredentials) -> PortError {
    use secrecy::ExposeSecret as _;
    if !planted(Bug::PasswordInEvent) {
        return error;
    }
    let password = credentials.entries().get("admin-password").map(|password| password.expose_secret().to_owned());
    PortError::new(error.class(), format!("{error}: {}", password.unwrap_or_default()))
}

/// An error as it is told: as it is.
#[cfg(not(feature = "planted-bugs"))]
pub(crate) fn in_words(error: PortError, _: &StoreCredentials) -> PortError {
    error
}

#[cfg(feature = "planted-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Bug>> = const { std::cell::Cell::new(None) };
}

/// Plants a bug on this thread, or takes it away.
#[cfg(feature = "planted-bugs")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}
