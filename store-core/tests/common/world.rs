//! A whole platform on fakes: service, simulated cluster, memory.

use std::sync::Arc;
use std::time::Duration;

use store_core::StoreService;
use store_core::lifecycle::Status;
use store_core::ports::{Clock, StoreRepository};
use store_core::reconcile::{Reconciler, ReconcilerSettings, Scope};
use store_core::service::{CreateStore, ServiceParts, ServiceSettings, StoreDocument, StoreRef};
use store_core::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate};
use store_core::testing::{FakeCluster, MemoryRepository, SeededEntropy, TestClock, Timings};

pub const PASSWORD: &str = "canary-password-1";

pub struct World {
    pub service: StoreService,
    pub cluster: FakeCluster,
    pub repository: Arc<MemoryRepository>,
    pub clock: Arc<dyn Clock>,
    parts: ServiceParts,
    settings: ServiceSettings,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// One in which Helm takes this long.
    pub fn with_slow_helm(helm: Duration) -> Self {
        Self::build(helm, |_| {})
    }

    pub fn with(change: impl FnOnce(&mut ReconcilerSettings)) -> Self {
        Self::build(Duration::from_millis(300), change)
    }

    /// The same, with other settings.
    pub fn build(helm: Duration, change: impl FnOnce(&mut ReconcilerSettings)) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
        let timings = Timings { helm, milestone: Duration::from_secs(3), namespace_delete: Duration::from_secs(5) };
        let cluster = FakeCluster::new(Arc::clone(&clock), timings);
        let repository = Arc::new(MemoryRepository::new(Arc::clone(&clock)));
        let parts = ServiceParts {
            repository: Arc::clone(&repository) as Arc<dyn StoreRepository>,
            deployer: Arc::new(cluster.clone()),
            probe: Arc::new(cluster.clone()),
            clock: Arc::clone(&clock),
            entropy: Arc::new(SeededEntropy::new(7)),
            cipher: CredentialsCipher::new(CredentialsKey::new([7; 32]), Vec::new()),
        };
        let mut reconciler = ReconcilerSettings::new("first");
        change(&mut reconciler);
        let template = PublicUrlTemplate::parse("http://{name}.localhost").expect("a valid template");
        let settings = ServiceSettings::new(template, reconciler);
        let service = StoreService::new(parts.clone(), settings.clone());
        Self { service, cluster, repository, clock, parts, settings }
    }

    /// Another process on the same database and cluster, after the first one's end.
    pub fn another(&self, owner: &str) -> StoreService {
        self.cluster.forget_reads();
        let mut settings = self.settings.clone();
        owner.clone_into(&mut settings.reconciler.owner);
        StoreService::new(self.parts.clone(), settings)
    }

    pub fn start(&self) -> Reconciler {
        self.service.start(Scope::All)
    }

    pub async fn create(&self, name: &str) -> StoreDocument {
        self.service.create(request(name), None).await.expect("the store is accepted").store
    }

    pub async fn get(&self, id: &str) -> StoreDocument {
        self.service.get(&StoreRef::parse(id).expect("an id")).await.expect("the store exists")
    }

    /// Waits until the store has this status; time is tokio's, so this costs none.
    pub async fn until(&self, id: &str, status: Status) -> StoreDocument {
        self.until_that(id, |store| store.status == status).await
    }

    pub async fn until_that(&self, id: &str, holds: impl Fn(&StoreDocument) -> bool) -> StoreDocument {
        let deadline = self.clock.now() + Duration::from_hours(1);
        loop {
            let store = self.get(id).await;
            if holds(&store) {
                return store;
            }
            assert!(self.clock.now() < deadline, "it did not come to pass; the store is {store:#?}");
            self.clock.sleep(Duration::from_millis(50)).await;
        }
    }
}

pub fn request(name: &str) -> CreateStore {
    CreateStore {
        name: Some(name.to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some(PASSWORD.into()),
        plan: None,
    }
}
