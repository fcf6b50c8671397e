//! A connection as its thread owns it: made when it is needed, and made again when it is lost.

use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use store_core::ports::RepositoryError;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::connect::{ConnectFailure, Connector, drive, set_up};
use super::io::Io;
use crate::backend::{Conn, Traces};
use crate::lanes::Owned;

/// How long a transaction may take altogether. The server ends each statement of its own accord sooner; this is for one
/// that does not answer at all.
const LONGEST: Duration = Duration::from_secs(20);
/// The same for changing tables and for moving an installation.
const LONGEST_WORK: Duration = Duration::from_mins(10);
/// How long after a failed try the next one may be made, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// What queries run on.
pub(crate) type PostgresConnection = AsyncConnectionWrapper<AsyncPgConnection>;

/// What all connections of a repository share.
pub(super) struct Server {
    pub(super) io: Io,
    pub(super) connector: Connector,
    /// Tells our own notices from those of other processes.
    pub(super) origin: Arc<str>,
}

/// A connection, or the intent to have one.
pub(crate) struct Session {
    server: Arc<Server>,
    live: Option<Live>,
    failed: Option<Failed>,
}

/// A connection that is there.
pub(crate) struct Live {
    connection: PostgresConnection,
    driver: JoinHandle<()>,
    /// When the query that runs must have ended.
    overdue: watch::Sender<Option<Instant>>,
}

/// The last try that failed.
struct Failed {
    reason: String,
    pause: Duration,
    again_at: Instant,
}

impl Session {
    /// One that connects when it is first used.
    pub(super) fn new(server: Arc<Server>) -> Self {
        Self { server, live: None, failed: None }
    }

    fn connection(&mut self) -> Result<&mut PostgresConnection, RepositoryError> {
        if self.live.as_ref().is_some_and(|live| live.driver.is_finished()) {
            self.live = None;
        }
        let live = match self.live.take() {
            Some(live) => live,
            None => self.connect().map_err(|reason| RepositoryError::Unavailable { reason })?,
        };
        let live = self.live.insert(live);
        live.overdue.send_replace(Some(Instant::now() + LONGEST));
        Ok(&mut live.connection)
    }

    fn connect(&mut self) -> Result<Live, String> {
        let pause = match &self.failed {
            Some(failed) if Instant::now() < failed.again_at => return Err(failed.reason.clone()),
            Some(failed) => (failed.pause * 2).min(PAUSES.1),
            None => PAUSES.0,
        };
        match Live::open(&self.server) {
            Ok(live) => {
                self.failed = None;
                Ok(live)
            }
            Err(failure) => {
                let reason = format!("PostgreSQL cannot be reached: {}", failure.reason());
                self.failed = Some(Failed { reason: reason.clone(), pause, again_at: Instant::now() + pause });
                Err(reason)
            }
        }
    }
}

impl Live {
    pub(super) fn open(server: &Server) -> Result<Self, ConnectFailure> {
        let handle = server.io.handle();
        let (connection, driver, overdue) = handle.block_on(async {
            let (client, wire) = server.connector.connect().await?;
            let (overdue, limit) = watch::channel(Some(Instant::now() + LONGEST));
            let driver = tokio::spawn(drive(wire, limit));
            set_up(&client).await?;
            let connection = AsyncPgConnection::try_from(client).await;
            let connection = connection.map_err(|error| ConnectFailure::Away(error.to_string()))?;
            Ok((connection, driver, overdue))
        })?;
        // The wrapper takes the runtime that it is made in.
        let _inside = handle.enter();
        Ok(Self { connection: connection.into(), driver, overdue })
    }

    /// For what takes longer than a query. It all has one deadline, counted from here: a server that is frozen must not
    /// keep us for ever.
    pub(crate) fn for_long(&mut self) -> &mut PostgresConnection {
        self.overdue.send_replace(Some(Instant::now() + LONGEST_WORK));
        &mut self.connection
    }
}

impl Owned for Session {
    fn lend(&mut self) -> Result<Conn<'_>, RepositoryError> {
        let origin = Arc::clone(&self.server.origin);
        Ok(Conn::postgres(self.connection()?, origin))
    }

    fn reopen(&self) -> Option<Self> {
        Some(Self::new(Arc::clone(&self.server)))
    }

    fn tidy(&mut self, _traces: Traces) {
        if let Some(live) = &self.live {
            live.overdue.send_replace(None);
        }
    }

    fn finish(self) {}
}
