//! Connections as their threads own them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Integer;
use store_core::ports::RepositoryError;

use crate::backend::{Conn, Traces};
use crate::lanes::Owned;

/// How long a connection waits for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long truncating the log waits for those who read from it.
const TRUNCATE_PATIENCE: Duration = Duration::from_secs(1);

/// The connection that writes.
pub(crate) struct Writer {
    path: PathBuf,
    connection: SqliteConnection,
    /// Whether the log was to be emptied, of what was erased or for want of room, and somebody was reading from it.
    log_is_overdue: bool,
}

/// A connection that reads.
pub(crate) struct Reader {
    path: PathBuf,
    connection: SqliteConnection,
}

/// Opens the file, which must be there.
pub(crate) fn connect(path: &Path) -> ConnectionResult<SqliteConnection> {
    let mut connection = SqliteConnection::establish(&uri(path)?)?;
    connection
        .batch_execute(&format!(
            // Memory for temporary data, so that no secret gets into a file that nobody erases.
            "PRAGMA busy_timeout = {}; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;",
            PATIENCE.as_millis()
        ))
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

/// The path as a URI (<https://sqlite.org/uri.html>) that opens the file and never creates it.
fn uri(path: &Path) -> ConnectionResult<String> {
    let path = path.to_str().ok_or_else(|| ConnectionError::InvalidConnectionUrl("it is not UTF-8".to_owned()))?;
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file:{path}?mode=rw"))
}

impl Writer {
    pub(crate) fn new(path: PathBuf, mut connection: SqliteConnection) -> QueryResult<Self> {
        // FULL: what was answered must survive a loss of power, and NORMAL may lose the last transactions.
        connection.batch_execute("PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;")?;
        Ok(Self { path, connection, log_is_overdue: false })
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Moves the log into the database and empties it; whether it did.
    pub(crate) fn truncate_log(&mut self, patience: Duration) -> bool {
        let set_patience = |connection: &mut SqliteConnection, patience: Duration| {
            connection.batch_execute(&format!("PRAGMA busy_timeout = {};", patience.as_millis()))
        };
        let connection = &mut self.connection;
        let busy = set_patience(connection, patience)
            .and_then(|()| sql::<Integer>("PRAGMA wal_checkpoint(TRUNCATE)").get_result::<i32>(connection));
        if let Err(error) = set_patience(connection, PATIENCE) {
            tracing::warn!(%error, "a time limit of the database could not be set");
        }
        matches!(busy, Ok(0))
    }
}

impl Owned for Writer {
    fn lend(&mut self) -> Result<Conn<'_>, RepositoryError> {
        Ok(Conn::sqlite(&mut self.connection))
    }

    fn reopen(&self) -> Option<Self> {
        let connection = connect(&self.path).ok()?;
        let writer = Self::new(self.path.clone(), connection).ok()?;
        Some(Self { log_is_overdue: self.log_is_overdue, ..writer })
    }

    fn tidy(&mut self, traces: Traces) {
        if traces.erased {
            self.log_is_overdue = !self.truncate_log(TRUNCATE_PATIENCE);
            if self.log_is_overdue {
                tracing::warn!("the database's log is in use and keeps an erased password until the next write");
            }
        } else if traces.lacks_room || self.log_is_overdue {
            // SQLite itself empties the log only after a write that succeeds, and on a small disk the log alone may leave
            // no room for one.
            self.log_is_overdue = !self.truncate_log(Duration::ZERO);
        }
    }

    fn finish(mut self) {
        self.truncate_log(TRUNCATE_PATIENCE);
    }
}

impl Reader {
    pub(crate) fn open(path: PathBuf) -> ConnectionResult<Self> {
        let mut connection = connect(&path)?;
        connection.batch_execute("PRAGMA query_only = ON;").map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(Self { path, connection })
    }
}

impl Owned for Reader {
    fn lend(&mut self) -> Result<Conn<'_>, RepositoryError> {
        Ok(Conn::sqlite(&mut self.connection))
    }

    fn reopen(&self) -> Option<Self> {
        Self::open(self.path.clone()).ok()
    }

    fn tidy(&mut self, _traces: Traces) {}

    fn finish(self) {}
}
