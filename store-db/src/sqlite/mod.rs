//! SQLite: one writer and a few readers on a file in WAL mode.

mod connection;
mod lock;
mod open;
mod trouble;

pub use lock::{LockError, ReconcilerLock};
pub use open::{OpenError, OpenMode};

pub(crate) use connection::{Reader, Writer, connect};
pub(crate) use open::{MIGRATIONS, open};
pub(crate) use trouble::{lacks_room, passing_trouble};
