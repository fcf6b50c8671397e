//! The port that changes the cluster.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::PortError;
use crate::lifecycle::Store;
use crate::store::StoreCredentials;

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ActionKind {
    /// Make sure that the namespace exists.
    EnsureNamespace,
    /// Make sure that the Secret exists.
    EnsureCredentials,
    /// `helm install`.
    Install,
    /// `helm upgrade`.
    Upgrade,
    /// `helm rollback`.
    Rollback,
    /// `helm uninstall`.
    Uninstall,
    /// Delete the namespace.
    DeleteNamespace,
}

impl ActionKind {
    /// The kind in one word, for metrics.
    pub fn label(self) -> &'static str {
        match self {
            Self::EnsureNamespace => "namespace",
            Self::EnsureCredentials => "credentials",
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Rollback => "rollback",
            Self::Uninstall => "uninstall",
            Self::DeleteNamespace => "delete_namespace",
        }
    }

    /// The kind in logs and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnsureNamespace => "create the namespace",
            Self::EnsureCredentials => "create the credentials",
            Self::Install => "install the release",
            Self::Upgrade => "upgrade the release",
            Self::Rollback => "roll the release back",
            Self::Uninstall => "uninstall the release",
            Self::DeleteNamespace => "delete the namespace",
        }
    }

    /// Whether it starts a process that could outlive us, so that it must be written down before.
    pub fn starts_process(self) -> bool {
        matches!(self, Self::Install | Self::Upgrade | Self::Rollback | Self::Uninstall)
    }

    /// After this long its owner has stopped the action, whatever it is doing.
    pub fn hard_deadline(self) -> Duration {
        Duration::from_secs(match self {
            Self::Install | Self::Upgrade | Self::Rollback => 120,
            Self::Uninstall => 30,
            Self::EnsureNamespace | Self::EnsureCredentials | Self::DeleteNamespace => 20,
        })
    }
}

impl std::fmt::Display for ActionKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An action that was begun, written down before it began. Its process carries `id` in its environment, so that a
/// successor on the same boot finds and ends it without guessing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionInFlight {
    /// Its own identity.
    pub id: Uuid,
    /// What it does.
    pub kind: ActionKind,
    /// The claim's epoch under which it was begun.
    pub epoch: u64,
    /// The host it runs on.
    pub host: String,
    /// That host's boot id.
    pub boot_id: String,
}

/// What an action is told: who it is, until when, and when to stop.
#[derive(Debug, Clone)]
pub struct ActionContext {
    /// The action's identity; adapters put it into the process's environment.
    pub id: Uuid,
    /// The claim's epoch.
    pub epoch: u64,
    /// How long it may take.
    pub deadline: Duration,
    /// A process of it is started within this long of the call, or not at all: whoever was frozen for longer may have
    /// been succeeded, by one that found nothing to end.
    pub start_within: Duration,
    /// Fires when the claim is lost or the owner wants something else: stop at once, and leave no process.
    pub cancel: CancellationToken,
}

/// What became of an action that an earlier owner began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopOutcome {
    /// No process of it is alive.
    Ended,
    /// It ran on another host or boot: it may live until its hard deadline.
    MayStillRun,
}

/// Everything that changes the cluster. Each call is idempotent and returns nothing that a decision would trust: what
/// counts is what [`HealthProbe`](super::HealthProbe) sees afterwards.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait Deployer: Send + Sync {
    /// This host's name and boot id, for the record of actions in flight.
    fn host(&self) -> (String, String);

    /// What an attempt would be made with now, for its record: the digests of chart and values, in words.
    async fn provenance(&self) -> Option<String> {
        None
    }

    /// Creates the store's namespace with our labels. One of that name that is not ours is a `Conflict`.
    async fn ensure_namespace(&self, store: &Store, context: &ActionContext) -> Result<(), PortError>;

    /// Creates the store's Secret. One with our labels keeps its content; another one is a `Conflict`.
    async fn ensure_credentials(
        &self,
        store: &Store,
        credentials: &StoreCredentials,
        context: &ActionContext,
    ) -> Result<(), PortError>;

    /// Installs the release for the store's current attempt.
    async fn install(&self, store: &Store, context: &ActionContext) -> Result<(), PortError>;

    /// Upgrades the release to the chart and values of now.
    async fn upgrade(&self, store: &Store, context: &ActionContext) -> Result<(), PortError>;

    /// Rolls the release back to `revision`.
    async fn rollback(&self, store: &Store, revision: u32, context: &ActionContext) -> Result<(), PortError>;

    /// Uninstalls the release; that there is none is success.
    async fn uninstall(&self, store: &Store, context: &ActionContext) -> Result<(), PortError>;

    /// Asks for the deletion of the namespace with exactly this UID; that there is none is success.
    async fn delete_namespace(&self, store: &Store, uid: &str, context: &ActionContext) -> Result<(), PortError>;

    /// Ends what an earlier owner's action left running, if it can be known here.
    async fn stop(&self, action: &ActionInFlight) -> Result<StopOutcome, PortError>;
}
