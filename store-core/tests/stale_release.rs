//! No watch tells of Helm releases: what is cached of one is what the last fresh read saw. A store must come up all the
//! same.

mod common;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use common::world::request;
use store_core::StoreService;
use store_core::lifecycle::{Status, Store};
use store_core::ports::{
    ChangeStream, Clock, ClusterIdentity, Freshness, HealthProbe, Observation, PortError, ReleaseSeen,
};
use store_core::reconcile::{ReconcilerSettings, Scope};
use store_core::service::{ServiceParts, ServiceSettings, StoreRef};
use store_core::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate, StoreId};
use store_core::testing::{FakeCluster, MemoryRepository, SeededEntropy, TestClock, Timings};

/// The simulated cluster, seen as the adapter on a real one sees it: the release as it was last read, everything else,
/// leftovers included, as it is.
struct StaleReleases {
    cluster: FakeCluster,
    last_read: Mutex<HashMap<StoreId, ReleaseSeen>>,
}

#[async_trait]
impl HealthProbe for StaleReleases {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        self.cluster.cluster().await
    }

    async fn observe(&self, store: &Store, freshness: Freshness) -> Result<Observation, PortError> {
        let mut seen = self.cluster.observe(store, freshness).await?;
        let mut last_read = self.last_read.lock().expect("no panic before");
        match freshness {
            Freshness::Fresh => {
                last_read.insert(store.id.clone(), seen.release.clone());
            }
            Freshness::Cached => {
                let is_deployed = matches!(seen.release, ReleaseSeen::Deployed { .. });
                seen.leftovers = seen.leftovers.max(u32::from(is_deployed));
                seen.release = last_read.get(&store.id).cloned().unwrap_or_default();
            }
        }
        Ok(seen)
    }

    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        self.cluster.existing_volumes(names).await
    }

    fn changes(&self) -> ChangeStream {
        self.cluster.changes()
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        self.cluster.namespaces().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_installed_release_is_seen_although_no_watch_tells_of_it() {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
    let cluster = FakeCluster::new(Arc::clone(&clock), Timings::default());
    let parts = ServiceParts {
        repository: Arc::new(MemoryRepository::new(Arc::clone(&clock))),
        deployer: Arc::new(cluster.clone()),
        probe: Arc::new(StaleReleases { cluster, last_read: Mutex::default() }),
        clock,
        entropy: Arc::new(SeededEntropy::new(1)),
        cipher: CredentialsCipher::new(CredentialsKey::new([1; 32]), Vec::new()),
    };
    let template = PublicUrlTemplate::parse("http://{name}.localhost").expect("a valid template");
    let service = StoreService::new(parts, ServiceSettings::new(template, ReconcilerSettings::new("test")));
    let _reconciler = service.start(Scope::All);
    let store = service.create(request("demo"), None).await.expect("accepted").store;
    let which = StoreRef::parse(&store.id).expect("an id");
    let ready = async {
        while service.get(&which).await.expect("there").status != Status::Ready {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), ready).await.expect("READY within a minute");
}
