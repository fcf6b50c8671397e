//! The platform put together from its configuration: the one place that knows all adapters.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use store_core::StoreService;
use store_core::ports::{Deployer, Entropy as _, HealthProbe, RepositoryError, StoreRepository};
use store_core::reconcile::{Reconciler, ReconcilerSettings, Scope};
use store_core::service::{ServiceParts, ServiceSettings};
use store_db::{DatabaseRepository, DatabaseUrl, LockError, OpenMode, PostgresOptions, ReconcilerLock};
use store_k8s::{
    ChartSource, Cluster, ClusterConfig, ConnectError, HelmConfig, HelmDeployer, HelmSetupError, KubeProbe,
};

use crate::configuration::DatabaseSettings;
use crate::credentials_key::CredentialsKeyError;
use crate::no_cluster::NoCluster;
use crate::{Configuration, CredentialsKeyFile, OsEntropy, SystemClock};

/// What the platform is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To bring stores up and to tear them down, and to write down what is wanted. Makes the database if there is
    /// none; Helm, chart and kubeconfig must be usable, the cluster itself may be away.
    Work,
    /// To read. The database must be there; neither Helm nor cluster are needed or asked.
    Read,
}

/// Why the platform cannot be opened: always something that the operator has to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The state directory cannot be made.
    #[error("STATE_DIR: the directory {} cannot be made", .path.display())]
    StateDirectory {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("DATABASE_URL: {0}")]
    Database(store_db::OpenError),
    /// The database can be opened, but not read.
    #[error("DATABASE_URL: the database {database} cannot be read")]
    Unreadable {
        /// Which one, without password.
        database: String,
        /// Why.
        #[source]
        source: RepositoryError,
    },
    /// The other processes on the database have another key.
    #[error(
        "CREDENTIALS_KEY_FILE: the keys in {} are not those of the other processes on {database}, which have one in \
         common: give all of them the same file",
        .file.display()
    )]
    OtherKey {
        /// The key file.
        file: PathBuf,
        /// The database, without password.
        database: String,
    },
    /// The credentials key.
    #[error(transparent)]
    CredentialsKey(#[from] CredentialsKeyError),
    /// The kubeconfig.
    #[error(transparent)]
    Cluster(#[from] ConnectError),
    /// Helm, the chart, or the values files.
    #[error(transparent)]
    Helm(#[from] HelmSetupError),
}

/// The platform, with its adapters.
pub struct Platform {
    service: StoreService,
    repository: Arc<DatabaseRepository>,
    database: DatabaseUrl,
    /// What is worth saying once: which database, cluster, Helm.
    facts: Vec<String>,
    /// What is odd but no error.
    warnings: Vec<String>,
}

/// Who works on the stores of the database.
pub enum Start {
    /// We do.
    Working(Work),
    /// Another process does.
    Standby {
        /// Its process id, where it is known.
        holder: Option<u32>,
    },
}

/// A running reconciler, on a SQLite file with the lock that makes it the only one.
pub struct Work {
    reconciler: Reconciler,
    _lock: Option<ReconcilerLock>,
}

/// The two adapters of a cluster, and what is worth saying about them.
struct ClusterSide {
    deployer: Arc<dyn Deployer>,
    probe: Arc<dyn HealthProbe>,
    facts: Vec<String>,
}

impl Platform {
    /// Opens everything. Must be called within a tokio runtime. Does not wait for the cluster.
    pub async fn open(configuration: &Configuration, access: Access) -> Result<Self, OpenError> {
        let database = configuration.database.url.clone();
        let is_new = configuration.database.file().is_some_and(|file| !file.exists());
        let repository = Arc::new(open_database(configuration, access).await?);
        let unreadable = |source| OpenError::Unreadable { database: database.to_string(), source };
        let installation = repository.installation().await.map_err(unreadable)?.id;
        let (keys, warnings) = open_keys(configuration, access, is_new)?;
        if access == Access::Work && configuration.database.file().is_none() {
            let bound = repository.bind_credentials_key(keys.marks(installation)).await.map_err(unreadable)?;
            demand_shared(bound, &configuration.database)?;
        }
        let side = match access {
            Access::Work => connect(configuration, installation).await?,
            Access::Read => ClusterSide::absent(),
        };
        let parts = ServiceParts {
            repository: Arc::clone(&repository) as Arc<dyn StoreRepository>,
            deployer: Arc::clone(&side.deployer),
            probe: side.probe,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            cipher: keys.cipher(),
        };
        let service = StoreService::new(parts, settings(configuration, &*side.deployer));
        let mut facts = vec![format!("database {database}")];
        facts.extend(side.facts);
        Ok(Self { service, repository, database, facts, warnings })
    }

    /// What programs call.
    pub fn service(&self) -> &StoreService {
        &self.service
    }

    /// Which database, cluster and Helm are used, for the log.
    pub fn facts(&self) -> &[String] {
        &self.facts
    }

    /// What is odd but no error, for the log.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Starts to work, unless the database is a file on which another process works already; on PostgreSQL any number
    /// do. The reconciler stops when the answer is dropped; [`Work::shutdown`] drains it.
    pub fn start(&self, scope: Scope) -> Result<Start, LockError> {
        let lock = match &self.database {
            DatabaseUrl::Sqlite(file) => match ReconcilerLock::try_acquire(file)? {
                Some(lock) => Some(lock),
                None => return Ok(Start::Standby { holder: ReconcilerLock::holder(file) }),
            },
            _ => None,
        };
        Ok(Start::Working(Work { reconciler: self.service.start(scope), _lock: lock }))
    }

    /// Closes the database after what is in hand.
    pub async fn close(self) {
        self.repository.close().await;
    }
}

impl Work {
    /// Claims nothing more, lets running actions end within `grace`, then stops them. Returns whether all ended by
    /// themselves.
    pub async fn shutdown(self, grace: Duration) -> bool {
        self.reconciler.shutdown(grace).await
    }
}

impl ClusterSide {
    fn absent() -> Self {
        Self { deployer: Arc::new(NoCluster), probe: Arc::new(NoCluster), facts: Vec::new() }
    }
}

async fn open_database(configuration: &Configuration, access: Access) -> Result<DatabaseRepository, OpenError> {
    let mode = match access {
        Access::Work => {
            make_private(&configuration.state_dir)?;
            OpenMode::Create
        }
        Access::Read => OpenMode::Existing,
    };
    let opened = match &configuration.database.url {
        DatabaseUrl::Postgres(url) => {
            let mut options = PostgresOptions::default();
            options.connections = configuration.database.connections;
            DatabaseRepository::open_postgres(url, options, mode).await
        }
        file => DatabaseRepository::open(file, mode).await,
    };
    opened.map_err(OpenError::Database)
}

fn demand_shared(is_shared: bool, database: &DatabaseSettings) -> Result<(), OpenError> {
    if is_shared {
        return Ok(());
    }
    Err(OpenError::OtherKey { file: database.key_file().unwrap_or_default(), database: database.url.to_string() })
}

fn make_private(directory: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|source| OpenError::StateDirectory { path: directory.to_owned(), source })
}

fn open_keys(
    configuration: &Configuration,
    access: Access,
    is_new: bool,
) -> Result<(CredentialsKeyFile, Vec<String>), OpenError> {
    if access == Access::Read {
        return Ok((CredentialsKeyFile::ephemeral(&OsEntropy), Vec::new()));
    }
    let file = configuration.database.key_file().ok_or(CredentialsKeyError::Unnamed)?;
    if configuration.database.credentials_key_file.is_some() {
        return Ok((CredentialsKeyFile::read(&file)?, Vec::new()));
    }
    let (keys, is_made) = CredentialsKeyFile::read_or_create(&file, &OsEntropy)?;
    let mut warnings = Vec::new();
    if is_made && !is_new {
        warnings.push(format!(
            "the credentials key {} was not there although the database was, so a new one was made: stores that are \
             just being brought up may fail and want a new admin password; put the old key back if you have it",
            file.display()
        ));
    }
    Ok((keys, warnings))
}

async fn connect(configuration: &Configuration, installation: uuid::Uuid) -> Result<ClusterSide, OpenError> {
    let config = ClusterConfig {
        kubeconfig: configuration.cluster.kubeconfig.clone(),
        context: configuration.cluster.context.clone(),
        environment: configuration.environment.clone(),
    };
    let cluster = Cluster::connect(&config, Arc::new(SystemClock)).await?;
    let helm = HelmConfig {
        binary: configuration.helm.binary.clone(),
        state_dir: configuration.state_dir.clone(),
        chart: configuration.helm.chart.clone().map_or(ChartSource::Embedded, ChartSource::Directory),
        values_files: configuration.helm.values_files.clone(),
        environment: configuration.environment.clone(),
        passthrough: configuration.helm.passthrough.clone(),
    };
    let deployer = HelmDeployer::new(cluster.clone(), helm, installation).await?;
    let version = deployer.version();
    let facts = vec![
        format!("cluster: {cluster}"),
        format!("Helm {} at {}", version.text, version.binary.display()),
        match &configuration.helm.chart {
            Some(directory) => format!("chart {}", directory.display()),
            None => "the built-in chart".to_owned(),
        },
    ];
    Ok(ClusterSide { deployer: Arc::new(deployer), probe: Arc::new(KubeProbe::start(cluster, installation)), facts })
}

fn settings(configuration: &Configuration, deployer: &dyn Deployer) -> ServiceSettings {
    let (host, _) = deployer.host();
    // Unique for each process, also among containers that share host name and process id.
    let owner = format!("{host}/{}/{:016x}", std::process::id(), OsEntropy.next_u64());
    let mut reconciler = ReconcilerSettings::new(owner);
    reconciler.timeout = configuration.provisioning.timeout;
    reconciler.poll_interval = configuration.provisioning.poll_interval;
    reconciler.max_workers = configuration.provisioning.max_workers;
    reconciler.max_in_progress = configuration.provisioning.max_in_progress;
    let addresses = &configuration.addresses;
    ServiceSettings::new(addresses.public_url.clone(), reconciler).with_reserved(addresses.reserved.clone())
}
