//! The store itself: what its owner wants and what has been reached, side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Gates, Progress, Status};
use crate::planted::{Bug, planted};
use crate::store::{AdminEmail, AdminUsername, Engine, Plan, StoreAddress, StoreId, StoreName};

/// What a store's owner wants. Written by the service, never by the reconciler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Whether it should be there.
    pub desired: Desired,
    /// The attempt that is wanted; a retry raises it.
    pub attempt: u32,
    /// Raised by every change of the above. A worker's write names the generation it decided on.
    pub generation: u64,
    /// Whether its deletion is refused. Nothing that a worker decides on, so it raises no generation: what runs for the
    /// store goes on.
    pub protected: bool,
}

/// Whether a store should be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Desired {
    /// It should be there and ready.
    Present,
    /// It should be gone.
    Deleted,
}

/// One store, as the database has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Store {
    /// Its identity.
    pub id: StoreId,
    /// Its name, unique among stores that are not deleted.
    pub name: StoreName,
    /// Its software.
    pub engine: Engine,
    /// Its size.
    pub plan: Plan,
    /// Its addresses, fixed at creation.
    pub address: StoreAddress,
    /// The admin's user name.
    pub admin_username: AdminUsername,
    /// The admin's e-mail address.
    pub admin_email: AdminEmail,
    /// What its owner wants.
    pub intent: Intent,
    /// What has been reached.
    pub progress: Progress,
    /// The gates of the attempt that is running or was the last one.
    pub gates: Gates,
    /// Public facts of the engine's own, such as the publishable API key.
    pub details: BTreeMap<String, String>,
    /// Counts every visible change; the `ETag`. Claims do not change it.
    pub version: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed visibly.
    pub updated_at: Timestamp,
    /// When it first became READY.
    pub ready_at: Option<Timestamp>,
    /// When it was gone.
    pub deleted_at: Option<Timestamp>,
}

impl Store {
    /// The status on the wire: the intent counts as soon as it is written.
    pub fn status(&self) -> Status {
        match (&self.progress, self.intent.desired) {
            (Progress::Deleted(_), _) => Status::Deleted,
            (Progress::Deleting(_), _) | (_, Desired::Deleted) => Status::Deleting,
            (Progress::Failed(failed), _) if self.intent.attempt > failed.attempt => Status::Provisioning,
            (Progress::Failed(_), _) => Status::Failed,
            (Progress::Ready(_), _) => Status::Ready,
            (Progress::Provisioning(_), _) => Status::Provisioning,
        }
    }

    /// Whether nothing is left to do unless somebody wants something else or the tombstone is due for its second look.
    pub fn is_settled(&self) -> bool {
        self.status().is_settled()
    }

    /// Whether a worker should look at it although it is settled: a tombstone not yet looked at again.
    pub fn awaits_second_look(&self) -> bool {
        matches!(&self.progress, Progress::Deleted(deleted) if !deleted.looked_again)
    }

    /// The attempt whose evidence counts now.
    pub fn attempt(&self) -> u32 {
        match &self.progress {
            Progress::Provisioning(_) if planted(Bug::EarlierAttemptCounts) => 1,
            Progress::Provisioning(p) => p.attempt,
            Progress::Ready(r) => r.attempt,
            Progress::Failed(f) => f.attempt,
            Progress::Deleting(_) | Progress::Deleted(_) => self.intent.attempt,
        }
    }
}
