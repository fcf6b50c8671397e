//! Which database, and where the keys for credentials at rest are.

use std::path::{Path, PathBuf};

use store_db::{DatabaseUrl, PostgresOptions};

use super::lookup::{Found, Lookup};

/// The file of the default database, in the state directory.
const DEFAULT_FILE: &str = "store_platform.db";
/// A file that holds a URL holds little else.
const URL_FILE_MAX: usize = 4096;

/// The database and the credentials at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The database; the path of a file is absolute.
    pub url: DatabaseUrl,
    /// How many connections to PostgreSQL this process has.
    pub connections: usize,
    /// The credentials key file, where one is named; otherwise it is beside the database.
    pub credentials_key_file: Option<PathBuf>,
}

impl DatabaseSettings {
    pub(super) fn read(lookup: &mut Lookup, state_dir: &Path) -> Self {
        Self {
            url: url(lookup, "DATABASE_URL", "DATABASE_URL_FILE")
                .unwrap_or_else(|| DatabaseUrl::Sqlite(state_dir.join(DEFAULT_FILE))),
            connections: connections(lookup),
            credentials_key_file: lookup.path("CREDENTIALS_KEY_FILE"),
        }
    }

    /// The SQLite file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match &self.url {
            DatabaseUrl::Sqlite(file) => Some(file),
            _ => None,
        }
    }

    /// The credentials key file in use: the named one, or `<database>.credentials-key` beside a SQLite file.
    pub fn key_file(&self) -> Option<PathBuf> {
        let own = || self.file().map(|file| beside(file, ".credentials-key"));
        self.credentials_key_file.clone().or_else(own)
    }
}

/// `<file><suffix>`.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What one of these variables says: the URL itself, or the file that holds it.
pub(super) fn url(lookup: &mut Lookup, variable: &'static str, of_file: &'static str) -> Option<DatabaseUrl> {
    let direct = lookup.find(variable);
    let indirect = lookup.find(of_file);
    match (direct, indirect) {
        (Some(direct), Some(indirect)) if direct.origin == indirect.origin => {
            lookup.problem(format!("{variable} and {of_file} are both set: allowed is one of them"));
            None
        }
        (Some(direct), None) => parse(lookup, variable, &direct),
        (Some(direct), Some(indirect)) if direct.origin < indirect.origin => parse(lookup, variable, &direct),
        (_, Some(indirect)) => from_file(lookup, variable, of_file, &indirect),
        (None, None) => None,
    }
}

fn connections(lookup: &mut Lookup) -> usize {
    let default = u64::try_from(PostgresOptions::default().connections).unwrap_or_default();
    usize::try_from(lookup.number("DATABASE_CONNECTIONS", default, 2..=100)).unwrap_or_default()
}

fn from_file(lookup: &mut Lookup, variable: &'static str, of_file: &'static str, named: &Found) -> Option<DatabaseUrl> {
    let path = lookup.base(named.origin).join(&named.text);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.len() <= URL_FILE_MAX && !text.trim().is_empty() => {
            let found = Found { text: text.trim().to_owned(), origin: named.origin };
            // What is in the file is as secret as the variable.
            parse(lookup, variable, &found)
        }
        Ok(_) => {
            lookup.refuse(of_file, named, "a file that holds the database URL and nothing else");
            None
        }
        Err(error) => {
            lookup.refuse(of_file, named, &format!("a file that can be read ({error})"));
            None
        }
    }
}

fn parse(lookup: &mut Lookup, variable: &'static str, found: &Found) -> Option<DatabaseUrl> {
    let parsed = DatabaseUrl::parse(&found.text, lookup.base(found.origin));
    parsed
        .map_err(|error| {
            lookup.refuse(variable, found, &format!("a SQLite file or a PostgreSQL database; here, {error}"));
        })
        .ok()
}
