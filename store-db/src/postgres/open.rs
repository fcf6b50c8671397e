//! Opening a PostgreSQL database: its tables are brought up to date by one process at a time, whole or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use store_core::ports::NoticeStream;
use tokio::sync::watch;

use super::connect::{ConnectFailure, Connector};
use super::io::Io;
use super::notices;
use super::session::{Live, PostgresConnection, Server, Session};
use super::turns::{self, Turn};
use super::url::PostgresUrl;
use crate::backend::Conn;
use crate::error::QueryError;
use crate::migrations;
use crate::queries::installation;
use crate::sqlite::OpenMode;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// Changing tables may take longer than a query, and so may waiting for another process that does.
const MIGRATION_LIMITS: &str = "SET statement_timeout = '9min'; SET lock_timeout = '1min';
    SET idle_in_transaction_session_timeout = '1min';";

/// How a PostgreSQL database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// How many connections a process has for its queries, at least two; one more listens to the other processes. Half of
    /// them only read, so that reading goes on while writers wait for each other.
    pub connections: usize,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { connections: 8 }
    }
}

/// Why a PostgreSQL database cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresOpenError {
    /// The server does not answer, or not now.
    #[error("{server} cannot be reached: {reason}; start PostgreSQL there, or correct host and port in DATABASE_URL")]
    Unreachable {
        /// The database, without password.
        server: String,
        /// What came back.
        reason: String,
    },
    /// The server answers and will not let us in, or cannot be used.
    #[error("{server} refuses us: {reason}; correct DATABASE_URL, or what the server allows")]
    Refused {
        /// The database, without password.
        server: String,
        /// What it said.
        reason: String,
    },
    /// The server's certificate is not one of that host by an authority that we trust, or it has none.
    #[error(
        "{server} cannot be trusted: {reason}; name the host as its certificate does, and its authority's PEM file in \
         sslrootcert"
    )]
    Untrusted {
        /// The database, without password.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It has no tables of ours, and was only to be read.
    #[error("there is nothing yet in {server}: create a store first, or correct DATABASE_URL")]
    Missing {
        /// The database, without password.
        server: String,
    },
    /// It was changed by a later version of this program.
    #[error("{server} was used by a newer version of this program (it has migration {migration}): use that version")]
    Newer {
        /// The database, without password.
        server: String,
        /// A migration that this version does not know.
        migration: String,
    },
    /// Something else.
    #[error("{server} cannot be used: {reason}")]
    Failed {
        /// The database, without password.
        server: String,
        /// What went wrong.
        reason: String,
    },
}

/// What a repository has beside its connections.
pub(crate) struct Postgres {
    server: Arc<Server>,
    /// Gone once it is closed.
    stop: Mutex<Option<watch::Sender<()>>>,
}

/// What can go wrong while the tables are brought up to date; it gets the server's name later.
enum Trouble {
    Missing,
    Newer(String),
    Said(String),
}

/// Opens a database: its side that writes, its side that reads, and the rest.
pub(crate) fn open(
    url: &PostgresUrl,
    options: PostgresOptions,
    mode: OpenMode,
) -> Result<(Vec<Session>, Vec<Session>, Postgres), PostgresOpenError> {
    let place = Place::find(url)?;
    place.prepare(mode)?;
    let server = place.server;
    let readers = (options.connections / 2).max(1);
    let writers = options.connections.saturating_sub(readers).max(1);
    let sessions = |count: usize| (0..count).map(|_| Session::new(Arc::clone(&server))).collect();
    let (writers, readers) = (sessions(writers), sessions(readers));
    Ok((writers, readers, Postgres { server, stop: Mutex::new(Some(watch::Sender::new(()))) }))
}

/// A database that can be connected to.
pub(crate) struct Place {
    server: Arc<Server>,
    name: String,
}

impl Place {
    pub(crate) fn find(url: &PostgresUrl) -> Result<Self, PostgresOpenError> {
        let failed = |reason: String| PostgresOpenError::Failed { server: url.to_string(), reason };
        let io = Io::start().map_err(|error| failed(format!("no thread can be started: {error}")))?;
        let connector = Connector::new(url).map_err(failed)?;
        let origin = uuid::Uuid::new_v4().simple().to_string().into();
        Ok(Self { server: Arc::new(Server { io, connector, origin }), name: url.to_string() })
    }

    pub(crate) fn connect(&self) -> Result<Live, PostgresOpenError> {
        let server = self.name.clone();
        Live::open(&self.server).map_err(|failure| match failure {
            ConnectFailure::Away(reason) => PostgresOpenError::Unreachable { server, reason },
            ConnectFailure::Refused(reason) => PostgresOpenError::Refused { server, reason },
            ConnectFailure::Untrusted(reason) => PostgresOpenError::Untrusted { server, reason },
        })
    }

    /// Makes or changes the tables on a connection of its own.
    fn prepare(&self, mode: OpenMode) -> Result<(), PostgresOpenError> {
        let server = self.name.clone();
        let mut live = self.connect()?;
        bring_up_to_date(live.for_long(), mode, &self.server.origin).map_err(|trouble| match trouble {
            Trouble::Missing => PostgresOpenError::Missing { server },
            Trouble::Newer(migration) => PostgresOpenError::Newer { server, migration },
            Trouble::Said(reason) => PostgresOpenError::Failed { server, reason },
        })
    }
}

/// Runs the migrations that this database has not seen, all of them or none, and alone.
fn bring_up_to_date(connection: &mut PostgresConnection, mode: OpenMode, origin: &Arc<str>) -> Result<(), Trouble> {
    connection.batch_execute(MIGRATION_LIMITS)?;
    connection.transaction(|connection| {
        turns::take(connection, Turn::Migration)?;
        if mode == OpenMode::Existing && !has_tables(connection)? {
            return Err(Trouble::Missing);
        }
        if let Some(newer) =
            migrations::run(connection, MIGRATIONS).map_err(|error| Trouble::Said(error.to_string()))?
        {
            return Err(Trouble::Newer(newer));
        }
        installation::ensure(&mut Conn::postgres(connection, Arc::clone(origin)))?;
        Ok(())
    })
}

fn has_tables(connection: &mut PostgresConnection) -> QueryResult<bool> {
    diesel::select(sql::<Bool>("to_regclass('installation') IS NOT NULL")).get_result(connection)
}

impl Postgres {
    /// What other processes write, from now on until it is closed.
    pub(crate) fn notices(&self) -> NoticeStream {
        match &*self.stop.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(stop) => notices::follow(&self.server, stop.subscribe()),
            None => Box::pin(futures::stream::empty()),
        }
    }

    /// Ends all notices.
    pub(crate) fn close(&self) {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl From<diesel::result::Error> for Trouble {
    fn from(error: diesel::result::Error) -> Self {
        Self::Said(error.to_string())
    }
}

impl From<QueryError> for Trouble {
    fn from(error: QueryError) -> Self {
        Self::Said(store_core::ports::RepositoryError::from(error).to_string())
    }
}
