//! What a call of a repository does to a store, once for every repository: pure, so that the one in memory and the
//! ones on databases cannot drift apart. Repositories add storage, transactions and claims.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::{EventDraft, ListQuery, NewStore, ProgressUpdate, RepositoryError};
use crate::lifecycle::{
    Desired, Event, EventKind, Gate, Gates, Intent, Position, Progress, Provisioning, Status, Store,
};
use crate::store::StoreId;

/// For how long an idempotency key is remembered.
pub const IDEMPOTENCY_WINDOW: Duration = Duration::from_hours(24);

/// How many stores a page holds unless asked otherwise.
pub const PAGE_SIZE: usize = 1000;

/// The time as repositories keep it: whole microseconds, since not every database keeps more.
#[must_use]
pub fn stored_time(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}

/// The store that a request makes, and its first event.
pub fn create(new: &NewStore) -> (Store, EventDraft) {
    let at = stored_time(new.at);
    let store = Store {
        id: new.id.clone(),
        name: new.name.clone(),
        engine: new.engine,
        plan: new.plan,
        address: new.address.clone(),
        admin_username: new.admin_username.clone(),
        admin_email: new.admin_email.clone(),
        intent: Intent { desired: Desired::Present, attempt: 1, generation: 1, protected: false },
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(new.engine, at),
        details: BTreeMap::new(),
        version: 1,
        created_at: at,
        updated_at: at,
        ready_at: None,
        deleted_at: None,
    };
    let message = format!("{} was asked for: {}, plan {}", new.name, new.engine.title(), new.plan);
    (store, EventDraft::new(EventKind::Created, message))
}

/// Wants the store gone. `None` if that is wanted or reached already: a repeated request has succeeded, whatever
/// version it names (RFC 9110, 13.1.1).
pub fn request_deletion(
    store: &mut Store,
    expected: Option<u64>,
    at: Timestamp,
) -> Result<Option<EventDraft>, RepositoryError> {
    if matches!(store.status(), Status::Deleting | Status::Deleted) {
        return Ok(None);
    }
    check_version(store, expected)?;
    if store.intent.protected {
        return Err(RepositoryError::Protected);
    }
    store.intent.desired = Desired::Deleted;
    touch_intent(store, at);
    Ok(Some(EventDraft::new(EventKind::DeletionRequested, format!("Deletion of {} was asked for", store.name))))
}

/// Wants another attempt of a FAILED store.
pub fn request_retry(store: &mut Store, expected: Option<u64>, at: Timestamp) -> Result<EventDraft, RepositoryError> {
    check_version(store, expected)?;
    let status = store.status();
    if status != Status::Failed {
        return Err(RepositoryError::WrongStatus { status });
    }
    store.intent.attempt = store.intent.attempt.max(store.attempt()) + 1;
    touch_intent(store, at);
    let message = format!("Attempt {} was asked for", store.intent.attempt);
    Ok(EventDraft::new(EventKind::RetryRequested, message))
}

/// Protects the store from deletion, or takes that back. `None` if it is so already. What is on its way to nothing cannot
/// be protected any more.
pub fn request_protection(
    store: &mut Store,
    protected: bool,
    expected: Option<u64>,
    at: Timestamp,
) -> Result<Option<EventDraft>, RepositoryError> {
    if store.intent.protected == protected {
        return Ok(None);
    }
    check_version(store, expected)?;
    let status = store.status();
    if matches!(status, Status::Deleting | Status::Deleted) {
        return Err(RepositoryError::WrongStatus { status });
    }
    store.intent.protected = protected;
    store.version += 1;
    store.updated_at = stored_time(at);
    Ok(Some(if protected {
        EventDraft::new(EventKind::Protected, format!("{} is protected from deletion", store.name))
    } else {
        EventDraft::new(EventKind::Unprotected, format!("{} is not protected from deletion any more", store.name))
    }))
}

