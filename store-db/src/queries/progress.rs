//! The progress side: what workers write, under a claim.

use diesel::dsl::not;
use diesel::prelude::*;
use store_core::lifecycle::Store;
use store_core::ports::{ActionInFlight, Admission, Claim, ProgressUpdate, Recorded, changes};
use store_core::store::StoreId;

use super::claims::{held, later};
use super::reads::readable;
use super::{Answer, erase_password, is_admitted, is_provisioning, limit, row, write_event};
use crate::backend::{Conn, on_backend};
use crate::rows::{InFlight, ProgressColumns, StoreRow, stored};
use crate::schema::stores;

/// So many of the stores that wait are looked at to find one that can be read.
const LOOKED_AT: i64 = 8;

/// Writes progress and its events, if epoch and generation still are these.
pub(crate) fn record(conn: &mut Conn<'_>, claim: &Claim, generation: u64, update: &ProgressUpdate) -> Answer<Recorded> {
    conn.write(|conn| {
        conn.lock_store(&claim.store)?;
        let Some(mut store) = decided_on(conn, claim, generation)? else { return Ok(Recorded::Stale) };
        changes::record(&mut store, update);
        let columns = row(ProgressColumns::new(&store))?;
        on_backend!(conn, |c| diesel::update(stores::table.find(store.id.as_str())).set(&columns).execute(c))?;
        if update.erase_password {
            erase_password(conn, &store.id)?;
        }
        for event in &update.events {
            write_event(conn, &store, event, update.at)?;
        }
        Ok(Recorded::Written(store))
    })
}

/// The store, if the claim still holds it and nothing else is wanted since.
fn decided_on(conn: &mut Conn<'_>, claim: &Claim, generation: u64) -> Answer<Option<Store>> {
    let row: Option<StoreRow> = on_backend!(conn, |c| stores::table
        .filter(held!(claim))
        .filter(stores::generation.eq(stored(generation)))
        .select(StoreRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row.map(Store::try_from).transpose()?)
}

/// Gives the claimed store a place: if one is free and no older store waits, or out of turn.
pub(crate) fn admit(conn: &mut Conn<'_>, claim: &Claim, admission: Admission) -> Answer<bool> {
    conn.write(|conn| {
        conn.lock_admission()?;
        conn.lock_store(&claim.store)?;
        let mine: Option<bool> = on_backend!(conn, |c| stores::table
            .filter(held!(claim))
            .select(stores::admitted)
            .get_result(c)
            .optional())?;
        match mine {
            None => return Ok(false),
            Some(true) => return Ok(true),
            Some(false) => {}
        }
        if let Admission::InOrder { places } = admission
            && !is_next(conn, claim, places)?
        {
            return Ok(false);
        }
        on_backend!(conn, |c| diesel::update(stores::table.find(claim.store.as_str()))
            .set(stores::admitted.eq(true))
            .execute(c))?;
        Ok(true)
    })
}

fn is_next(conn: &mut Conn<'_>, claim: &Claim, places: usize) -> Answer<bool> {
    let admitted: i64 = on_backend!(conn, |c| stores::table.filter(is_admitted()).count().get_result(c))?;
    Ok(admitted < limit(places) && first_in_queue(conn)?.as_ref() == Some(&claim.store))
}

/// The oldest that waits. Those that cannot be read never come to their turn, so they keep nobody waiting.
fn first_in_queue(conn: &mut Conn<'_>) -> QueryResult<Option<StoreId>> {
    let rows: Vec<StoreRow> = on_backend!(conn, |c| stores::table
        .filter(is_provisioning())
        .filter(not(is_admitted()))
        .order((stores::created_at, stores::id))
        .limit(LOOKED_AT)
        .select(StoreRow::as_select())
        .load(c))?;
    Ok(rows.into_iter().find_map(readable).map(|store| store.id))
}

/// Writes an action down, if epoch and generation still are these.
pub(crate) fn begin_action(
    conn: &mut Conn<'_>,
    claim: &Claim,
    generation: u64,
    action: &ActionInFlight,
) -> Answer<bool> {
    conn.write(|conn| {
        conn.lock_store(&claim.store)?;
        let ends = later(conn.now()?, action.kind.hard_deadline());
        let text = row(serde_json::to_string(&InFlight { action: action.clone(), ends }))?;
        let mine = stores::table.filter(held!(claim)).filter(stores::generation.eq(stored(generation)));
        let written = on_backend!(conn, |c| diesel::update(mine).set(stores::in_flight.eq(Some(&text))).execute(c))?;
        Ok(written > 0)
    })
}

/// Forgets the action in flight.
pub(crate) fn end_action(conn: &mut Conn<'_>, claim: &Claim) -> Answer<()> {
    conn.write(|conn| {
        let mine = stores::table.filter(held!(claim));
        on_backend!(conn, |c| diesel::update(mine).set(stores::in_flight.eq(None::<String>)).execute(c))?;
        Ok(())
    })
}
