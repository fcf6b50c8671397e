//! The audit trail: one event for each change, written in the change's own transaction.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Gate, Status};
use crate::store::StoreId;

/// The place of an event in commit order; the id of an SSE message.
pub type Position = u64;

/// What happened to a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum EventKind {
    /// Somebody asked for it.
    Created,
    /// An attempt began.
    AttemptStarted,
    /// A gate was met.
    GateMet,
    /// An action on the cluster failed and will be tried again.
    ActionFailed,
    /// A Helm that was cut off left something behind, which is cleared away.
    Recovering,
    /// It became READY.
    Ready,
    /// It failed.
    Failed,
    /// Somebody asked for another attempt.
    RetryRequested,
    /// Somebody protected it from deletion.
    Protected,
    /// Somebody took its protection away.
    Unprotected,
    /// Somebody asked for its deletion.
    DeletionRequested,
    /// Its teardown began.
    TeardownStarted,
    /// Something holds up its teardown.
    TeardownBlocked,
    /// Nothing of it is left.
    Deleted,
    /// The second look at its tombstone found something that landed late, and removed it.
    LateArrivalRemoved,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::Created,
        Self::AttemptStarted,
        Self::GateMet,
        Self::ActionFailed,
        Self::Recovering,
        Self::Ready,
        Self::Failed,
        Self::RetryRequested,
        Self::Protected,
        Self::Unprotected,
        Self::DeletionRequested,
        Self::TeardownStarted,
        Self::TeardownBlocked,
        Self::Deleted,
        Self::LateArrivalRemoved,
    ];

    /// The kind on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AttemptStarted => "attempt_started",
            Self::GateMet => "gate_met",
            Self::ActionFailed => "action_failed",
            Self::Recovering => "recovering",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::RetryRequested => "retry_requested",
            Self::Protected => "protected",
            Self::Unprotected => "unprotected",
            Self::DeletionRequested => "deletion_requested",
            Self::TeardownStarted => "teardown_started",
            Self::TeardownBlocked => "teardown_blocked",
            Self::Deleted => "deleted",
            Self::LateArrivalRemoved => "late_arrival_removed",
        }
    }
}

impl std::fmt::Display for EventKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One entry of the audit trail. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its place in commit order.
    #[cfg_attr(feature = "openapi", schema(value_type = u64))]
    pub position: Position,
    /// Whose event it is.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub store_id: StoreId,
    /// What happened.
    pub kind: EventKind,
    /// The status after it.
    pub status: Status,
    /// The first gate that is not met after it, if the store is on its way to READY.
    pub step: Option<Gate>,
    /// A sentence for people.
    pub message: String,
    /// When.
    pub at: Timestamp,
}
