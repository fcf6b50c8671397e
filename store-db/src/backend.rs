//! One connection of whichever backend, and how a query is written once for all of them.

use std::sync::Arc;

use diesel::SqliteConnection;
use diesel::connection::{Connection, TransactionManager};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::BigInt;
use store_core::ports::ClaimRequest;
use store_core::store::StoreId;

use crate::error::QueryError;
use crate::postgres::turns::{self, Turn};
use crate::postgres::{self, News, PostgresConnection};
use crate::sqlite;

/// A connection, borrowed for one query or transaction.
pub(crate) struct Conn<'c> {
    pub(crate) link: Link<'c>,
    /// Whether a secret was erased, so that traces of it must go as well.
    erased: bool,
    /// Whether a write found no room on the disk.
    lacks_room: bool,
    /// What other processes are told when the transaction commits.
    news: Option<News>,
}

/// What a query leaves to be cleaned up by the connection's owner.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traces {
    /// A secret was erased, and copies of it may be left.
    pub(crate) erased: bool,
    /// A write found no room on the disk.
    pub(crate) lacks_room: bool,
}

/// The kinds of connection.
pub(crate) enum Link<'c> {
    Sqlite(&'c mut SqliteConnection),
    /// With the name by which its process knows its own notices.
    Postgres(&'c mut PostgresConnection, Arc<str>),
}

/// Expands one query for each kind of connection: `on_backend!(conn, |c| stores::table.count().get_result(c))`.
macro_rules! on_backend {
    ($conn:expr, |$connection:ident| $query:expr) => {
        match &mut $conn.link {
            $crate::backend::Link::Sqlite(link) => {
                let $connection: &mut ::diesel::SqliteConnection = link;
                $query
            }
            $crate::backend::Link::Postgres(link, _) => {
                let $connection: &mut $crate::postgres::PostgresConnection = link;
                $query
            }
        }
    };
}
pub(crate) use on_backend;

impl<'c> Conn<'c> {
    /// A connection to SQLite.
    pub(crate) fn sqlite(connection: &'c mut SqliteConnection) -> Self {
        Self { link: Link::Sqlite(connection), erased: false, lacks_room: false, news: None }
    }

    /// A connection to PostgreSQL, of a process of this name.
    pub(crate) fn postgres(connection: &'c mut PostgresConnection, origin: Arc<str>) -> Self {
        Self { link: Link::Postgres(connection, origin), erased: false, lacks_room: false, news: None }
    }

    /// Runs `body` in a transaction that may write. SQLite takes its one write lock at once, so that nothing that was
    /// read can change before it is written; on PostgreSQL `body` locks what it is about to read for that.
    pub(crate) fn write<T>(
        &mut self,
        body: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        let mut failed = None;
        let erased = &mut self.erased;
        let result = match &mut self.link {
            Link::Sqlite(connection) => connection.immediate_transaction(|connection| {
                Conn::sqlite(connection).carry_out(body, erased).map_err(|error| undo(error, &mut failed))
            }),
            Link::Postgres(connection, origin) => connection.transaction(|connection| {
                let mut conn = Conn::postgres(connection, Arc::clone(origin));
                conn.carry_out(body, erased).map_err(|error| undo(error, &mut failed))
            }),
        };
        // What went wrong first is what counts: the database may have rolled back by itself, and then rolling back fails
        // too.
        let result = result.map_err(|error| failed.unwrap_or(QueryError::Database(error)));
        if let (Link::Sqlite(_), Err(QueryError::Database(error))) = (&self.link, &result) {
            self.lacks_room = sqlite::lacks_room(error);
        }
        result
    }

    fn carry_out<T>(
        &mut self,
        body: impl FnOnce(&mut Conn<'_>) -> Result<T, QueryError>,
        erased: &mut bool,
    ) -> Result<T, QueryError> {
        let result = body(self);
        *erased |= self.erased;
        let answer = result?;
        if let (Link::Postgres(connection, origin), Some(news)) = (&mut self.link, &self.news) {
            postgres::announce(connection, origin, news)?;
        }
        Ok(answer)
    }

    /// The database's own time, in microseconds.
    pub(crate) fn now(&mut self) -> QueryResult<i64> {
        match &mut self.link {
            Link::Sqlite(connection) => {
                let now = sql::<BigInt>("CAST(round(unixepoch('now', 'subsec') * 1000000) AS INTEGER)");
                diesel::select(now).get_result(*connection)
            }
            Link::Postgres(connection, _) => turns::now(connection),
        }
    }

    /// Keeps others from changing a store until the transaction ends.
    pub(crate) fn lock_store(&mut self, id: &StoreId) -> QueryResult<()> {
        match &mut self.link {
            Link::Sqlite(_) => Ok(()),
            Link::Postgres(connection, _) => turns::lock_store(connection, id),
        }
    }

    /// Keeps others from giving away places until the transaction ends.
    pub(crate) fn lock_admission(&mut self) -> QueryResult<()> {
        match &mut self.link {
            Link::Sqlite(_) => Ok(()),
            Link::Postgres(connection, _) => turns::take(connection, Turn::Admission),
        }
    }

    /// Locks stores that may be claimed, where others could claim them meanwhile; then it says which ones.
    pub(crate) fn lock_claimable(
        &mut self,
        request: &ClaimRequest,
        now: i64,
        limit: i64,
    ) -> QueryResult<Option<Vec<String>>> {
        match &mut self.link {
            Link::Sqlite(_) => Ok(None),
            Link::Postgres(connection, _) => turns::lock_claimable(connection, request, now, limit).map(Some),
        }
    }

    /// To be called before an event is written: its position will be in the order of commits.
    pub(crate) fn prepare_event(&mut self) -> QueryResult<()> {
        match &mut self.link {
            Link::Postgres(connection, _) if self.news.is_none() => turns::take(connection, Turn::Events)?,
            Link::Sqlite(_) | Link::Postgres(..) => {}
        }
        self.news.get_or_insert(News::Events);
        Ok(())
    }

    /// To be called when something else is wanted of a store, after its event.
    pub(crate) fn note_intent(&mut self, id: &StoreId) {
        self.news = Some(News::Intent(id.clone()));
    }

    /// Notes that a secret was erased.
    pub(crate) fn note_erasure(&mut self) {
        self.erased = true;
    }

    /// What the query leaves to be cleaned up.
    pub(crate) fn traces(&self) -> Traces {
        Traces { erased: self.erased, lacks_room: self.lacks_room }
    }

    /// Whether a transaction ended in a way that makes the connection useless.
    pub(crate) fn is_broken(&mut self) -> bool {
        on_backend!(self, |c| is_broken(c))
    }
}

/// Has the transaction undone, because of this.
fn undo(error: QueryError, failed: &mut Option<QueryError>) -> DieselError {
    *failed = Some(error);
    DieselError::RollbackTransaction
}

fn is_broken<C: Connection>(connection: &mut C) -> bool {
    C::TransactionManager::is_broken_transaction_manager(connection)
}
