//! What anybody reads.

use std::collections::BTreeMap;

use diesel::dsl::{max, min, not};
use diesel::prelude::*;
use store_core::lifecycle::{Event, Position, Status, Store};
use store_core::ports::{ListQuery, Page, changes};
use store_core::store::{SealedPassword, StoreId, StoreName};

use super::{Answer, has_name, is_admitted, is_provisioning, limit};
use crate::backend::{Conn, on_backend};
use crate::rows;
use crate::rows::{EventRow, PasswordRow, StoreRow, stored};
use crate::schema::{events, sealed_passwords, stores};

/// The store of this name that is not deleted.
pub(crate) fn find_by_name(conn: &mut Conn<'_>, name: &StoreName) -> Answer<Option<Store>> {
    let row: Option<StoreRow> = on_backend!(conn, |c| stores::table
        .filter(stores::name.eq(name.as_str()))
        .filter(has_name())
        .select(StoreRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row.map(Store::try_from).transpose()?)
}

/// The id of the store of this name that is not deleted.
pub(super) fn id_of(conn: &mut Conn<'_>, name: &StoreName) -> Answer<Option<StoreId>> {
    let id: Option<String> = on_backend!(conn, |c| stores::table
        .filter(stores::name.eq(name.as_str()))
        .filter(has_name())
        .select(stores::id)
        .get_result(c)
        .optional())?;
    id.as_deref().map(store_id).transpose()
}

/// A page of stores, oldest first. One that cannot be read is named in the log and hides no other.
pub(crate) fn list(conn: &mut Conn<'_>, query: &ListQuery) -> Answer<Page<Store>> {
    let size = if query.limit == 0 { changes::PAGE_SIZE } else { query.limit };
    let after = query.after.as_deref().map(changes::read_cursor).transpose()?;
    // One more than asked for tells whether there is a next page.
    let mut rows = list_rows(conn, query, after, limit(size).saturating_add(1))?;
    let more = rows.len() > size;
    rows.truncate(size);
    let next = rows.last().filter(|_| more).map(|row| changes::cursor(row.created_at, &row.id));
    let items = rows.into_iter().filter_map(readable).collect();
    Ok(Page { items, next })
}

/// The store of a row, unless it cannot be one: a newer version of the program may have written it.
pub(super) fn readable(row: StoreRow) -> Option<Store> {
    let read = Store::try_from(row);
    read.inspect_err(|error| tracing::error!(%error, "a store cannot be read")).ok()
}

fn list_rows(
    conn: &mut Conn<'_>,
    query: &ListQuery,
    after: Option<(jiff::Timestamp, StoreId)>,
    count: i64,
) -> Answer<Vec<StoreRow>> {
    let statuses: Vec<_> = query.statuses.iter().map(|status| status.as_str()).collect();
    let rows = on_backend!(conn, |c| {
        let mut rows = stores::table.select(StoreRow::as_select()).into_boxed();
        rows = if statuses.is_empty() {
            rows.filter(stores::status.ne(Status::Deleted.as_str()))
        } else {
            rows.filter(stores::status.eq_any(statuses))
        };
        if let Some(engine) = query.engine {
            rows = rows.filter(stores::engine.eq(engine.as_str()));
        }
        if let Some(name) = &query.name {
            rows = rows.filter(stores::name.eq(name.as_str()));
        }
        if let Some((time, id)) = after {
            let time = time.as_microsecond();
            let later = stores::created_at.eq(time).and(stores::id.gt(id.to_string()));
            rows = rows.filter(stores::created_at.ge(time)).filter(stores::created_at.gt(time).or(later));
        }
        rows.order((stores::created_at, stores::id)).limit(count).load(c)
    })?;
    Ok(rows)
}

/// Places in the queue, from 1.
pub(crate) fn queue(conn: &mut Conn<'_>) -> Answer<BTreeMap<StoreId, usize>> {
    let waiting: Vec<String> = on_backend!(conn, |c| stores::table
        .filter(is_provisioning())
        .filter(not(is_admitted()))
        .order((stores::created_at, stores::id))
        .select(stores::id)
        .load(c))?;
    waiting.iter().zip(1..).map(|(id, place)| Ok((store_id(id)?, place))).collect()
}

/// One store's events after a position.
pub(crate) fn events_of(conn: &mut Conn<'_>, id: &StoreId, after: Position, count: usize) -> Answer<Vec<Event>> {
    let rows: Vec<EventRow> = on_backend!(conn, |c| events::table
        .filter(events::store_id.eq(id.as_str()).and(events::position.gt(stored(after))))
        .order(events::position)
        .limit(limit(count))
        .select(EventRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?)
}

/// Everybody's events after a position.
pub(crate) fn events_after(conn: &mut Conn<'_>, after: Position, count: usize) -> Answer<Vec<Event>> {
    let rows: Vec<EventRow> = on_backend!(conn, |c| events::table
        .filter(events::position.gt(stored(after)))
        .order(events::position)
        .limit(limit(count))
        .select(EventRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().map(Event::try_from).collect::<Result<_, _>>()?)
}

/// The last position, and the oldest one that is kept; 0 while there is none.
pub(crate) fn positions(conn: &mut Conn<'_>) -> Answer<(Position, Position)> {
    // Each by itself is read off an end of the index; together SQLite would walk through the whole table.
    let last: Option<i64> = on_backend!(conn, |c| events::table.select(max(events::position)).get_result(c))?;
    let oldest: Option<i64> = on_backend!(conn, |c| events::table.select(min(events::position)).get_result(c))?;
    let position = |position: Option<i64>| u64::try_from(position.unwrap_or(0)).unwrap_or_default();
    Ok((position(last), position(oldest)))
}

/// The sealed password, until it is erased.
pub(crate) fn sealed_password(conn: &mut Conn<'_>, id: &StoreId) -> Answer<Option<SealedPassword>> {
    let row: Option<PasswordRow> = on_backend!(conn, |c| sealed_passwords::table
        .find(id.as_str())
        .select(PasswordRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row.map(Into::into))
}

/// An id that stands in `stores`.
fn store_id(text: &str) -> Answer<StoreId> {
    Ok(rows::store_id("stores", "id", text)?)
}
