-- Times are microseconds since the epoch. Those of leases and due dates are the database's own; all others come from
-- the caller.

CREATE TABLE installation (
    singleton INTEGER NOT NULL PRIMARY KEY CHECK (singleton = 1),
    id TEXT NOT NULL,
    cluster_uid TEXT
) STRICT;

CREATE TABLE stores (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    engine TEXT NOT NULL,
    plan TEXT NOT NULL,
    host TEXT NOT NULL,
    store_url TEXT NOT NULL,
    admin_url TEXT NOT NULL,
    admin_username TEXT NOT NULL,
    admin_email TEXT NOT NULL,
    -- What is wanted.
    desired TEXT NOT NULL CHECK (desired IN ('present', 'deleted')),
    attempt INTEGER NOT NULL CHECK (attempt > 0),
    generation INTEGER NOT NULL CHECK (generation > 0),
    -- What is reached, and what users see of both.
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    progress TEXT NOT NULL,
    gates TEXT NOT NULL,
    details TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ready_at INTEGER,
    deleted_at INTEGER,
    -- Who works on it. A claim makes the store due at the end of its lease, so that one whose owner died is found again;
    -- without a due date it sleeps until its intent changes.
    admitted INTEGER NOT NULL CHECK (admitted IN (0, 1)),
    epoch INTEGER NOT NULL,
    claim_owner TEXT,
    lease_until INTEGER,
    due_at INTEGER,
    in_flight TEXT,
    CHECK ((claim_owner IS NULL) = (lease_until IS NULL))
) STRICT;

CREATE UNIQUE INDEX stores_name ON stores (name) WHERE state <> 'deleted';
CREATE INDEX stores_created ON stores (created_at, id);
CREATE INDEX stores_due ON stores (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX stores_status ON stores (status, created_at, id);
CREATE INDEX stores_named ON stores (name, created_at, id);
CREATE INDEX stores_admitted ON stores (admitted) WHERE admitted;

-- A row is here only until the store's Secret exists.
CREATE TABLE sealed_passwords (
    store_id TEXT NOT NULL PRIMARY KEY REFERENCES stores (id),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE events (
    position INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    store_id TEXT NOT NULL REFERENCES stores (id),
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    step TEXT,
    message TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX events_store ON events (store_id, position);

CREATE TABLE idempotency_keys (
    key TEXT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES stores (id),
    created_at INTEGER NOT NULL
) STRICT;

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
