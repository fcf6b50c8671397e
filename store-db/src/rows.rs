//! Rows, and how they become domain values: a value that cannot be is an error that names table, column and row.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeOwned, IntoDeserializer as _};
use serde::{Deserialize, Serialize};
use store_core::lifecycle::{Event, Intent, Store};
use store_core::ports::{ActionInFlight, CutOff, EventDraft, Installation, changes};
use store_core::store::{SealedPassword, StoreAddress, StoreId};

use crate::error::Impossible;
use crate::schema::{events, idempotency_keys, installation, sealed_passwords, stores};

/// What everybody may see of a store.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = stores)]
pub(crate) struct StoreRow {
    pub(crate) id: String,
    name: String,
    engine: String,
    plan: String,
    host: String,
    store_url: String,
    admin_url: String,
    admin_username: String,
    admin_email: String,
    desired: String,
    attempt: i64,
    pub(crate) generation: i64,
    state: String,
    status: String,
    progress: String,
    gates: String,
    details: String,
    version: i64,
    pub(crate) created_at: i64,
    updated_at: i64,
    ready_at: Option<i64>,
    deleted_at: Option<i64>,
    protected: bool,
}

/// What a change of intent writes.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = stores)]
pub(crate) struct IntentColumns {
    desired: String,
    attempt: i64,
    generation: i64,
    status: String,
    version: i64,
    updated_at: i64,
    due_at: Option<i64>,
}

/// What a change of a store's protection writes.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = stores)]
pub(crate) struct ProtectionColumns {
    protected: bool,
    version: i64,
    updated_at: i64,
}

/// What a change of progress writes.
#[derive(Debug, AsChangeset)]
#[diesel(table_name = stores, treat_none_as_null = true)]
pub(crate) struct ProgressColumns {
    state: String,
    status: String,
    progress: String,
    gates: String,
    details: String,
    admitted: bool,
    version: i64,
    updated_at: i64,
    ready_at: Option<i64>,
    deleted_at: Option<i64>,
}

/// A sealed password.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = sealed_passwords)]
pub(crate) struct PasswordRow {
    store_id: String,
    key_id: String,
    sealed: Vec<u8>,
}

/// An event that has its place.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = events)]
pub(crate) struct EventRow {
    position: i64,
    store_id: String,
    kind: String,
    status: String,
    step: Option<String>,
    message: String,
    at: i64,
}

/// An event that is about to get its place.
#[derive(Debug, Insertable)]
#[diesel(table_name = events)]
pub(crate) struct NewEventRow {
    store_id: String,
    kind: String,
    status: String,
    step: Option<String>,
    message: String,
    at: i64,
}

/// A key that may be repeated.
#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_keys)]
pub(crate) struct KeyRow {
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) store_id: String,
    pub(crate) created_at: i64,
}

/// The installation.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = installation)]
pub(crate) struct InstallationRow {
    id: String,
    cluster_uid: Option<String>,
}

/// A number as the database keeps it. Numbers beyond its range are none that it ever gave out.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Where a value stands, for the message if it is one that cannot be.
#[derive(Clone, Copy)]
struct Place<'r> {
    table: &'static str,
    row: &'r str,
}

impl Place<'_> {
    fn impossible(self, column: &'static str, reason: impl Display) -> Impossible {
        Impossible { table: self.table, column, row: self.row.to_owned(), reason: reason.to_string() }
    }

    fn parse<T: FromStr<Err: Display>>(self, column: &'static str, text: &str) -> Result<T, Impossible> {
        text.parse().map_err(|error| self.impossible(column, error))
    }

    fn json<T: DeserializeOwned>(self, column: &'static str, text: &str) -> Result<T, Impossible> {
        serde_json::from_str(text).map_err(|error| self.impossible(column, error))
    }

    /// A closed set of words that serde knows.
    fn word<T: DeserializeOwned>(self, column: &'static str, text: &str) -> Result<T, Impossible> {
        let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        T::deserialize(text).map_err(|error| self.impossible(column, error))
    }

    fn number<T: TryFrom<i64, Error: Display>>(self, column: &'static str, number: i64) -> Result<T, Impossible> {
        T::try_from(number).map_err(|error| self.impossible(column, format_args!("{number}: {error}")))
    }

    fn time(self, column: &'static str, micros: i64) -> Result<Timestamp, Impossible> {
        Timestamp::from_microsecond(micros).map_err(|error| self.impossible(column, error))
    }

    /// What is kept twice must agree.
    fn agrees(self, column: &'static str, kept: &str, derived: &str) -> Result<(), Impossible> {
        if kept == derived {
            return Ok(());
        }
        Err(self.impossible(column, format_args!("{kept}, although it follows to be {derived}")))
    }
}

