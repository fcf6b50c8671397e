//! What can be set about the reconciler.

use std::time::Duration;

/// Budgets, limits and intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconcilerSettings {
    /// Who claims: unique for each process.
    pub owner: String,
    /// How much time, with the cluster in sight, a store may take to become READY.
    pub timeout: Duration,
    /// How often a moving store is looked at when nothing reports a change.
    pub poll_interval: Duration,
    /// How many actions of provisioning run at once; teardown has as many of its own.
    pub max_workers: usize,
    /// How many stores are brought up at once; the others are queued.
    pub max_in_progress: usize,
    /// How long a claim lasts unless it is renewed.
    pub lease: Duration,
}

impl ReconcilerSettings {
    /// The defaults, for a process of this name.
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            timeout: Duration::from_mins(10),
            poll_interval: Duration::from_secs(5),
            max_workers: 5,
            max_in_progress: 50,
            lease: Duration::from_secs(15),
        }
    }
}
