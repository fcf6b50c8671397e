//! The door without a server: the own database, and a reconciler in this process for as long as somebody waits.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use secrecy::SecretString;
use store_core::lifecycle::{Event, Position};
use store_core::ports::{ListQuery, LogRequest};
use store_core::reconcile::Scope;
use store_core::service::{CreateStore, RetryStore, ServiceError, StoreDocument, StoreList, StoreRef};
use store_core::store::{Engine, StoreId};
use store_db::{DatabaseUrl, ReconcilerLock};
use store_platform::{Access, Configuration, EnvFile, Platform, Sources, Start};

use super::{Door, Filter, Hands, Lines, NewStore, Purpose, Work};
use crate::args::SettingFlags;
use crate::failure::Failure;
use crate::terminal::{Terminal, interrupted};

/// Another process's writes are not announced to us.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What runs when Ctrl-C is pressed, Helm mostly, gets this long to end by itself.
const GRACE: Duration = Duration::from_secs(15);
const PAGE: usize = 500;

/// The own database and cluster.
pub(crate) struct Embedded {
    platform: Platform,
    database: DatabaseUrl,
    /// Nobody looked at the cluster.
    reads_only: bool,
    terminal: Terminal,
}

/// Reads the settings: flags, then the environment, then the `.env` file.
pub(crate) fn configuration(flags: &SettingFlags) -> Result<Configuration, Failure> {
    let directory = std::env::current_dir()
        .map_err(|error| Failure::new(format!("the working directory cannot be used: {error}")))?;
    let env_file = flags.env_file.clone().map_or(EnvFile::Default, EnvFile::Named);
    let environment = std::env::vars_os().collect();
    Configuration::load(Sources { flags: flags.values.clone(), environment, env_file, directory })
        .map_err(|error| Failure::of(&error))
}

impl Embedded {
    /// Opens database and, unless only to read, cluster and Helm.
    pub(crate) async fn open(flags: &SettingFlags, purpose: Purpose, terminal: Terminal) -> Result<Self, Failure> {
        let configuration = configuration(flags)?;
        if terminal.logs {
            begin_logging(&configuration);
        }
        let database = configuration.database.url.clone();
        // What changes a store that cannot be there must not make a database; a reader says that there is none.
        let makes_nothing = purpose == Purpose::Read || (purpose == Purpose::Change && is_missing(&database));
        let access = if makes_nothing { Access::Read } else { Access::Work };
        let platform = Platform::open(&configuration, access).await.map_err(|error| {
            Failure::of(&error)
                .hint("This is without a server. With one: --server URL, STORE_SERVER, or store context use NAME.")
        })?;
        for warning in platform.warnings() {
            terminal.warn(warning);
        }
        Ok(Self { platform, database, reads_only: makes_nothing, terminal })
    }

    /// A reader has not looked at the cluster, so it has nothing to say about it.
    fn seen(&self, mut store: StoreDocument) -> StoreDocument {
        if self.reads_only {
            store.condition = None;
        }
        store
    }
}

/// Whether there certainly is no database.
fn is_missing(database: &DatabaseUrl) -> bool {
    matches!(database, DatabaseUrl::Sqlite(file) if !file.exists())
}

