//! Copies tables, and shows that what arrived is what was sent.

use diesel::prelude::*;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::rows::{Clocks, EventRow, InstallationRow, KeyRow, PasswordRow, StoreRow};
use crate::postgres::PostgresConnection;
use crate::schema::{events, idempotency_keys, installation, sealed_passwords, stores};

/// How many rows go at once: their columns stay far below the number of values that a statement may have.
const AT_ONCE: i64 = 500;

/// What a table holds: so many rows, with this digest of all of them in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) rows: u64,
    digest: [u8; 32],
}

#[derive(Default)]
struct Tally {
    rows: u64,
    digest: Sha256,
}

impl Tally {
    fn add<T: Serialize>(&mut self, rows: &[T]) -> QueryResult<()> {
        for row in rows {
            let text =
                serde_json::to_vec(row).map_err(|error| diesel::result::Error::SerializationError(error.into()))?;
            self.digest.update(text.len().to_be_bytes());
            self.digest.update(text);
            self.rows += 1;
        }
        Ok(())
    }

    fn content(self) -> Content {
        Content { rows: self.rows, digest: self.digest.finalize().into() }
    }
}

/// Hands portion after portion of a table to `handle`; the answer is what all of them held after that.
fn portions<R: Serialize, K>(
    mut load: impl FnMut(Option<K>) -> QueryResult<Vec<R>>,
    key: impl Fn(&R) -> K,
    mut handle: impl FnMut(&mut [R]) -> QueryResult<()>,
) -> QueryResult<Content> {
    let mut tally = Tally::default();
    let mut last = None;
    loop {
        let mut rows = load(last)?;
        let Some(end) = rows.last() else { return Ok(tally.content()) };
        last = Some(key(end));
        handle(&mut rows)?;
        tally.add(&rows)?;
    }
}

/// How the portion after a key is read, in the order of the keys.
macro_rules! load {
    ($connection:expr, $table:ident, $row:ty, $key:ident) => {
        |last| {
            let rows = $table::table.select(<$row>::as_select()).order($table::$key).limit(AT_ONCE);
            match last {
                Some(last) => rows.filter($table::$key.gt(last)).load::<$row>($connection),
                None => rows.load::<$row>($connection),
            }
        }
    };
}

/// Copies a table, with each row changed on its way, and reads it back.
macro_rules! copied {
    ($source:expr, $target:expr, $table:ident, $row:ty, $key:ident $(, |$moved:ident| $change:expr)?) => {{
        let sent = portions(
            load!($source, $table, $row, $key),
            |row| row.$key.clone(),
            |rows| {
                $(for $moved in rows.iter_mut() {
                    $change;
                })?
                diesel::insert_into($table::table).values(&*rows).execute($target).map(drop)
            },
        )?;
        let arrived = portions(load!($target, $table, $row, $key), |row| row.$key.clone(), |_| Ok(()))?;
        (stringify!($table), sent, arrived)
    }};
}

/// A table's name, what was sent, and what arrived.
pub(super) type Copied = (&'static str, Content, Content);

/// Copies every table, in an order in which nothing refers to what is not there yet.
pub(super) fn everything(
    source: &mut SqliteConnection,
    target: &mut PostgresConnection,
    clocks: Clocks,
    mut done: impl FnMut(&Copied),
) -> QueryResult<Vec<Copied>> {
    let mut all = Vec::new();
    let mut note = |copied: Copied| {
        done(&copied);
        all.push(copied);
    };
    note(copied!(source, target, installation, InstallationRow, singleton, |row| row.arrive()));
    note(copied!(source, target, stores, StoreRow, id, |row| row.arrive(clocks)));
    note(copied!(source, target, sealed_passwords, PasswordRow, store_id));
    note(copied!(source, target, events, EventRow, position, |row| row.arrive()));
    note(copied!(source, target, idempotency_keys, KeyRow, key));
    Ok(all)
}