/// Writes progress into the store. Its version rises only if there is an event to see.
pub fn record(store: &mut Store, update: &ProgressUpdate) {
    let at = stored_time(update.at);
    store.progress = update.progress.clone();
    store.gates = update.gates.clone();
    store.details.extend(update.details.clone());
    match store.progress {
        Progress::Ready(_) if store.ready_at.is_none() => store.ready_at = Some(at),
        Progress::Deleted(_) if store.deleted_at.is_none() => store.deleted_at = Some(at),
        _ => {}
    }
    if !update.events.is_empty() {
        store.version += 1;
        store.updated_at = at;
    }
}

/// The event that a draft becomes once `store` has changed.
pub fn event(store: &Store, draft: &EventDraft, position: Position, at: Timestamp) -> Event {
    Event {
        position,
        store_id: store.id.clone(),
        kind: draft.kind,
        status: store.status(),
        step: step(store),
        message: draft.message.clone(),
        at: stored_time(at),
    }
}

/// Whether the store has a place among those that are being brought up.
pub fn is_admitted(store: &Store) -> bool {
    matches!(&store.progress, Progress::Provisioning(p) if p.admitted)
}

/// Whether the list shows the store, its cursor aside.
pub fn lists(query: &ListQuery, store: &Store) -> bool {
    let status = store.status();
    let wanted = if query.statuses.is_empty() { status != Status::Deleted } else { query.statuses.contains(&status) };
    wanted
        && query.engine.is_none_or(|engine| engine == store.engine)
        && query.name.as_ref().is_none_or(|name| *name == store.name)
}

/// The cursor that continues a list after this store.
pub fn cursor_after(store: &Store) -> String {
    cursor(store.created_at.as_microsecond(), store.id.as_str())
}

/// The same for a store of which only this is known: when it was created, in microseconds, and its id.
pub fn cursor(created_at: i64, id: &str) -> String {
    format!("{created_at:016x}{id}")
}

/// The creation time and id that a cursor names.
pub fn read_cursor(cursor: &str) -> Result<(Timestamp, StoreId), RepositoryError> {
    let (time, id) = cursor.split_at_checked(16).ok_or(RepositoryError::BadCursor)?;
    if !time.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        return Err(RepositoryError::BadCursor);
    }
    let time = i64::from_str_radix(time, 16).ok().and_then(|micros| Timestamp::from_microsecond(micros).ok());
    time.zip(StoreId::parse(id).ok()).ok_or(RepositoryError::BadCursor)
}

/// The step that an event carries: a store on its way to READY stands at its first unmet gate, and one whose next
/// attempt was only asked for stands before the first of all.
fn step(store: &Store) -> Option<Gate> {
    match &store.progress {
        Progress::Provisioning(_) if store.status() == Status::Provisioning => store.gates.step(),
        Progress::Failed(_) if store.status() == Status::Provisioning => Gate::of(store.engine).first().copied(),
        _ => None,
    }
}

fn check_version(store: &Store, expected: Option<u64>) -> Result<(), RepositoryError> {
    match expected {
        Some(version) if version != store.version => Err(RepositoryError::VersionMismatch { current: store.version }),
        _ => Ok(()),
    }
}

fn touch_intent(store: &mut Store, at: Timestamp) {
    store.intent.generation += 1;
    store.version += 1;
    store.updated_at = stored_time(at);
}

#[cfg(test)]
mod tests {
    use super::read_cursor;
    use crate::ports::RepositoryError;

    #[rstest::rstest]
    #[case::empty("")]
    #[case::words("the next page")]
    #[case::signed("+00000000000000fabcdefghij")]
    #[case::upper_case("000000000000000Fabcdefghij")]
    #[case::no_id("000000000000000f")]
    #[case::wrong_id("000000000000000f1234567890")]
    #[case::too_late("7fffffffffffffffabcdefghij")]
    #[case::beyond_ascii("00000000000000é0abcdefghij")]
    fn garbage_is_no_cursor(#[case] cursor: &str) {
        assert!(matches!(read_cursor(cursor), Err(RepositoryError::BadCursor)));
    }
}
