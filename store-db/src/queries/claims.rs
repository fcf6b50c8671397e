//! Leases, in the database's own time.

use std::time::Duration;

use diesel::dsl::{case_when, min};
use diesel::prelude::*;
use jiff::Timestamp;
use store_core::lifecycle::Store;
use store_core::ports::{Claim, ClaimRequest, Claimable, Claimed, Renewal, WakeUp};
use store_core::store::StoreId;

use super::{Answer, limit};
use crate::backend::{Conn, on_backend};
use crate::rows::{StoreRow, cut_off, stored};
use crate::schema::stores;

/// A store that can be claimed, and what a claim needs to know of it.
#[derive(Queryable, Selectable)]
#[diesel(table_name = stores)]
struct ClaimableRow {
    #[diesel(embed)]
    store: StoreRow,
    epoch: i64,
    in_flight: Option<String>,
}

/// Leases stores that are due, or those that are named, if nobody holds them.
pub(crate) fn claim_due(conn: &mut Conn<'_>, request: &ClaimRequest) -> Answer<Vec<Claimed>> {
    conn.write(|conn| {
        let now = conn.now()?;
        let rows = claimable(conn, request, now)?;
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            claimed.extend(lease(conn, row, request, now)?);
        }
        Ok(claimed)
    })
}

fn claimable(conn: &mut Conn<'_>, request: &ClaimRequest, now: i64) -> Answer<Vec<ClaimableRow>> {
    let count = limit(request.limit);
    let locked = conn.lock_claimable(request, now, count)?;
    let rows = on_backend!(conn, |c| {
        let free = stores::lease_until.is_null().or(stores::lease_until.le(now));
        let mut rows = stores::table.select(ClaimableRow::as_select()).filter(free).into_boxed();
        rows = match &request.which {
            Claimable::Due => rows.filter(stores::due_at.le(now)),
            Claimable::DueAmong(ids) => {
                rows.filter(stores::due_at.le(now)).filter(stores::id.eq_any(ids.iter().map(StoreId::as_str)))
            }
            Claimable::These(ids) => rows.filter(stores::id.eq_any(ids.iter().map(StoreId::as_str))),
        };
        if let Some(locked) = &locked {
            rows = rows.filter(stores::id.eq_any(locked));
        }
        rows.order((stores::due_at, stores::created_at, stores::id)).limit(count).load(c)
    })?;
    Ok(rows)
}

/// Leases one store. One that cannot be read is leased as well, so that it is looked at once for each lease and never
/// keeps the others waiting, but it is not handed out.
fn lease(conn: &mut Conn<'_>, row: ClaimableRow, request: &ClaimRequest, now: i64) -> Answer<Option<Claimed>> {
    let epoch = row.epoch.saturating_add(1);
    let until = Some(later(now, request.lease));
    let leased = (
        stores::epoch.eq(epoch),
        stores::claim_owner.eq(Some(&request.owner)),
        stores::lease_until.eq(until),
        stores::due_at.eq(until),
    );
    on_backend!(conn, |c| diesel::update(stores::table.find(&row.store.id)).set(leased).execute(c))?;

    let read = Store::try_from(row.store).and_then(|store| {
        let in_flight = cut_off(&store, row.in_flight.as_deref(), now)?;
        // A time that no calendar has cannot come from a clock.
        Ok((store, in_flight, Timestamp::from_microsecond(now).unwrap_or_default()))
    });
    match read {
        Ok((store, in_flight, at)) => {
            let epoch = u64::try_from(epoch).unwrap_or_default();
            let claim = Claim { store: store.id.clone(), owner: request.owner.clone(), epoch };
            Ok(Some(Claimed { claim, store, at, in_flight }))
        }
        Err(error) => {
            tracing::error!(%error, "a store cannot be worked on");
            Ok(None)
        }
    }
}

/// Extends a lease that is still ours.
pub(crate) fn renew(conn: &mut Conn<'_>, claim: &Claim, lease: Duration) -> Answer<Renewal> {
    conn.write(|conn| {
        conn.lock_store(&claim.store)?;
        let until = Some(later(conn.now()?, lease));
        let generation: Option<i64> = on_backend!(conn, |c| diesel::update(stores::table.filter(held!(claim)))
            .set((stores::lease_until.eq(until), stores::due_at.eq(until)))
            .returning(stores::generation)
            .get_result(c)
            .optional())?;
        Ok(match generation {
            Some(generation) => Renewal::Held { generation: u64::try_from(generation).unwrap_or_default() },
            None => Renewal::Lost,
        })
    })
}

/// Gives a lease back. A store whose intent is newer than `generation` is due at once.
pub(crate) fn release(conn: &mut Conn<'_>, claim: &Claim, generation: u64, wake_up: WakeUp) -> Answer<()> {
    conn.write(|conn| {
        conn.lock_store(&claim.store)?;
        let now = conn.now()?;
        let due = match wake_up {
            WakeUp::After(delay) => Some(later(now, delay)),
            WakeUp::OnIntent => None,
        };
        let nobody = (stores::claim_owner.eq(None::<String>), stores::lease_until.eq(None::<i64>));
        let newer = stores::table.filter(held!(claim)).filter(stores::generation.gt(stored(generation)));
        let kept_due =
            on_backend!(conn, |c| diesel::update(newer).set((nobody.clone(), stores::due_at.eq(now))).execute(c))?;
        if kept_due == 0 {
            let mine = stores::table.filter(held!(claim));
            on_backend!(conn, |c| diesel::update(mine).set((nobody, stores::due_at.eq(due))).execute(c))?;
        }
        Ok(())
    })
}

/// How long until a store is due; for one that is held, until its lease ends.
pub(crate) fn next_due(conn: &mut Conn<'_>) -> Answer<Option<Duration>> {
    let now = conn.now()?;
    let due = case_when(stores::lease_until.gt(now), stores::lease_until).otherwise(stores::due_at);
    let next: Option<i64> =
        on_backend!(conn, |c| stores::table.filter(stores::due_at.is_not_null()).select(min(due)).get_result(c))?;
    Ok(next.map(|due| Duration::from_micros(u64::try_from(due.saturating_sub(now)).unwrap_or_default())))
}

/// `duration` after `now`.
pub(super) fn later(now: i64, duration: Duration) -> i64 {
    now.saturating_add(i64::try_from(duration.as_micros()).unwrap_or(i64::MAX))
}

/// The row that a claim still holds. A claim that was given back, or taken over, holds none.
macro_rules! held {
    ($claim:expr) => {
        $crate::schema::stores::id
            .eq($claim.store.as_str())
            .and($crate::schema::stores::epoch.eq($crate::rows::stored($claim.epoch)))
            .and($crate::schema::stores::claim_owner.eq($claim.owner.as_str()))
    };
}
pub(super) use held;
