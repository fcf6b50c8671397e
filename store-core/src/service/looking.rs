//! What the service asks the cluster on somebody's behalf, without a decision that depends on it: pods and their logs.

use super::{PodList, ServiceError, StoreRef, StoreService};
use crate::ports::{LogRequest, LogStream};
use crate::reconcile::ClusterState;

impl StoreService {
    /// The store's pods, the newest first; none where there are none.
    pub async fn pods(&self, which: &StoreRef) -> Result<PodList, ServiceError> {
        let store = self.find(which).await?;
        self.demand_cluster().await?;
        let pods = self.core.probe.pods(&store).await.map_err(ServiceError::from_port)?;
        Ok(PodList { pods: pods.into_iter().map(Into::into).collect() })
    }

    /// The log of the newest pod of a component.
    pub async fn logs(&self, which: &StoreRef, request: LogRequest) -> Result<LogStream, ServiceError> {
        let store = self.find(which).await?;
        self.demand_cluster().await?;
        let log = self.core.probe.logs(&store, request).await.map_err(ServiceError::from_port)?;
        log.ok_or_else(|| ServiceError::NoPod { name: store.name.to_string(), component: request.component.into() })
    }

    /// Refuses while the cluster is away or another one. Where nobody looks at it regularly, it is asked.
    async fn demand_cluster(&self) -> Result<(), ServiceError> {
        let state = match self.cluster() {
            ClusterState::Unchecked => self.check_cluster().await?,
            known => known,
        };
        state.parked_reason().map_or(Ok(()), |reason| Err(ServiceError::Unavailable { reason }))
    }
}
