//! The port on a database: each call hands its arguments to a thread that owns a connection.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use jiff::Timestamp;
use store_core::lifecycle::{Event, Position, Store};
use store_core::ports::{
    ActionInFlight, Admission, Claim, ClaimRequest, Claimed, Created, Installation, ListQuery, NewStore, NoticeStream,
    Page, ProgressUpdate, Recorded, Renewal, RepositoryError, StoreRepository, WakeUp,
};
use store_core::store::{SealedPassword, StoreId, StoreName};

use crate::lanes::Lane;
use crate::postgres::{self, Postgres, PostgresOpenError, PostgresOptions, PostgresUrl};
use crate::queries::{self, claims, installation, intent, progress, reads};
use crate::sqlite::{self, OpenError, OpenMode};
use crate::url::DatabaseUrl;

/// How long callers wait for PostgreSQL: longer than a transaction may take, so that a slow one still gives its answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A [`StoreRepository`] in a database.
///
/// In a SQLite file one thread writes and a few read; in a PostgreSQL database a few do either. Each has a connection of
/// its own. Several of these, in one process or in many, may share a database. Dropping it ends its threads soon;
/// [`close`](Self::close) waits for that.
pub struct DatabaseRepository {
    writer: Lane,
    readers: Lane,
    postgres: Option<Postgres>,
}

impl DatabaseRepository {
    /// Opens a database and brings its tables up to date.
    pub async fn open(url: &DatabaseUrl, mode: OpenMode) -> Result<Self, OpenError> {
        match url {
            DatabaseUrl::Sqlite(path) => Self::open_sqlite(path, mode).await,
            DatabaseUrl::Postgres(url) => Self::open_postgres(url, PostgresOptions::default(), mode).await,
        }
    }

    /// Opens a SQLite file and brings its tables up to date.
    pub async fn open_sqlite(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self, OpenError> {
        let path = path.as_ref().to_owned();
        let failed = {
            let path = path.clone();
            move |reason: String| OpenError::Failed { path: path.clone(), reason }
        };
        let opened = tokio::task::spawn_blocking(move || sqlite::open(&path, mode)).await;
        let (writer, readers) = opened.map_err(|error| failed(error.to_string()))??;
        let start_failed = |error: std::io::Error| failed(format!("no thread can be started: {error}"));
        Ok(Self {
            writer: Lane::start("sqlite-writer", vec![writer]).map_err(start_failed)?,
            readers: Lane::start("sqlite-reader", readers).map_err(start_failed)?,
            postgres: None,
        })
    }

    /// Opens a PostgreSQL database and brings its tables up to date. The database itself must be there.
    pub async fn open_postgres(url: &PostgresUrl, options: PostgresOptions, mode: OpenMode) -> Result<Self, OpenError> {
        let failed = |reason: String| PostgresOpenError::Failed { server: url.to_string(), reason };
        let opened = {
            let url = url.clone();
            tokio::task::spawn_blocking(move || postgres::open(&url, options, mode)).await
        };
        let (writers, readers, postgres) = opened.map_err(|error| failed(error.to_string()))??;
        let start_failed = |error: std::io::Error| failed(format!("no thread can be started: {error}"));
        let writer = Lane::start("postgres-writer", writers).map_err(start_failed)?;
        let readers = Lane::start("postgres-reader", readers).map_err(start_failed)?;
        Ok(Self {
            writer: writer.patient_for(PATIENCE),
            readers: readers.patient_for(PATIENCE),
            postgres: Some(postgres),
        })
    }

    /// Remembers by which credentials key, of those with these marks, the processes on this database know each other. The
    /// answer: `false` if they all have another one. The first of the marks is the one that is remembered, so that keys
    /// can be rotated: each process has the next key before the first has it in front.
    pub async fn bind_credentials_key(&self, marks: Vec<String>) -> Result<bool, RepositoryError> {
        self.writer.run(move |conn| installation::bind_credentials_key(conn, &marks)).await
    }

    /// Ends the threads after what they have in hand; SQLite's log is moved into the file. Later calls are refused as
    /// unavailable.
    pub async fn close(&self) {
        if let Some(postgres) = &self.postgres {
            postgres.close();
        }
        self.readers.close().await;
        self.writer.close().await;
    }
}

#[async_trait]
impl StoreRepository for DatabaseRepository {
    async fn installation(&self) -> Result<Installation, RepositoryError> {
        self.readers.run(installation::get).await
    }