impl TryFrom<StoreRow> for Store {
    type Error = Impossible;

    fn try_from(row: StoreRow) -> Result<Self, Impossible> {
        let at = Place { table: "stores", row: &row.id };
        let store = Store {
            id: at.parse("id", &row.id)?,
            name: at.parse("name", &row.name)?,
            engine: at.word("engine", &row.engine)?,
            plan: at.word("plan", &row.plan)?,
            address: StoreAddress { host: row.host, store_url: row.store_url, admin_url: row.admin_url },
            admin_username: at.parse("admin_username", &row.admin_username)?,
            admin_email: at.parse("admin_email", &row.admin_email)?,
            intent: Intent {
                desired: at.word("desired", &row.desired)?,
                attempt: at.number("attempt", row.attempt)?,
                generation: at.number("generation", row.generation)?,
                protected: row.protected,
            },
            progress: at.json("progress", &row.progress)?,
            gates: at.json("gates", &row.gates)?,
            details: at.json("details", &row.details)?,
            version: at.number("version", row.version)?,
            created_at: at.time("created_at", row.created_at)?,
            updated_at: at.time("updated_at", row.updated_at)?,
            ready_at: row.ready_at.map(|time| at.time("ready_at", time)).transpose()?,
            deleted_at: row.deleted_at.map(|time| at.time("deleted_at", time)).transpose()?,
        };
        at.agrees("state", &row.state, store.progress.state())?;
        at.agrees("status", &row.status, store.status().as_str())?;
        Ok(store)
    }
}

impl TryFrom<EventRow> for Event {
    type Error = Impossible;

    fn try_from(row: EventRow) -> Result<Self, Impossible> {
        let position = row.position.to_string();
        let at = Place { table: "events", row: &position };
        Ok(Self {
            position: at.number("position", row.position)?,
            store_id: at.parse("store_id", &row.store_id)?,
            kind: at.word("kind", &row.kind)?,
            status: at.parse("status", &row.status)?,
            step: row.step.map(|step| at.word("step", &step)).transpose()?,
            message: row.message,
            at: at.time("at", row.at)?,
        })
    }
}

impl TryFrom<InstallationRow> for Installation {
    type Error = Impossible;

    fn try_from(row: InstallationRow) -> Result<Self, Impossible> {
        let at = Place { table: "installation", row: "1" };
        Ok(Self { id: at.parse("id", &row.id)?, cluster_uid: row.cluster_uid })
    }
}

impl From<PasswordRow> for SealedPassword {
    fn from(row: PasswordRow) -> Self {
        Self { key_id: row.key_id, sealed: row.sealed }
    }
}

impl PasswordRow {
    pub(crate) fn new(store: &Store, password: &SealedPassword) -> Self {
        Self { store_id: store.id.to_string(), key_id: password.key_id.clone(), sealed: password.sealed.clone() }
    }
}

impl NewEventRow {
    pub(crate) fn new(store: &Store, draft: &EventDraft, at: Timestamp) -> Self {
        let event = changes::event(store, draft, 0, at);
        Self {
            store_id: event.store_id.to_string(),
            kind: event.kind.as_str().to_owned(),
            status: event.status.as_str().to_owned(),
            step: event.step.map(|step| step.as_str().to_owned()),
            // PostgreSQL keeps no NUL in a text, and it means nothing to people.
            message: event.message.replace('\0', "\u{fffd}"),
            at: event.at.as_microsecond(),
        }
    }
}

