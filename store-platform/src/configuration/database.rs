//! Which database, and where the keys for credentials at rest are.

use std::path::{Path, PathBuf};

use store_db::DatabaseUrl;

use super::lookup::{Found, Lookup};

/// The file of the default database, in the state directory.
const DEFAULT_FILE: &str = "store_platform.db";
/// A file that holds a URL holds little else.
const URL_FILE_MAX: usize = 4096;

/// The database and the credentials at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// The SQLite file, absolute.
    pub file: PathBuf,
    /// The credentials key file, where one is named; otherwise it is beside the database.
    pub credentials_key_file: Option<PathBuf>,
}

impl DatabaseSettings {
    pub(super) fn read(lookup: &mut Lookup, state_dir: &Path) -> Self {
        Self {
            file: file(lookup).unwrap_or_else(|| state_dir.join(DEFAULT_FILE)),
            credentials_key_file: lookup.path("CREDENTIALS_KEY_FILE"),
        }
    }

    /// The credentials key file in use: the named one, or `<database>.credentials-key`.
    pub fn key_file(&self) -> PathBuf {
        self.credentials_key_file.clone().unwrap_or_else(|| beside(&self.file, ".credentials-key"))
    }
}

/// `<file><suffix>`.
pub(crate) fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn file(lookup: &mut Lookup) -> Option<PathBuf> {
    let direct = lookup.find("DATABASE_URL");
    let indirect = lookup.find("DATABASE_URL_FILE");
    match (direct, indirect) {
        (Some(direct), Some(indirect)) if direct.origin == indirect.origin => {
            lookup.problem("DATABASE_URL and DATABASE_URL_FILE are both set: allowed is one of them".to_owned());
            None
        }
        (Some(direct), None) => parse(lookup, "DATABASE_URL", &direct),
        (Some(direct), Some(indirect)) if direct.origin < indirect.origin => parse(lookup, "DATABASE_URL", &direct),
        (_, Some(indirect)) => from_file(lookup, &indirect),
        (None, None) => None,
    }
}

fn from_file(lookup: &mut Lookup, named: &Found) -> Option<PathBuf> {
    let path = lookup.base(named.origin).join(&named.text);
    match std::fs::read_to_string(&path) {
        Ok(text) if text.len() <= URL_FILE_MAX && !text.trim().is_empty() => {
            let found = Found { text: text.trim().to_owned(), origin: named.origin };
            // What is in the file is as secret as the variable.
            parse(lookup, "DATABASE_URL", &found)
        }
        Ok(_) => {
            lookup.refuse("DATABASE_URL_FILE", named, "a file that holds the database URL and nothing else");
            None
        }
        Err(error) => {
            lookup.refuse("DATABASE_URL_FILE", named, &format!("a file that can be read ({error})"));
            None
        }
    }
}

fn parse(lookup: &mut Lookup, variable: &'static str, found: &Found) -> Option<PathBuf> {
    match DatabaseUrl::parse(&found.text, lookup.base(found.origin)) {
        Ok(DatabaseUrl::Sqlite(file)) => return Some(file),
        Ok(_) => lookup.refuse(variable, found, "a SQLite database"),
        Err(error) => lookup.refuse(variable, found, &format!("a SQLite file: {error}")),
    }
    None
}
