//! What every backend's migrations share: a database that a newer version of this program has changed is left alone.

use std::error::Error;

use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness};

/// Runs the migrations that the database has not seen. The answer: one that it has seen and that nobody here knows; then
/// nothing is run.
pub(crate) fn run<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: EmbeddedMigrations,
) -> Result<Option<String>, Box<dyn Error + Send + Sync>> {
    let known: Vec<Box<dyn Migration<DB>>> = migrations.migrations()?;
    let is_known = |version: &_| known.iter().any(|migration| migration.name().version() == *version);
    if let Some(newer) = connection.applied_migrations()?.iter().find(|version| !is_known(version)) {
        return Ok(Some(newer.to_string()));
    }
    connection.run_pending_migrations(migrations)?;
    Ok(None)
}

/// Whether the database has seen all migrations that are known here, and no others.
pub(crate) fn are_applied<DB: Backend>(
    connection: &mut impl MigrationHarness<DB>,
    migrations: &EmbeddedMigrations,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let known: Vec<Box<dyn Migration<DB>>> = migrations.migrations()?;
    let mut known: Vec<_> = known.iter().map(|migration| migration.name().version().as_owned()).collect();
    let mut applied = connection.applied_migrations()?;
    known.sort();
    applied.sort();
    Ok(known == applied)
}
