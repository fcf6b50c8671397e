//! What was seen of a store in the cluster: plain data, so that decisions are pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::lifecycle::{Blocker, Failure, Gate, Published, VolumeFate};
use crate::store::Component;

/// One look at a store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// Its namespace.
    pub namespace: NamespaceSeen,
    /// Its Secret.
    pub credentials: CredentialsSeen,
    /// Its Helm release.
    pub release: ReleaseSeen,
    /// Its long-running workloads.
    pub workloads: Vec<WorkloadSeen>,
    /// Its setup job: the one of the attempt that was asked about.
    pub setup: SetupSeen,
    /// How many pods and jobs of the store exist, of whatever attempt.
    pub leftovers: u32,
    /// Volumes bound to its claims, and volumes that still name its namespace.
    pub volumes: Vec<VolumeSeen>,
    /// What looks wrong, each with how long and how often it has been seen.
    pub suspicions: Vec<Suspicion>,
    /// Whether its public URL can answer.
    pub published: Published,
    /// Why it cannot.
    pub unpublished: Option<Failure>,
}

/// The namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum NamespaceSeen {
    /// Not looked at.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one with our labels for this store.
    Active {
        /// Its UID.
        uid: String,
    },
    /// It is being deleted.
    Terminating {
        /// Its UID.
        uid: String,
        /// What holds it up, where Kubernetes says so.
        blocker: Option<Blocker>,
    },
    /// There is one of that name that is not this store's.
    Foreign,
}

/// The Secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CredentialsSeen {
    /// Not looked at.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one with our labels for this store.
    Ours,
    /// There is one of that name that is not this store's.
    Foreign,
}

/// What a pending release was doing when it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingKind {
    /// `pending-install`.
    Install,
    /// `pending-upgrade`.
    Upgrade,
    /// `pending-rollback`.
    Rollback,
}

/// The Helm release, from its record (never from an exit code).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ReleaseSeen {
    /// Not looked at.
    #[default]
    Unknown,
    /// There is no record.
    Absent,
    /// A Helm was cut off, or is still at work.
    Pending {
        /// What it was doing.
        kind: PendingKind,
        /// All revisions there are, oldest first.
        revisions: Vec<u32>,
        /// The latest revision that is (or, if none is, was) deployed: the one to go back to.
        last_deployed: Option<u32>,
    },
    /// The latest revision is deployed.
    Deployed {
        /// All revisions there are, oldest first.
        revisions: Vec<u32>,
    },
    /// The latest revision failed.
    Failed {
        /// All revisions there are, oldest first.
        revisions: Vec<u32>,
    },
    /// An uninstall began and did not end.
    Uninstalling {
        /// All revisions there are, oldest first.
        revisions: Vec<u32>,
    },
}

impl ReleaseSeen {
    /// All revisions that were found, oldest first.
    pub fn revisions(&self) -> &[u32] {
        match self {
            Self::Unknown | Self::Absent => &[],
            Self::Pending { revisions, .. }
            | Self::Deployed { revisions }
            | Self::Failed { revisions }
            | Self::Uninstalling { revisions } => revisions,
        }
    }

    /// The latest revision, if it is deployed.
    pub fn deployed_revision(&self) -> Option<u32> {
        match self {
            Self::Deployed { revisions } => revisions.last().copied(),
            _ => None,
        }
    }
}

/// A `StatefulSet` or `Deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkloadSeen {
    /// Which part of the store it runs.
    pub component: Component,
    /// Whether its controller has seen its latest specification and every replica of it is ready.
    pub ready: bool,
    /// Since when it is (or is not) ready, as far as was seen.
    pub since: Timestamp,
}

/// The setup job of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SetupSeen {
    /// There is none.
    #[default]
    Absent,
    /// It has not begun its work.
    Waiting,
    /// The shop's data and admin account are in the database; it now verifies the storefront.
    Initialised,
    /// It saw a product on the storefront, under the public host name.
    Succeeded(SetupReport),
    /// It gave up.
    Failed(Failure),
}

/// What the setup job reports when it is done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetupReport {
    /// Public facts of the engine's own.
    pub details: BTreeMap<String, String>,
}

/// A persistent volume of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSeen {
    /// Name of the `PersistentVolume`.
    pub name: String,
    /// The claim it is bound to.
    pub claim: String,
    /// What becomes of it when the claim goes.
    pub fate: VolumeFate,
}

/// Something that looks wrong, but may mend itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspicion {
    /// The failure it would be.
    pub failure: Failure,
    /// The gate that it holds up. Crashes count only once the gates before it are met.
    pub gate: Gate,
    /// Since when it has been seen without a break.
    pub since: Timestamp,
    /// How often it happened (crashes), or 1.
    pub times: u32,
}

impl Observation {
    /// The workload of a component.
    pub fn workload(&self, component: Component) -> Option<&WorkloadSeen> {
        self.workloads.iter().find(|workload| workload.component == component)
    }

    /// Whether the component's workload is there and ready.
    pub fn is_workload_ready(&self, component: Component) -> bool {
        self.workload(component).is_some_and(|workload| workload.ready)
    }
}
