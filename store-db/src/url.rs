//! What users write in `DATABASE_URL`.

use std::path::{Path, PathBuf};

/// Which database to use.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
}

/// Why a database URL was refused. Never repeats what could be a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {SUPPORTED}")]
pub struct DatabaseUrlError {
    problem: String,
}

const SUPPORTED: &str = "write sqlite:///stores.db for a file beside the configuration, sqlite:////var/lib/stores.db \
                         for one from the root, or just a path";

impl DatabaseUrl {
    /// Reads a database URL. A relative path is one from `base`: the directory of the `.env` file that names it, or the
    /// working directory.
    ///
    /// What has a scheme, known or mistyped, is never taken for a file.
    pub fn parse(text: &str, base: &Path) -> Result<Self, DatabaseUrlError> {
        let path = match scheme(text) {
            None => text,
            Some("sqlite") => sqlite_path(text)?,
            Some("postgres" | "postgresql") => return refuse("PostgreSQL is not supported yet, only SQLite is"),
            Some("") => return refuse("it begins with a colon: a database in memory would be lost at the next start"),
            Some(other) => return refuse(format!("{other:?} is no kind of database that is supported")),
        };
        if path.is_empty() {
            return refuse("it names no file");
        }
        if path.ends_with('/') {
            return refuse("it names a directory, not a file");
        }
        if path.contains('\0') {
            return refuse("it has a NUL character");
        }
        Ok(Self::Sqlite(base.join(path)))
    }
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
