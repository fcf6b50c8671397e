//! PostgreSQL: a few connections of a server, which other processes use as well.

mod connect;
mod io;
mod notices;
mod open;
mod session;
mod tls;
pub(crate) mod trouble;
pub(crate) mod turns;
mod url;

pub use open::{PostgresOpenError, PostgresOptions};
pub use url::PostgresUrl;

pub(crate) use notices::{News, announce};
pub(crate) use open::{MIGRATIONS, Place, Postgres, open};
pub(crate) use session::PostgresConnection;
