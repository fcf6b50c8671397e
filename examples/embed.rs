//! The library inside another program, with the real adapters: creates a store on a real cluster, follows what happens
//! until it is READY, then deletes it and waits until nothing of it is left.
//!
//! `cargo run -p store-examples --example embed -- DATABASE_FILE`
//!
//! What is where comes from the environment, as for the server: `DATABASE_URL` (unless a file is given), `STATE_DIR`,
//! `KUBECONFIG`, `HELM_BINARY`, `HELM_ENV_VALUES_FILE`, `PUBLIC_URL_TEMPLATE`. A program that wants exactly what the
//! server has, `.env` included, takes `store_platform::Platform` instead of putting the parts together itself.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use store_core::StoreService;
use store_core::lifecycle::{Position, Status};
use store_core::ports::{Entropy, StoreRepository};
use store_core::reconcile::{ReconcilerSettings, Scope};
use store_core::service::{CreateStore, ServiceParts, ServiceSettings, StoreDocument, StoreRef};
use store_core::store::PublicUrlTemplate;
use store_db::{DatabaseRepository, DatabaseUrl, OpenMode, ReconcilerLock};
use store_k8s::{ChartSource, Cluster, ClusterConfig, HelmConfig, HelmDeployer, KubeProbe};
use store_platform::{CredentialsKeyFile, OsEntropy, SystemClock};

type AnyError = Box<dyn Error>;

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let database = database()?;
    let repository = Arc::new(DatabaseRepository::open_sqlite(&database, OpenMode::Create).await?);
    let service = platform(Arc::clone(&repository), &database).await?;

    // One process reconciles a SQLite file. Without the lock, wishes are written down for the one that has it.
    let lock = ReconcilerLock::try_acquire(&database)?;
    let reconciler = lock.is_some().then(|| service.start(Scope::All));

    let store = service.create(request(), None).await?.store;
    println!("{} is {} in namespace {}", store.name, store.status, store.namespace);
    // By id, since deletion frees the name.
    let which = StoreRef::parse(&store.id)?;
    let mut seen = 0;
    let store = follow(&service, &which, Status::Ready, &mut seen).await?;
    println!("{} is READY: {}", store.name, store.store_url);

    service.delete(&which, None).await?;
    let store = follow(&service, &which, Status::Deleted, &mut seen).await?;
    println!("{} is DELETED", store.name);

    if let Some(reconciler) = reconciler {
        reconciler.shutdown(Duration::from_secs(10)).await;
    }
    repository.close().await;
    Ok(())
}

/// The file that is given, or the one of `DATABASE_URL`.
fn database() -> Result<PathBuf, AnyError> {
    if let Some(file) = std::env::args_os().nth(1) {
        return Ok(file.into());
    }
    let url = std::env::var("DATABASE_URL").map_err(|_| "name a database file, or set DATABASE_URL")?;
    match DatabaseUrl::parse(&url, &std::env::current_dir()?)? {
        DatabaseUrl::Sqlite(file) => Ok(file),
        other => Err(format!("this example works on a SQLite file, not on {other:?}").into()),
    }
}

/// The service on a database file and the cluster of the kubeconfig.
async fn platform(repository: Arc<DatabaseRepository>, database: &Path) -> Result<StoreService, AnyError> {
    let installation = repository.installation().await?.id;
    let keys = CredentialsKeyFile::read_or_create(&database.with_added_extension("credentials-key"), &OsEntropy)?.0;
    // The libraries read no environment by themselves.
    let environment: BTreeMap<_, _> = std::env::vars_os().collect();
    let config = ClusterConfig { kubeconfig: None, context: None, environment: environment.clone() };
    let cluster = Cluster::connect(&config, Arc::new(SystemClock)).await?;
    let helm = HelmConfig {
        binary: variable("HELM_BINARY", "helm").into(),
        state_dir: variable("STATE_DIR", "state").into(),
        chart: ChartSource::Embedded,
        values_files: vec![variable("HELM_ENV_VALUES_FILE", "values-local.yaml").into()],
        environment,
        passthrough: Vec::new(),
    };
    let parts = ServiceParts {
        repository,
        deployer: Arc::new(HelmDeployer::new(cluster.clone(), helm, installation).await?),
        probe: Arc::new(KubeProbe::start(cluster, installation)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        cipher: keys.cipher(),
    };
    let urls = PublicUrlTemplate::parse(&variable("PUBLIC_URL_TEMPLATE", "http://{name}.localhost"))?;
    // Who claims: another name for each process on the same database.
    let settings = ReconcilerSettings::new(format!("embed-{}", std::process::id()));
    Ok(StoreService::new(parts, ServiceSettings::new(urls, settings)))
}

fn variable(name: &str, otherwise: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| otherwise.to_owned())
}

fn request() -> CreateStore {
    CreateStore {
        name: Some("embedded".to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        // A real program would hand it to the owner; here nobody logs in.
        admin_password: Some(SecretString::from(OsEntropy.alphanumeric(20))),
        plan: None,
    }
}

/// Prints a store's events after `seen` as they come, until it has this status.
async fn follow(
    service: &StoreService,
    which: &StoreRef,
    status: Status,
    seen: &mut Position,
) -> Result<StoreDocument, AnyError> {
    let mut notices = service.notices();
    loop {
        let store = service.get(which).await?;
        for event in service.events(which, *seen, 100).await? {
            println!("  {:<12} {}", event.status.as_str(), event.message);
            *seen = event.position;
        }
        if store.status == status {
            return Ok(store);
        }
        if store.status == Status::Failed {
            return Err(store.failure_reason.unwrap_or_default().into());
        }
        // This process's writes are announced; those of another one on the same file are found by looking.
        tokio::select! {
            changed = notices.changed() => changed?,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}
