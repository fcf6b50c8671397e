//! How a program that depends on store-core tests its own use of it: a mock for each port, where the question is
//! whether something was called, and how often. Where the question is what happens, the fakes are simpler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use mockall::predicate::{always, eq};
use secrecy::SecretString;
use store_core::StoreService;
use store_core::lifecycle::{Status, Store};
use store_core::ports::{
    Clock, ClusterIdentity, Created, Deployer, HealthProbe, Installation, NamespaceSeen, NewStore, Observation,
    PortError, RepositoryError, StoreRepository, changes,
};
use store_core::reconcile::{ClusterState, ReconcilerSettings, Scope};
use store_core::service::{CreateStore, ServiceError, ServiceParts, ServiceSettings, StoreRef};
use store_core::store::{
    AdminEmail, AdminPassword, AdminUsername, CredentialsCipher, CredentialsKey, Engine, Plan, PublicUrlTemplate,
    StoreId, StoreName,
};
use store_core::testing::{
    MemoryRepository, MockDeployer, MockHealthProbe, MockStoreRepository, SeededEntropy, TestClock,
};

/// What the tests are about: a sign-up that gives every new customer a shop, and takes it back when they leave.
struct Customers {
    stores: StoreService,
}

impl Customers {
    async fn sign_up(&self, name: &str) -> Result<String, String> {
        match self.stores.create(request(name), Some(&format!("sign-up-{name}"))).await {
            Ok(answer) => Ok(answer.store.store_url),
            Err(ServiceError::NameTaken { .. }) => Err(format!("{name} has a shop already")),
            Err(ServiceError::Invalid(fields)) => Err(format!("{} {}", fields[0].field, fields[0].message)),
            Err(_) => Err("please try again later".to_owned()),
        }
    }

    async fn leave(&self, id: &StoreId) -> Result<Status, ServiceError> {
        Ok(self.stores.delete(&StoreRef::Id(id.clone()), None).await?.status)
    }
}