    async fn bind_cluster(&self, cluster_uid: &str) -> Result<Installation, RepositoryError> {
        let cluster_uid = cluster_uid.to_owned();
        self.writer.run(move |conn| installation::bind(conn, &cluster_uid)).await
    }

    async fn create(&self, new: NewStore) -> Result<Created, RepositoryError> {
        self.writer.run(move |conn| intent::create(conn, &new)).await
    }

    async fn request_deletion(
        &self,
        id: &StoreId,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let id = id.clone();
        self.writer.run(move |conn| intent::request_deletion(conn, &id, expected, at)).await
    }

    async fn request_retry(
        &self,
        id: &StoreId,
        password: Option<SealedPassword>,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let id = id.clone();
        self.writer.run(move |conn| intent::request_retry(conn, &id, password.as_ref(), expected, at)).await
    }

    async fn request_protection(
        &self,
        id: &StoreId,
        protected: bool,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let id = id.clone();
        self.writer.run(move |conn| intent::request_protection(conn, &id, protected, expected, at)).await
    }

    async fn get(&self, id: &StoreId) -> Result<Option<Store>, RepositoryError> {
        let id = id.clone();
        self.readers.run(move |conn| queries::find(conn, &id)).await
    }

    async fn find_by_name(&self, name: &StoreName) -> Result<Option<Store>, RepositoryError> {
        let name = name.clone();
        self.readers.run(move |conn| reads::find_by_name(conn, &name)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Store>, RepositoryError> {
        let query = query.clone();
        self.readers.run(move |conn| reads::list(conn, &query)).await
    }

    async fn queue(&self) -> Result<BTreeMap<StoreId, usize>, RepositoryError> {
        self.readers.run(reads::queue).await
    }

    async fn events(&self, id: &StoreId, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        let id = id.clone();
        self.readers.run(move |conn| reads::events_of(conn, &id, after, limit)).await
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        self.readers.run(move |conn| reads::events_after(conn, after, limit)).await
    }

    async fn positions(&self) -> Result<(Position, Position), RepositoryError> {
        self.readers.run(reads::positions).await
    }

    async fn sealed_password(&self, id: &StoreId) -> Result<Option<SealedPassword>, RepositoryError> {
        let id = id.clone();
        self.readers.run(move |conn| reads::sealed_password(conn, &id)).await
    }

    async fn claim_due(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, RepositoryError> {
        let request = request.clone();
        self.writer.run(move |conn| claims::claim_due(conn, &request)).await
    }

    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, RepositoryError> {
        let claim = claim.clone();
        self.writer.run(move |conn| claims::renew(conn, &claim, lease)).await
    }

    async fn admit(&self, claim: &Claim, admission: Admission) -> Result<bool, RepositoryError> {
        let claim = claim.clone();
        self.writer.run(move |conn| progress::admit(conn, &claim, admission)).await
    }

    async fn begin_action(
        &self,
        claim: &Claim,
        generation: u64,
        action: &ActionInFlight,
    ) -> Result<bool, RepositoryError> {
        let (claim, action) = (claim.clone(), action.clone());
        self.writer.run(move |conn| progress::begin_action(conn, &claim, generation, &action)).await
    }

    async fn end_action(&self, claim: &Claim) -> Result<(), RepositoryError> {
        let claim = claim.clone();
        self.writer.run(move |conn| progress::end_action(conn, &claim)).await
    }

    async fn record(
        &self,
        claim: &Claim,
        generation: u64,
        update: &ProgressUpdate,
    ) -> Result<Recorded, RepositoryError> {
        let (claim, update) = (claim.clone(), update.clone());
        self.writer.run(move |conn| progress::record(conn, &claim, generation, &update)).await
    }

    async fn release(&self, claim: &Claim, generation: u64, wake_up: WakeUp) -> Result<(), RepositoryError> {
        let claim = claim.clone();
        self.writer.run(move |conn| claims::release(conn, &claim, generation, wake_up)).await
    }

    async fn next_due(&self) -> Result<Option<Duration>, RepositoryError> {
        self.readers.run(claims::next_due).await
    }

    fn notices(&self) -> NoticeStream {
        match &self.postgres {
            Some(postgres) => postgres.notices(),
            // Nobody tells what is written into a file.
            None => Box::pin(stream::pending()),
        }
    }
}
