//! What several processes must not do at once. On SQLite one writer at a time sees to all of it; here each thing has a
//! lock, held until its transaction ends.
//!
//! Taken in this order, so that nobody waits in a circle: admission, the row of a store, events.

use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use store_core::ports::{ClaimRequest, Claimable};
use store_core::store::StoreId;

use super::session::PostgresConnection;
use crate::schema::stores;

/// The first half of our advisory locks' keys, so that they meet nobody else's in the same database.
const CLASS: i32 = 0x7374_6f72;

/// What is done by one transaction at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Turn {
    /// Bringing the tables up to date.
    Migration = 1,
    /// Counting places and giving one away.
    Admission = 2,
    /// Drawing positions of events. Since this lasts until the commit, positions become visible in their order.
    Events = 3,
}

/// Waits for a turn, and keeps it until the transaction ends.
pub(crate) fn take(connection: &mut PostgresConnection, turn: Turn) -> QueryResult<()> {
    connection.batch_execute(&format!("SELECT pg_advisory_xact_lock({CLASS}, {})", turn as i32))
}

/// Waits for the row of a store, and keeps others from changing it until the transaction ends.
pub(crate) fn lock_store(connection: &mut PostgresConnection, id: &StoreId) -> QueryResult<()> {
    let row = stores::table.find(id.as_str()).select(stores::id).for_update();
    row.first::<String>(connection).optional().map(drop)
}

/// The stores that may be claimed, locked; those that others have locked are theirs, and passed over.
pub(crate) fn lock_claimable(
    connection: &mut PostgresConnection,
    request: &ClaimRequest,
    now: i64,
    limit: i64,
) -> QueryResult<Vec<String>> {
    let free = stores::lease_until.is_null().or(stores::lease_until.le(now));
    let rows = stores::table
        .select(stores::id)
        .filter(free)
        .order((stores::due_at, stores::created_at, stores::id))
        .limit(limit)
        .for_update()
        .skip_locked();
    let due = stores::due_at.le(now);
    let among = |ids: &[StoreId]| stores::id.eq_any(ids.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>());
    match &request.which {
        Claimable::Due => rows.filter(due).load(connection),
        Claimable::DueAmong(ids) => rows.filter(due).filter(among(ids)).load(connection),
        Claimable::These(ids) => rows.filter(among(ids)).load(connection),
    }
}

/// The server's own time, in microseconds.
pub(crate) fn now(connection: &mut PostgresConnection) -> QueryResult<i64> {
    diesel::select(sql::<BigInt>("(extract(epoch FROM clock_timestamp()) * 1000000)::bigint")).get_result(connection)
}
