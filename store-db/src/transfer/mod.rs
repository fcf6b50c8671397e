//! Moves an installation from a SQLite file to a PostgreSQL database, whole or not at all.
//!
//! The file is read under its reconciler lock and its write lock, so nothing changes meanwhile. Everything is written in
//! one transaction and read back before it counts. Just before that commits, the file is marked as moved, so that at no
//! moment both can be worked with; a file that is marked although its move did not come through can be moved again.

mod copy;
mod error;
mod rows;

use std::path::Path;

use diesel::connection::SimpleConnection as _;
use diesel::dsl::{max, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::backend::Conn;
use crate::migrations;
use crate::postgres::{self, Place, PostgresConnection, PostgresUrl};
use crate::schema::{events, installation};
use crate::sqlite::{self, ReconcilerLock};
use copy::Copied;
use rows::Clocks;

pub use error::TransferError;

/// Copying everything may take long; a frozen move still ends, and the server says so before we give it up.
const LIMITS: &str = "SET statement_timeout = '9min'; SET lock_timeout = '1min';
    SET idle_in_transaction_session_timeout = '9min';";

/// Moves everything from a file to a database, which must be empty. `say` is told how far it is.
pub async fn transfer(
    from: &Path,
    to: &PostgresUrl,
    say: impl FnMut(String) + Send + 'static,
) -> Result<(), TransferError> {
    let (from, to) = (from.to_owned(), to.clone());
    let moved = tokio::task::spawn_blocking(move || Transfer { from: &from, to: &to, say }.run()).await;
    moved.map_err(|error| TransferError::Failed { reason: error.to_string() })?
}

/// A move that is under way.
struct Transfer<'t, S> {
    from: &'t Path,
    to: &'t PostgresUrl,
    say: S,
}

impl<S: FnMut(String)> Transfer<'_, S> {
    fn run(mut self) -> Result<(), TransferError> {
        if !self.from.exists() {
            return Err(TransferError::Missing { from: self.from.to_owned() });
        }
        let Some(_lock) = ReconcilerLock::try_acquire_to_move(self.from)? else {
            return Err(TransferError::InUse { from: self.from.to_owned(), holder: ReconcilerLock::holder(self.from) });
        };
        let mut source = sqlite::connect(self.from).map_err(|error| self.unreadable(&error))?;
        // SQLite looks at a file only when it is asked something.
        let anything = sql::<BigInt>("SELECT count(*) FROM sqlite_schema").get_result::<i64>(&mut source);
        anything.map_err(|error| self.unreadable(&error))?;
        let place = Place::find(self.to)?;
        let mut live = place.connect()?;
        let target = live.for_long();
        target.batch_execute(LIMITS)?;

        let mut marked = None;
        let moved = target.transaction(|target| {
            postgres::turns::take(target, postgres::turns::Turn::Migration)?;
            demand_empty(target, self.to)?;
            (self.say)(format!("making the tables in {}", self.to));
            migrations::run(target, postgres::MIGRATIONS).map_err(|error| TransferError::failed(&*error))?;
            marked = Some(source.immediate_transaction(|source| self.copy(source, target))?);
            Ok(())
        });
        match (moved, marked) {
            (Ok(()), _) => Ok(()),
            // It was about to commit, and may have.
            (Err(error), Some(id)) => self.settle(&place, &mut source, &id, error),
            (Err(error), None) => Err(error),
        }
    }

    /// Copies and compares everything, then marks the file. The answer is the installation's id.
    fn copy(
        &mut self,
        source: &mut SqliteConnection,
        target: &mut PostgresConnection,
    ) -> Result<String, TransferError> {
        let current = migrations::are_applied(source, &sqlite::MIGRATIONS).map_err(|error| self.unreadable(&error))?;
        if !current {
            return Err(TransferError::OtherVersion { from: self.from.to_owned() });
        }
        let known = installation::table.select((installation::id, installation::moved_to));
        let (id, moved_to): (String, Option<String>) = known.first(source)?;
        let name = self.to.to_string();
        if let Some(elsewhere) = moved_to.filter(|to| *to != name) {
            return Err(TransferError::MovedBefore { from: self.from.to_owned(), to: elsewhere });
        }
        let clocks = Clocks { source: Conn::sqlite(source).now()?, target: postgres::turns::now(target)? };
        let say = &mut self.say;
        let copied =
            copy::everything(source, target, clocks, |(table, sent, _)| say(format!("{table}: {}", sent.rows)))?;
        demand_same(&copied)?;
        go_on_counting(source, target)?;
        diesel::update(installation::table).set(installation::moved_to.eq(name)).execute(source)?;
        Ok(id)
    }

    /// Finds out whether a move came through whose last word is missing. Where it did not, the file is what it was.
    fn settle(
        &self,
        place: &Place,
        source: &mut SqliteConnection,
        id: &str,
        error: TransferError,
    ) -> Result<(), TransferError> {
        let settled =
            place.connect().map_err(TransferError::from).and_then(|mut live| Ok(arrived_at_last(live.for_long())?));
        match settled {
            Ok(Some(there)) if there == id => Ok(()),
            Ok(_) => {
                diesel::update(installation::table).set(installation::moved_to.eq(None::<String>)).execute(source)?;
                Err(error)
            }
            Err(_) => Err(TransferError::Unknown { reason: error.to_string(), to: self.to.to_string() }),
        }
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> TransferError {
        TransferError::Unreadable { from: self.from.to_owned(), reason: error.to_string() }
    }
}

/// Nothing of ours may be there: what is there could not be told from what comes.
fn demand_empty(target: &mut PostgresConnection, to: &PostgresUrl) -> Result<(), TransferError> {
    match arrived(target)? {
        Some(installation) => Err(TransferError::NotEmpty { to: to.to_string(), installation }),
        None => Ok(()),
    }
}

/// The installation that is there.
fn arrived(target: &mut PostgresConnection) -> QueryResult<Option<String>> {
    let has_tables = diesel::select(sql::<Bool>("to_regclass('installation') IS NOT NULL"));
    if !has_tables.get_result::<bool>(target)? {
        return Ok(None);
    }
    installation::table.select(installation::id).first(target).optional()
}

/// The installation that is there once the server is done with every move. It may not have noticed that a connection was
/// lost, and still be committing what came through it; whoever is not done in time is an error.
fn arrived_at_last(target: &mut PostgresConnection) -> QueryResult<Option<String>> {
    target.batch_execute(LIMITS)?;
    target.transaction(|target| {
        postgres::turns::take(target, postgres::turns::Turn::Migration)?;
        arrived(target)
    })
}

fn demand_same(copied: &[Copied]) -> Result<(), TransferError> {
    match copied.iter().find(|(_, sent, arrived)| sent != arrived) {
        Some((table, sent, arrived)) => Err(TransferError::Differs { table, sent: sent.rows, arrived: arrived.rows }),
        None => Ok(()),
    }
}

/// The next event comes after all that there ever were.
fn go_on_counting(source: &mut SqliteConnection, target: &mut PostgresConnection) -> QueryResult<()> {
    let last: Option<i64> = events::table.select(max(events::position)).first(source)?;
    let counted = sql::<BigInt>("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'");
    let counted: i64 = counted.get_result(source)?;
    let next = last.unwrap_or(0).max(counted).saturating_add(1);
    target.batch_execute(&format!("SELECT setval(pg_get_serial_sequence('events', 'position'), {next}, false)"))
}