impl StoreRow {
    pub(crate) fn new(store: &Store) -> serde_json::Result<Self> {
        let text = |text: &str| text.to_owned();
        Ok(Self {
            id: store.id.to_string(),
            name: store.name.to_string(),
            engine: text(store.engine.as_str()),
            plan: text(store.plan.as_str()),
            host: text(&store.address.host),
            store_url: text(&store.address.store_url),
            admin_url: text(&store.address.admin_url),
            admin_username: store.admin_username.to_string(),
            admin_email: store.admin_email.to_string(),
            desired: desired(store),
            attempt: store.intent.attempt.into(),
            generation: stored(store.intent.generation),
            state: text(store.progress.state()),
            status: text(store.status().as_str()),
            progress: serde_json::to_string(&store.progress)?,
            gates: serde_json::to_string(&store.gates)?,
            details: serde_json::to_string(&store.details)?,
            version: stored(store.version),
            created_at: store.created_at.as_microsecond(),
            updated_at: store.updated_at.as_microsecond(),
            ready_at: store.ready_at.map(Timestamp::as_microsecond),
            deleted_at: store.deleted_at.map(Timestamp::as_microsecond),
            protected: store.intent.protected,
        })
    }
}

impl IntentColumns {
    /// The columns of a store whose intent has changed, which makes it due `now`.
    pub(crate) fn new(store: &Store, now: i64) -> Self {
        Self {
            desired: desired(store),
            attempt: store.intent.attempt.into(),
            generation: stored(store.intent.generation),
            status: store.status().as_str().to_owned(),
            version: stored(store.version),
            updated_at: store.updated_at.as_microsecond(),
            due_at: Some(now),
        }
    }
}

impl ProtectionColumns {
    pub(crate) fn new(store: &Store) -> Self {
        Self {
            protected: store.intent.protected,
            version: stored(store.version),
            updated_at: store.updated_at.as_microsecond(),
        }
    }
}

impl ProgressColumns {
    pub(crate) fn new(store: &Store) -> serde_json::Result<Self> {
        let row = StoreRow::new(store)?;
        Ok(Self {
            state: row.state,
            status: row.status,
            progress: row.progress,
            gates: row.gates,
            details: row.details,
            admitted: changes::is_admitted(store),
            version: row.version,
            updated_at: row.updated_at,
            ready_at: row.ready_at,
            deleted_at: row.deleted_at,
        })
    }
}

/// An action in flight, as its column has it.
#[derive(Serialize, Deserialize)]
pub(crate) struct InFlight {
    #[serde(flatten)]
    pub(crate) action: ActionInFlight,
    /// The end of its hard deadline, in microseconds of the database's time.
    pub(crate) ends: i64,
}

/// The action that was begun and whose end was not recorded, as seen at `now`.
pub(crate) fn cut_off(store: &Store, text: Option<&str>, now: i64) -> Result<Option<CutOff>, Impossible> {
    let at = Place { table: "stores", row: store.id.as_str() };
    let Some(text) = text else { return Ok(None) };
    let InFlight { action, ends } = at.json("in_flight", text)?;
    let left = u64::try_from(ends.saturating_sub(now)).unwrap_or_default();
    Ok(Some(CutOff { action, may_run_for: Duration::from_micros(left) }))
}

/// A store's id, which is its own row's name as well.
pub(crate) fn store_id(table: &'static str, column: &'static str, text: &str) -> Result<StoreId, Impossible> {
    Place { table, row: text }.parse(column, text)
}

fn desired(store: &Store) -> String {
    use store_core::lifecycle::Desired;
    match store.intent.desired {
        Desired::Present => "present".to_owned(),
        Desired::Deleted => "deleted".to_owned(),
    }
}
