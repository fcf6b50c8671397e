//! Whole rows, every column of them, as they are moved from one database to another.

use diesel::prelude::*;
use serde::Serialize;

use crate::rows::InFlight;
use crate::schema::{events, idempotency_keys, installation, sealed_passwords, stores};

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = installation)]
pub(super) struct InstallationRow {
    pub(super) singleton: i32,
    pub(super) id: String,
    cluster_uid: Option<String>,
    credentials_key: Option<String>,
    pub(super) moved_to: Option<String>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = stores)]
pub(super) struct StoreRow {
    pub(super) id: String,
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
    generation: i64,
    state: String,
    status: String,
    progress: String,
    gates: String,
    details: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
    ready_at: Option<i64>,
    deleted_at: Option<i64>,
    admitted: bool,
    epoch: i64,
    claim_owner: Option<String>,
    lease_until: Option<i64>,
    due_at: Option<i64>,
    in_flight: Option<String>,
    protected: bool,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = sealed_passwords)]
pub(super) struct PasswordRow {
    pub(super) store_id: String,
    key_id: String,
    sealed: Vec<u8>,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = events)]
pub(super) struct EventRow {
    pub(super) position: i64,
    store_id: String,
    kind: String,
    status: String,
    step: Option<String>,
    message: String,
    at: i64,
}

#[derive(Debug, Clone, Queryable, Selectable, Insertable, Serialize)]
#[diesel(table_name = idempotency_keys)]
pub(super) struct KeyRow {
    pub(super) key: String,
    fingerprint: String,
    store_id: String,
    created_at: i64,
}

/// The times of both databases at one moment, in microseconds: leases and due dates are in a database's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub(super) source: i64,
    pub(super) target: i64,
}

impl InstallationRow {
    /// The new database is where everything is.
    pub(super) fn arrive(&mut self) {
        self.moved_to = None;
    }
}

impl StoreRow {
    /// Every claim is void, and what would be looked at sometime is looked at now. An action in flight keeps its end.
    pub(super) fn arrive(&mut self, clocks: Clocks) {
        self.epoch = self.epoch.saturating_add(1);
        self.claim_owner = None;
        self.lease_until = None;
        self.due_at = self.due_at.map(|_| clocks.target);
        self.in_flight = self.in_flight.take().map(|text| in_the_time_of(clocks, text));
    }
}

impl EventRow {
    /// PostgreSQL keeps no NUL in a text.
    pub(super) fn arrive(&mut self) {
        self.message = self.message.replace('\0', "\u{fffd}");
    }
}

/// One that cannot be read stays as it is: that is for whoever claims its store to say.
fn in_the_time_of(clocks: Clocks, text: String) -> String {
    let Ok(mut in_flight) = serde_json::from_str::<InFlight>(&text) else { return text };
    in_flight.ends = in_flight.ends.saturating_sub(clocks.source).saturating_add(clocks.target);
    serde_json::to_string(&in_flight).unwrap_or(text)
}
