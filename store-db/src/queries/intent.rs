//! The intent side: what the service writes, without a claim.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use jiff::{SignedDuration, Timestamp};
use store_core::lifecycle::Store;
use store_core::ports::{Created, IdempotencyKey, NewStore, RepositoryError, changes};
use store_core::store::{SealedPassword, StoreId};

use super::{Answer, erase_password, find, reads, row, write_event};
use crate::backend::{Conn, on_backend};
use crate::error::QueryError;
use crate::rows;
use crate::rows::{IntentColumns, KeyRow, PasswordRow, ProtectionColumns, StoreRow};
use crate::schema::{idempotency_keys, sealed_passwords, stores};

/// How often a create looks again at name and key, when rivals that it had not seen kept it from writing.
const LOOKS: u32 = 3;

/// Remembers a new store, or answers with the one that the same request made before.
pub(crate) fn create(conn: &mut Conn<'_>, new: &NewStore) -> Answer<Created> {
    for _ in 1..LOOKS {
        match conn.write(|conn| create_once(conn, new)) {
            // Where writers are not alone, a rival may have been faster than the look.
            Err(QueryError::Database(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))) => {}
            answer => return answer,
        }
    }
    conn.write(|conn| create_once(conn, new))
}

fn create_once(conn: &mut Conn<'_>, new: &NewStore) -> Answer<Created> {
    // The name first: if it is the same request that has just taken it, its key is there to be seen as well.
    let existing = reads::id_of(conn, &new.name)?;
    if let Some(key) = &new.idempotency
        && let Some(store) = replay(conn, key, new.at)?
    {
        return Ok(Created::Replayed(store));
    }
    if let Some(existing) = existing {
        return Err(RepositoryError::NameTaken { existing }.into());
    }
    let (store, event) = changes::create(new);
    insert(conn, &store, &new.password)?;
    write_event(conn, &store, &event, new.at)?;
    conn.note_intent(&store.id);
    if let Some(key) = &new.idempotency {
        remember(conn, key, &store)?;
    }
    Ok(Created::New(store))
}

/// Wants a store gone.
pub(crate) fn request_deletion(
    conn: &mut Conn<'_>,
    id: &StoreId,
    expected: Option<u64>,
    at: Timestamp,
) -> Answer<Store> {
    conn.write(|conn| {
        conn.lock_store(id)?;
        let mut store = find(conn, id)?.ok_or(RepositoryError::NotFound)?;
        if let Some(event) = changes::request_deletion(&mut store, expected, at)? {
            write_intent(conn, &store)?;
            erase_password(conn, id)?;
            write_event(conn, &store, &event, at)?;
            conn.note_intent(id);
        }
        Ok(store)
    })
}

/// Wants another attempt.
pub(crate) fn request_retry(
    conn: &mut Conn<'_>,
    id: &StoreId,
    password: Option<&SealedPassword>,
    expected: Option<u64>,
    at: Timestamp,
) -> Answer<Store> {
    conn.write(|conn| {
        conn.lock_store(id)?;
        let mut store = find(conn, id)?.ok_or(RepositoryError::NotFound)?;
        let event = changes::request_retry(&mut store, expected, at)?;
        write_intent(conn, &store)?;
        if let Some(password) = password {
            erase_password(conn, id)?;
            insert_password(conn, &store, password)?;
        }
        write_event(conn, &store, &event, at)?;
        conn.note_intent(id);
        Ok(store)
    })
}

/// Protects a store, or takes that back. It is not due for that: no worker decides on it.
pub(crate) fn request_protection(
    conn: &mut Conn<'_>,
    id: &StoreId,
    protected: bool,
    expected: Option<u64>,
    at: Timestamp,
) -> Answer<Store> {
    conn.write(|conn| {
        conn.lock_store(id)?;
        let mut store = find(conn, id)?.ok_or(RepositoryError::NotFound)?;
        if let Some(event) = changes::request_protection(&mut store, protected, expected, at)? {
            let columns = ProtectionColumns::new(&store);
            on_backend!(conn, |c| diesel::update(stores::table.find(id.as_str())).set(&columns).execute(c))?;
            write_event(conn, &store, &event, at)?;
        }
        Ok(store)
    })
}

fn insert(conn: &mut Conn<'_>, store: &Store, password: &SealedPassword) -> Answer<()> {
    let now = conn.now()?;
    let row = row(StoreRow::new(store))?;
    let work = (stores::admitted.eq(false), stores::epoch.eq(0), stores::due_at.eq(now));
    on_backend!(conn, |c| diesel::insert_into(stores::table).values((&row, work)).execute(c))?;
    insert_password(conn, store, password)
}

fn insert_password(conn: &mut Conn<'_>, store: &Store, password: &SealedPassword) -> Answer<()> {
    let row = PasswordRow::new(store, password);
    on_backend!(conn, |c| diesel::insert_into(sealed_passwords::table).values(&row).execute(c))?;
    Ok(())
}

fn write_intent(conn: &mut Conn<'_>, store: &Store) -> Answer<()> {
    let columns = IntentColumns::new(store, conn.now()?);
    on_backend!(conn, |c| diesel::update(stores::table.find(store.id.as_str())).set(&columns).execute(c))?;
    Ok(())
}

/// The store that the same request made, if its key is remembered; keys that are too old are forgotten.
fn replay(conn: &mut Conn<'_>, wanted: &IdempotencyKey, at: Timestamp) -> Answer<Option<Store>> {
    let window = SignedDuration::try_from(changes::IDEMPOTENCY_WINDOW).unwrap_or_default();
    let too_old = at.saturating_sub(window).map_or(i64::MIN, Timestamp::as_microsecond);
    let old = idempotency_keys::table.filter(idempotency_keys::created_at.le(too_old));
    on_backend!(conn, |c| diesel::delete(old).execute(c))?;

    let found: Option<KeyRow> = on_backend!(conn, |c| idempotency_keys::table
        .find(&wanted.key)
        .select(KeyRow::as_select())
        .get_result(c)
        .optional())?;
    let Some(found) = found else { return Ok(None) };
    if found.fingerprint != wanted.fingerprint {
        return Err(RepositoryError::KeyReused.into());
    }
    find(conn, &rows::store_id("idempotency_keys", "store_id", &found.store_id)?)
}

fn remember(conn: &mut Conn<'_>, key: &IdempotencyKey, store: &Store) -> Answer<()> {
    let row = KeyRow {
        key: key.key.clone(),
        fingerprint: key.fingerprint.clone(),
        store_id: store.id.to_string(),
        created_at: store.created_at.as_microsecond(),
    };
    on_backend!(conn, |c| diesel::insert_into(idempotency_keys::table).values(&row).execute(c))?;
    Ok(())
}
