//! The queries, each written once for every backend.
//!
//! A row that its key makes the only one is read by `get_result`, never by `first`: that one binds a limit, and SQLite
//! prepares a statement anew for each limit that is bound, which takes longer than the query.

pub(crate) mod claims;
pub(crate) mod installation;
pub(crate) mod intent;
pub(crate) mod progress;
pub(crate) mod reads;

use diesel::dsl::{Eq, sql};
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use jiff::Timestamp;
use store_core::lifecycle::{Status, Store};
use store_core::ports::EventDraft;
use store_core::store::StoreId;

use crate::backend::{Conn, on_backend};
use crate::error::{QueryError, internal};
use crate::rows::{NewEventRow, StoreRow};
use crate::schema::{events, sealed_passwords, stores};

pub(crate) type Answer<T> = Result<T, QueryError>;

/// The store with this id.
pub(crate) fn find(conn: &mut Conn<'_>, id: &StoreId) -> Answer<Option<Store>> {
    let row: Option<StoreRow> =
        on_backend!(conn, |c| stores::table.find(id.as_str()).select(StoreRow::as_select()).get_result(c).optional())?;
    Ok(row.map(Store::try_from).transpose()?)
}

/// Writes an event of a store that has just changed.
fn write_event(conn: &mut Conn<'_>, store: &Store, draft: &EventDraft, at: Timestamp) -> Answer<()> {
    let row = NewEventRow::new(store, draft, at);
    conn.prepare_event()?;
    on_backend!(conn, |c| diesel::insert_into(events::table).values(&row).execute(c))?;
    Ok(())
}

/// Erases the store's sealed password, if it has one.
fn erase_password(conn: &mut Conn<'_>, id: &StoreId) -> Answer<()> {
    let erased = on_backend!(conn, |c| diesel::delete(sealed_passwords::table.find(id.as_str())).execute(c))?;
    if erased > 0 {
        conn.note_erasure();
    }
    Ok(())
}

/// A row of what a store is; serde knows how to write all of it.
fn row<T>(row: serde_json::Result<T>) -> Answer<T> {
    row.map_err(|error| QueryError::Refused(internal(error)))
}

/// Whether a store has its name still. Like the next one it stands in the query as the text that the partial index has:
/// with a bound value the database could not know that the index holds all there is.
fn has_name() -> SqlLiteral<Bool> {
    sql("state <> 'deleted'")
}

/// Whether a store has a place among those that are being brought up.
fn is_admitted() -> SqlLiteral<Bool> {
    sql("admitted")
}

/// Whether a store is on its way to READY.
fn is_provisioning() -> Eq<stores::status, &'static str> {
    stores::status.eq(Status::Provisioning.as_str())
}

/// A limit as SQL has it.
fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
