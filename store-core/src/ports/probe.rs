//! The port that reads the cluster.

use std::pin::Pin;

use async_trait::async_trait;
use futures::Stream;
use serde::{Deserialize, Serialize};

use super::{LogRequest, LogStream, Observation, PodSeen, PortError, VolumeSeen};
use crate::lifecycle::Store;
use crate::store::StoreId;

/// How new an observation must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Freshness {
    /// Read from the API server now. Required before anything is destroyed, and to confirm READY.
    Fresh,
    /// What the watches have folded so far, with the release and Secret as they were last read. Costs no request.
    Cached,
}

/// Which cluster this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// UID of its `kube-system` namespace.
    pub uid: String,
    /// Its version, such as `v1.33.2`.
    pub version: String,
}

/// Ids of stores of which something changed in the cluster. Ends when the probe is dropped.
pub type ChangeStream = Pin<Box<dyn Stream<Item = StoreId> + Send>>;

/// Everything that reads the cluster.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait HealthProbe: Send + Sync {
    /// Which cluster this is; an error if it cannot be reached. Asks the cluster each time.
    async fn cluster(&self) -> Result<ClusterIdentity, PortError>;

    /// What is there of a store. The setup job is that of [`Store::attempt`].
    async fn observe(&self, store: &Store, freshness: Freshness) -> Result<Observation, PortError>;

    /// The names of `PersistentVolume`s among `names` that still exist, read now.
    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError>;

    /// Every `PersistentVolume` that is claimed from the store's namespace, read now: also those that were bound after
    /// the teardown wrote down what there was.
    async fn claimed_volumes(&self, store: &Store) -> Result<Vec<VolumeSeen>, PortError> {
        let _ = store;
        Ok(Vec::new())
    }

    /// Stores of which something changed. Each subscriber gets all changes; a slow one may miss repetitions.
    fn changes(&self) -> ChangeStream;

    /// Stores of this installation that have a namespace in the cluster, read now: (store id label, namespace name).
    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError>;

    /// The store's pods, the newest first, read now. None by default.
    async fn pods(&self, store: &Store) -> Result<Vec<PodSeen>, PortError> {
        let _ = store;
        Ok(Vec::new())
    }

    /// The log of the newest pod of a component; `None` if there is none that has begun, and by default.
    async fn logs(&self, store: &Store, request: LogRequest) -> Result<Option<LogStream>, PortError> {
        let _ = (store, request);
        Ok(None)
    }
}