/// Logs are for those who ask for them: what happens to a store is in its events anyway.
fn begin_logging(configuration: &Configuration) {
    let filter = tracing_subscriber::EnvFilter::new(configuration.logging.filter.as_deref().unwrap_or("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second door in one process finds the first one's subscriber.
    let _ = logs.try_init();
}

fn by_id(id: &str) -> Result<StoreRef, Failure> {
    StoreId::parse(id).map(StoreRef::Id).map_err(|error| Failure::usage(error.to_string()))
}

fn query(filter: &Filter) -> Result<ListQuery, Failure> {
    let engine = filter.engine.as_deref().map(str::parse::<Engine>).transpose();
    let engine = engine.map_err(|error| Failure::usage(error.to_string()))?;
    Ok(ListQuery { statuses: filter.statuses.clone(), engine, ..ListQuery::default() })
}

#[async_trait]
impl Door for Embedded {
    async fn create(&self, request: &NewStore) -> Result<StoreDocument, Failure> {
        let request = CreateStore {
            name: Some(request.name.to_string()),
            engine: Some(request.engine.clone()),
            admin_username: Some(request.admin_username.to_string()),
            admin_email: Some(request.admin_email.to_string()),
            admin_password: Some(request.admin_password.clone()),
            plan: request.plan.clone(),
        };
        Ok(self.platform.service().create(request, None).await?.store)
    }

    async fn list(&self, filter: &Filter) -> Result<StoreList, Failure> {
        let mut query = query(filter)?;
        let mut list = self.platform.service().list(&query).await?;
        while let Some(token) = list.next_page_token.take() {
            query.after = Some(token);
            let page = self.platform.service().list(&query).await?;
            list.stores.extend(page.stores);
            list.next_page_token = page.next_page_token;
        }
        list.stores = list.stores.into_iter().map(|store| self.seen(store)).collect();
        Ok(list)
    }

    async fn get(&self, which: &StoreRef) -> Result<StoreDocument, Failure> {
        Ok(self.seen(self.platform.service().get(which).await?))
    }

    async fn delete(&self, id: &str) -> Result<StoreDocument, Failure> {
        Ok(self.platform.service().delete(&by_id(id)?, None).await?)
    }

    async fn retry(&self, id: &str, password: Option<SecretString>) -> Result<StoreDocument, Failure> {
        let request = RetryStore { admin_password: password };
        Ok(self.platform.service().retry(&by_id(id)?, request, None).await?)
    }

    async fn protect(&self, id: &str, protected: bool) -> Result<StoreDocument, Failure> {
        Ok(self.platform.service().protect(&by_id(id)?, protected, None).await?)
    }

    async fn events(&self, id: &str, after: Position) -> Result<Vec<Event>, Failure> {
        Ok(self.platform.service().events(&by_id(id)?, after, PAGE).await?)
    }

    async fn logs(&self, id: &str, request: LogRequest) -> Result<Lines, Failure> {
        let lines = self.platform.service().logs(&by_id(id)?, request).await?;
        Ok(lines.map(|line| line.map_err(|error| Failure::of(&error))).boxed())
    }

    async fn engage(&self, id: &str) -> Result<Hands, Failure> {
        let id = StoreId::parse(id).map_err(|error| Failure::usage(error.to_string()))?;
        match self.platform.start(Scope::Only(id)).map_err(|error| Failure::of(&error))? {
            Start::Working(work) => Ok(Hands::Own(Box::new(OwnWork { work, terminal: self.terminal }))),
            Start::Standby { .. } => Ok(Hands::Others),
        }
    }

    async fn next_look(&self) {
        let mut notices = self.platform.service().notices();
        tokio::select! {
            _ = notices.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }

    fn unattended(&self, name: &str) -> String {
        match &self.database {
            DatabaseUrl::Sqlite(file) => match ReconcilerLock::holder(file) {
                Some(process) => format!("Process {process} goes on with it."),
                None => format!("Nobody works on it now; to go on: store wait {name}, or start the server."),
            },
            _ => format!("A server on this database goes on with it; where none runs: store wait {name}."),
        }
    }

    async fn close(self: Box<Self>) {
        self.platform.close().await;
    }
}

/// The reconciler of this process.
struct OwnWork {
    work: store_platform::Work,
    terminal: Terminal,
}

#[async_trait]
impl Work for OwnWork {
    async fn stop(self: Box<Self>, is_done: bool) {
        if !is_done {
            self.terminal.say("Stopping; what runs may come to its end (Ctrl-C again stops it at once).");
        }
        tokio::select! {
            _ = self.work.shutdown(GRACE) => {}
            // Dropped, the reconciler ends its processes without grace.
            () = interrupted() => {}
        }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Invalid(fields) if fields.len() == 1 => Self::new("a value is not valid").with_fields(fields),
            ServiceError::Invalid(fields) => {
                Self::new(format!("{} values are not valid", fields.len())).with_fields(fields)
            }
            ServiceError::Unavailable { .. } => Self::of(&error).transient(),
            // There is no log that would have the cause.
            ServiceError::Internal(cause) => Self::of(&*cause),
            error => Self::of(&error),
        }
    }
}
