//! What the domain needs from the world, split by effect: what is remembered, what changes the cluster, what reads it,
//! and all waiting and randomness. Object-safe, so that each can be mocked and boxed.

pub mod changes;
mod deployer;
mod error;
mod observation;
mod pods;
mod probe;
mod repository;
mod time;

pub use deployer::{ActionContext, ActionInFlight, ActionKind, Deployer, StopOutcome};
pub use error::{ErrorClass, PortError};
pub use observation::{
    CredentialsSeen, NamespaceSeen, Observation, PendingKind, ReleaseSeen, SetupReport, SetupSeen, Suspicion,
    VolumeSeen, WorkloadSeen,
};
pub use pods::{LogRequest, LogStream, PodSeen};
pub use probe::{ChangeStream, ClusterIdentity, Freshness, HealthProbe};
pub use repository::{
    Admission, Claim, ClaimRequest, Claimable, Claimed, Created, CutOff, EventDraft, IdempotencyKey, Installation,
    ListQuery, NewStore, Notice, NoticeStream, Page, ProgressUpdate, Recorded, Renewal, RepositoryError,
    StoreRepository, WakeUp,
};
pub use time::{Clock, Entropy};

#[cfg(feature = "testing")]
pub use {deployer::MockDeployer, probe::MockHealthProbe, repository::MockStoreRepository};
