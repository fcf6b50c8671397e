//! A private PostgreSQL server for tests, with its programs installed first where they are missing.

use anyhow::Result;

pub(crate) use private_postgres::Postgres;

use crate::install;

/// Starts one. It ends when it is dropped, or with this process.
pub(crate) fn start() -> Result<Postgres> {
    install::ensure(&[install::Group::Database])?;
    Postgres::start()
}
