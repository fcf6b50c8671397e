//! One connection of whichever backend, and how a query is written once for all of them.

use diesel::SqliteConnection;
use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::BigInt;

use crate::error::QueryError;

/// A connection, borrowed for one query or transaction.
pub(crate) struct Conn<'c> {
    pub(crate) link: Link<'c>,
    /// Whether a secret was erased, so that traces of it must go as well.
    erased: bool,
}

/// The kinds of connection.
pub(crate) enum Link<'c> {
    Sqlite(&'c mut SqliteConnection),
}

/// Expands one query for each kind of connection: `on_backend!(conn, |c| stores::table.count().get_result(c))`.
macro_rules! on_backend {
    ($conn:expr, |$connection:ident| $query:expr) => {
        match &mut $conn.link {
            $crate::backend::Link::Sqlite(link) => {
                let $connection: &mut ::diesel::SqliteConnection = link;
                $query
            }
        }
    };
}
pub(crate) use on_backend;

impl<'c> Conn<'c> {
    /// A connection to SQLite.
    pub(crate) fn sqlite(connection: &'c mut SqliteConnection) -> Self {
        Self { link: Link::Sqlite(connection), erased: false }
    }

    /// Runs `body` in a transaction that may write, alone from its beginning: SQLite takes its one write lock at once,
    /// so that nothing that was read can change before it is written.
    pub(crate) fn write<T>(
        &mut self,
        body: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut failed = None;
        let erased = &mut self.erased;
        let result = match &mut self.link {
            Link::Sqlite(connection) => connection.immediate_transaction(|connection| {
                let mut conn = Conn::sqlite(connection);
                let result = body(&mut conn);
                *erased |= conn.erased;
                result.map_err(|error| {
                    failed = Some(error);
                    DieselError::RollbackTransaction
                })
            }),
        };
        // What went wrong first is what counts: SQLite may have rolled back by itself, and then rolling back fails too.
        result.map_err(|error| failed.unwrap_or(QueryError::Database(error)))
    }

    /// The database's own time, in microseconds.
    pub(crate) fn now(&mut self) -> QueryResult<i64> {
        match &mut self.link {
            Link::Sqlite(connection) => {
                let now = sql::<BigInt>("CAST(round(unixepoch('now', 'subsec') * 1000000) AS INTEGER)");
                diesel::select(now).get_result(*connection)
            }
        }
    }

    /// Notes that a secret was erased.
    pub(crate) fn note_erasure(&mut self) {
        self.erased = true;
    }

    /// Whether a secret was erased.
    pub(crate) fn has_erased(&self) -> bool {
        self.erased
    }

    /// Whether a transaction ended in a way that makes the connection useless.
    pub(crate) fn is_broken(&mut self) -> bool {
        match &mut self.link {
            Link::Sqlite(connection) => AnsiTransactionManager::is_broken_transaction_manager(*connection),
        }
    }
}
