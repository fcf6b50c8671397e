//! From where to where an installation is moved.

use std::path::PathBuf;

use store_db::{DatabaseUrl, PostgresUrl};

use super::database;
use super::lookup::{Lookup, Origin};
use super::{ConfigurationError, Sources};

/// From where to where an installation is moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovingSettings {
    /// The SQLite file, absolute.
    pub from: PathBuf,
    /// The PostgreSQL database.
    pub to: PostgresUrl,
}

impl MovingSettings {
    /// Reads them: flags, environment and `.env` file, as [`Configuration`](super::Configuration) does.
    pub fn load(sources: Sources) -> Result<Self, ConfigurationError> {
        let mut lookup = Lookup::new(sources)?;
        let from = source(&mut lookup);
        let to = target(&mut lookup);
        lookup.finish()?;
        match (from, to) {
            (Some(from), Some(to)) => Ok(Self { from, to }),
            _ => Err(ConfigurationError::Invalid(Vec::new())),
        }
    }
}

fn source(lookup: &mut Lookup) -> Option<PathBuf> {
    match named(lookup, "MIGRATE_FROM_URL", "MIGRATE_FROM_URL_FILE", "--from")? {
        DatabaseUrl::Sqlite(file) => Some(file),
        other => {
            lookup.problem(format!("MIGRATE_FROM_URL: an installation is moved from a SQLite file, not from {other}"));
            None
        }
    }
}

fn target(lookup: &mut Lookup) -> Option<PostgresUrl> {
    match named(lookup, "MIGRATE_TO_URL", "MIGRATE_TO_URL_FILE", "--to")? {
        DatabaseUrl::Postgres(url) => Some(url),
        other => {
            lookup
                .problem(format!("MIGRATE_TO_URL: an installation is moved to a PostgreSQL database, not to {other}"));
            None
        }
    }
}

fn named(lookup: &mut Lookup, variable: &'static str, of_file: &'static str, flag: &str) -> Option<DatabaseUrl> {
    if lookup.find(variable).is_none() && lookup.find(of_file).is_none() {
        lookup.problem(format!(
            "{variable} is not set: name the database with {flag} or {variable}, or a file that holds its URL with \
             {flag}-file or {of_file}"
        ));
    }
    let is_argument = lookup.find(variable).is_some_and(|found| found.origin == Origin::Flag);
    let url = database::url(lookup, variable, of_file);
    if let Some(DatabaseUrl::Postgres(url)) = &url
        && is_argument
        && url.has_password()
    {
        lookup.problem(format!(
            "{flag} holds a password, which others on this machine can see: name a file that holds the URL with \
             {flag}-file, or set {variable}"
        ));
    }
    url
}