fn request(name: &str) -> CreateStore {
    CreateStore {
        name: Some(name.to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some(SecretString::from("correct horse battery")),
        plan: None,
    }
}

/// The program's platform, on these parts.
fn stores(
    repository: impl StoreRepository + 'static,
    deployer: impl Deployer + 'static,
    probe: impl HealthProbe + 'static,
) -> StoreService {
    let parts = ServiceParts {
        repository: Arc::new(repository),
        deployer: Arc::new(deployer),
        probe: Arc::new(probe),
        clock: Arc::new(TestClock::new()),
        entropy: Arc::new(SeededEntropy::new(1)),
        cipher: CredentialsCipher::new(CredentialsKey::new([7; CredentialsKey::LENGTH]), Vec::new()),
    };
    let urls = PublicUrlTemplate::parse("https://{name}.shops.example.com").expect("a valid value");
    StoreService::new(parts, ServiceSettings::new(urls, ReconcilerSettings::new("test")))
}

fn customers(repository: MockStoreRepository) -> Customers {
    // Mocks without expectations: a call would end the test. Sign-up must not touch the cluster.
    Customers { stores: stores(repository, MockDeployer::new(), MockHealthProbe::new()) }
}

fn installation() -> Installation {
    Installation { id: MemoryRepository::INSTALLATION, cluster_uid: None }
}

#[tokio::test]
async fn a_sign_up_writes_one_store_and_does_not_touch_the_cluster() {
    let mut repository = MockStoreRepository::new();
    repository.expect_installation().once().returning(|| Ok(installation()));
    repository
        .expect_create()
        .withf(|new| {
            new.name.as_str() == "anna" && new.idempotency.as_ref().is_some_and(|key| key.key == "sign-up-anna")
        })
        .once()
        .returning(|new| Ok(Created::New(changes::create(&new).0)));
    repository.expect_queue().returning(|| Ok([].into()));

    let url = customers(repository).sign_up("anna").await;
    assert_eq!(url.unwrap(), "https://anna.shops.example.com");
}

#[tokio::test]
async fn what_cannot_be_a_store_is_not_even_written() {
    let mut repository = MockStoreRepository::new();
    repository.expect_create().never();
    let refusal = customers(repository).sign_up("Anna's").await.unwrap_err();
    assert!(refusal.starts_with("name may contain only"), "{refusal}");
}

#[tokio::test]
async fn a_name_that_is_taken_is_said_so() {
    let mut repository = MockStoreRepository::new();
    repository.expect_installation().returning(|| Ok(installation()));
    let existing = StoreId::parse("abcdefghij").unwrap();
    repository.expect_create().once().return_once(|_| Err(RepositoryError::NameTaken { existing }));
    assert_eq!(customers(repository).sign_up("anna").await.unwrap_err(), "anna has a shop already");
}

#[tokio::test]
async fn a_database_that_is_away_is_no_fault_of_the_customer() {
    let mut repository = MockStoreRepository::new();
    let away = || Err(RepositoryError::Unavailable { reason: "connection refused".to_owned() });
    repository.expect_installation().times(1).returning(away);
    assert_eq!(customers(repository).sign_up("anna").await.unwrap_err(), "please try again later");
}

#[tokio::test]
async fn leaving_asks_for_the_deletion_of_exactly_that_store() {
    let id = StoreId::parse("abcdefghij").unwrap();
    let (found, mut gone) = (a_store(&id), a_store(&id));
    changes::request_deletion(&mut gone, None, TestClock::new().now()).unwrap();

    let mut repository = MockStoreRepository::new();
    repository.expect_get().with(eq(id.clone())).once().return_once(|_| Ok(Some(found)));
    repository
        .expect_request_deletion()
        .with(eq(id.clone()), eq(None), always())
        .once()
        .return_once(|_, _, _| Ok(gone));
    assert_eq!(customers(repository).leave(&id).await.unwrap(), Status::Deleting);
}

/// With a mocked deployer on a real loop: how often is Helm asked, when the cluster says that nothing is there yet?
#[tokio::test(start_paused = true)]
async fn the_reconciler_asks_for_a_namespace_before_anything_else() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut deployer = MockDeployer::new();
    deployer.expect_host().returning(|| ("here".to_owned(), "boot".to_owned()));
    deployer.expect_provenance().returning(|| None);
    let count = Arc::clone(&asked);
    deployer.expect_ensure_namespace().times(1..).returning(move |_, _| {
        count.fetch_add(1, Ordering::Relaxed);
        Err(PortError::transient("the API server is busy"))
    });
    deployer.expect_ensure_credentials().never();
    deployer.expect_install().never();

    let memory = MemoryRepository::new(Arc::new(TestClock::new()));
    let stores = stores(memory, deployer, an_empty_cluster());
    stores.create(request("anna"), None).await.unwrap();
    let reconciler = stores.start(Scope::All);
    while asked.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    reconciler.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn another_cluster_than_the_one_it_belongs_to_is_noticed() {
    let mut repository = MockStoreRepository::new();
    let bound = Installation { cluster_uid: Some("the-first".to_owned()), ..installation() };
    repository.expect_bind_cluster().with(eq("fake")).once().return_once(|_| Ok(bound));
    let stores = stores(repository, MockDeployer::new(), an_empty_cluster());
    let state = stores.check_cluster().await.unwrap();
    assert_eq!(state, ClusterState::OtherCluster { bound_to: "the-first".to_owned(), found: "fake".to_owned() });
}

/// A probe that reaches its cluster and sees nothing there.
fn an_empty_cluster() -> MockHealthProbe {
    let mut probe = MockHealthProbe::new();
    let identity = ClusterIdentity { uid: "fake".to_owned(), version: "v1.33.0".to_owned() };
    probe.expect_cluster().returning(move || Ok(identity.clone()));
    probe.expect_changes().returning(|| futures::stream::pending().boxed());
    probe
        .expect_observe()
        .returning(|_, _| Ok(Observation { namespace: NamespaceSeen::Absent, ..Observation::default() }));
    probe
}

/// A store as a repository would return it.
fn a_store(id: &StoreId) -> Store {
    let name = StoreName::parse("anna").expect("a valid value");
    let urls = PublicUrlTemplate::parse("https://{name}.shops.example.com").expect("a valid value");
    let cipher = CredentialsCipher::new(CredentialsKey::new([7; CredentialsKey::LENGTH]), Vec::new());
    let password = AdminPassword::parse("correct horse battery").expect("a valid value");
    let new = NewStore {
        id: id.clone(),
        address: urls.address(&name, Engine::Medusa),
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("owner").expect("a valid value"),
        admin_email: AdminEmail::parse("owner@example.com").expect("a valid value"),
        password: cipher.seal([0; 12], MemoryRepository::INSTALLATION, id, &password),
        idempotency: None,
        at: TestClock::new().now(),
    };
    changes::create(&new).0
}
