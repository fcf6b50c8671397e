//! What users write in `DATABASE_URL`.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use crate::postgres::PostgresUrl;

/// Which database to use. Shows itself without passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database.
    Postgres(PostgresUrl),
}

/// Why a database URL was refused. Never repeats what could be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {SUPPORTED}")]
pub struct DatabaseUrlError {
    problem: String,
}

const SUPPORTED: &str = "write sqlite:///stores.db for a file beside the configuration, sqlite:////var/lib/stores.db \
                         for one from the root, or just a path; or postgres://user:password@host:5432/database for \
                         PostgreSQL, with special characters of the password percent-encoded";

impl DatabaseUrl {
    /// Reads a database URL. A relative path is one from `base`: the directory of the `.env` file that names it, or the
    /// working directory.
    ///
    /// What has a scheme, known or mistyped, is never taken for a file. PostgreSQL's `sslmode` may be `disable`,
    /// `require` or `verify-full`; the last two are the same: certificate and host name are verified, against the
    /// authorities in `sslrootcert` or those of the system. It is `verify-full` unless the server is on this machine.
    pub fn parse(text: &str, base: &Path) -> Result<Self, DatabaseUrlError> {
        match scheme(text) {
            None => file(text, base),
            Some("sqlite") => file(sqlite_path(text)?, base),
            Some("postgres" | "postgresql") => match text.split_once("://") {
                Some((_, rest)) => PostgresUrl::parse(rest, base).map(Self::Postgres).or_else(refuse),
                None => refuse("postgres: is not followed by two slashes"),
            },
            Some("") => refuse("it begins with a colon: a database in memory would be lost at the next start"),
            Some(other) => refuse(format!("{other:?} is no kind of database that is supported")),
        }
    }
}

impl Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => file.display().fmt(f),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

fn file(path: &str, base: &Path) -> Result<DatabaseUrl, DatabaseUrlError> {
    if path.is_empty() {
        return refuse("it names no file");
    }
    if path.ends_with('/') {
        return refuse("it names a directory, not a file");
    }
    if path.contains('\0') {
        return refuse("it has a NUL character");
    }
    Ok(DatabaseUrl::Sqlite(base.join(path)))
}

fn refuse<T>(problem: impl Into<String>) -> Result<T, DatabaseUrlError> {
    Err(DatabaseUrlError { problem: problem.into() })
}

/// What stands before the first colon, unless a slash comes earlier.
fn scheme(text: &str) -> Option<&str> {
    let (before, _) = text.split_once(':')?;
    (!before.contains('/')).then_some(before)
}

/// The path of `sqlite:///path`.
fn sqlite_path(text: &str) -> Result<&str, DatabaseUrlError> {
    let rest = &text["sqlite:".len()..];
    if rest.contains(":memory:") {
        return refuse("a database in memory would be lost at the next start");
    }
    let Some(path) = rest.strip_prefix("///") else {
        return refuse("sqlite: is not followed by three slashes");
    };
    if path.contains('?') {
        return refuse("options after ? are not supported");
    }
    Ok(path)
}
