//! The adapters of programs that only read: there is no cluster to ask, and nothing may be changed.

use async_trait::async_trait;
use futures::stream;
use store_core::lifecycle::Store;
use store_core::ports::{
    ActionContext, ActionInFlight, ChangeStream, ClusterIdentity, Deployer, Freshness, HealthProbe, Observation,
    PortError, StopOutcome,
};
use store_core::store::StoreCredentials;

/// Refuses everything.
pub(crate) struct NoCluster;

fn refuse<T>() -> Result<T, PortError> {
    Err(PortError::transient("this program only reads the database and does not look at the cluster"))
}

#[async_trait]
impl Deployer for NoCluster {
    fn host(&self) -> (String, String) {
        ("reader".to_owned(), String::new())
    }

    async fn ensure_namespace(&self, _: &Store, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn ensure_credentials(&self, _: &Store, _: &StoreCredentials, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn install(&self, _: &Store, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn upgrade(&self, _: &Store, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn rollback(&self, _: &Store, _: u32, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn uninstall(&self, _: &Store, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn delete_namespace(&self, _: &Store, _: &str, _: &ActionContext) -> Result<(), PortError> {
        refuse()
    }

    async fn stop(&self, _: &ActionInFlight) -> Result<StopOutcome, PortError> {
        refuse()
    }
}

#[async_trait]
impl HealthProbe for NoCluster {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        refuse()
    }

    async fn observe(&self, _: &Store, _: Freshness) -> Result<Observation, PortError> {
        refuse()
    }

    async fn existing_volumes(&self, _: &[String]) -> Result<Vec<String>, PortError> {
        refuse()
    }

    fn changes(&self) -> ChangeStream {
        Box::pin(stream::pending())
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        refuse()
    }
}
