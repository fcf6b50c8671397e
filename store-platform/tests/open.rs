//! The platform is opened on a real database, with a Helm that only tells its version and a cluster that is away.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use store_core::ports::ListQuery;
use store_core::reconcile::Scope;
use store_core::service::{CreateStore, ServiceError, StoreRef};
use store_platform::{Access, Configuration, EnvFile, OpenError, Platform, Sources, Start};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n\
    clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n\
    contexts: [{name: nowhere, context: {cluster: c, user: u}}]\n";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let helm = directory.path().join("helm");
        std::fs::write(&helm, "#!/bin/sh\necho v4.3.1\n").expect("a file");
        std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        std::fs::write(directory.path().join("kubeconfig"), KUBECONFIG).expect("a file");
        Self(directory)
    }

    fn configuration(&self) -> Configuration {
        let path = |name: &str| OsString::from(self.0.path().join(name));
        let environment: BTreeMap<OsString, OsString> = [
            ("KUBECONFIG".into(), path("kubeconfig")),
            ("HELM_BINARY".into(), path("helm")),
            ("STATE_DIR".into(), path("state")),
            ("PATH".into(), "/usr/bin:/bin".into()),
        ]
        .into();
        let directory = self.0.path().to_owned();
        Configuration::load(Sources { flags: BTreeMap::new(), environment, env_file: EnvFile::None, directory })
            .expect("it is right")
    }

    async fn open(&self, access: Access) -> Result<Platform, OpenError> {
        Platform::open(&self.configuration(), access).await
    }
}

fn request() -> CreateStore {
    CreateStore {
        name: Some("mystore".to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some("canary-password-1".into()),
        plan: None,
    }
}

#[tokio::test]
async fn wishes_are_durable_while_the_cluster_is_away() {
    let place = Place::new();
    let platform = place.open(Access::Work).await.expect("opened");
    assert!(platform.facts().iter().any(|fact| fact.starts_with("Helm v4.3.1")), "{:?}", platform.facts());
    let store = platform.service().create(request(), None).await.expect("accepted").store;
    platform.close().await;
    let state = std::fs::metadata(place.0.path().join("state")).expect("made");
    assert_eq!(state.permissions().mode() & 0o777, 0o700);

    let reader = place.open(Access::Read).await.expect("opened");
    let found = reader.service().get(&StoreRef::parse(&store.id).expect("an id")).await.expect("there");
    assert_eq!(found.name, "mystore");
    assert_eq!(reader.service().list(&ListQuery::default()).await.expect("a list").stores.len(), 1);
}

#[tokio::test]
async fn reading_makes_nothing() {
    let place = Place::new();
    let Err(error) = place.open(Access::Read).await else { panic!("there is no database") };
    assert!(matches!(error, OpenError::Database(_)), "{error}");
    assert!(!place.0.path().join("state").exists());
}

#[tokio::test]
async fn reading_needs_neither_helm_nor_kubeconfig() {
    let place = Place::new();
    place.open(Access::Work).await.expect("opened").close().await;
    for name in ["helm", "kubeconfig"] {
        std::fs::remove_file(place.0.path().join(name)).expect("removed");
    }
    place.open(Access::Read).await.expect("opened");
    let Err(error) = place.open(Access::Work).await else { panic!("nothing can be worked with") };
    assert!(matches!(error, OpenError::Cluster(_)), "{error}");
}

#[tokio::test]
async fn only_one_works_on_a_database() {
    let place = Place::new();
    let first = place.open(Access::Work).await.expect("opened");
    let second = place.open(Access::Work).await.expect("opened");
    let Start::Working(work) = first.start(Scope::All).expect("a lock") else { panic!("nobody else works") };
    let Start::Standby { holder } = second.start(Scope::All).expect("a lock") else { panic!("the first one works") };
    assert_eq!(holder, Some(std::process::id()));
    assert!(work.shutdown(Duration::from_secs(5)).await);
    assert!(matches!(second.start(Scope::All).expect("a lock"), Start::Working(_)));
}

#[tokio::test]
async fn a_lost_key_is_made_anew_with_a_warning() {
    let place = Place::new();
    let platform = place.open(Access::Work).await.expect("opened");
    assert!(platform.warnings().is_empty());
    platform.close().await;
    std::fs::remove_file(place.0.path().join("state/store_platform.db.credentials-key")).expect("removed");
    let platform = place.open(Access::Work).await.expect("opened");
    assert!(platform.warnings()[0].contains("a new one was made"), "{:?}", platform.warnings());
}

#[tokio::test]
async fn reserved_names_come_from_the_configuration() {
    let place = Place::new();
    let platform = place.open(Access::Work).await.expect("opened");
    let request = CreateStore { name: Some("admin".to_owned()), ..request() };
    let error = platform.service().create(request, None).await.expect_err("refused");
    assert!(matches!(error, ServiceError::Invalid(_)), "{error}");
}
