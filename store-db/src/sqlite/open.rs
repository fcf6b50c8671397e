//! Opening a file: only creating it when asked to, bringing its tables up to date, and saying clearly why not.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::connection::connect;
use super::{Reader, Writer};
use crate::backend::Conn;
use crate::error::QueryError;
use crate::migrations;
use crate::postgres::PostgresOpenError;
use crate::queries::installation;

pub(crate) const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// How many connections read at once.
const READERS: usize = 4;

/// Whether opening may create the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Create it if it is not there, readable by its owner only.
    Create,
    /// It must be there.
    Existing,
}

/// Why a database cannot be used, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no file.
    #[error("there is no database at {}: create a store first, or correct DATABASE_URL", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file cannot be created.
    #[error(
        "the database {} cannot be created: {source}; name a file in a directory that exists and that you may write \
         to in DATABASE_URL",
        path.display()
    )]
    CannotCreate {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file, or its directory, may only be read.
    #[error(
        "the database {} cannot be written: {reason}; give its owner the right to write the file and its directory, \
         or run as that owner",
        path.display()
    )]
    NotWritable {
        /// Where it is.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The file is something else.
    #[error("{} is not a SQLite database: correct DATABASE_URL, or move the file away", path.display())]
    NotADatabase {
        /// Where it is.
        path: PathBuf,
    },
    /// The file was made by a later version of this program.
    #[error(
        "the database {} was made by a newer version of this program (it has migration {migration}): use that version",
        path.display()
    )]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// A migration that this version does not know.
        migration: String,
    },
    /// Everything in it was moved elsewhere.
    #[error(
        "the database {} was moved to {to}, and whatever is written here would be lost: name that one in DATABASE_URL \
         (if that one is still empty, the move was cut off: run it again first)",
        path.display()
    )]
    Moved {
        /// Where it is.
        path: PathBuf,
        /// The database that has everything now, without password.
        to: String,
    },
    /// The file system cannot do what the database needs.
    #[error(
        "the database {} cannot use a write-ahead log, as on a network file system: name a file on a local disk in \
         DATABASE_URL",
        path.display()
    )]
    NoLog {
        /// Where it is.
        path: PathBuf,
    },
    /// It is a PostgreSQL database.
    #[error(transparent)]
    Postgres(#[from] PostgresOpenError),
    /// Something else.
    #[error("the database {} cannot be opened: {reason}", path.display())]
    Failed {
        /// Where it is.
        path: PathBuf,
        /// What the database said.
        reason: String,
    },
}

/// How often a file that others lock is tried; each try waits for seconds by itself.
const OPEN_TRIES: u32 = 4;

/// What can go wrong on an open file; it gets its path later.
enum Trouble {
    Newer(String),
    Moved(String),
    NoLog,
    Said(String),
}

/// Opens a file: its writer and its readers, with tables that are up to date.
pub(crate) fn open(path: &Path, mode: OpenMode) -> Result<(Writer, Vec<Reader>), OpenError> {
    let path = &std::path::absolute(path)
        .map_err(|error| OpenError::Failed { path: path.to_owned(), reason: error.to_string() })?;
    find_or_create(path, mode)?;
    patiently(|| connections(path)).map_err(|trouble| match trouble {
        Trouble::Newer(migration) => OpenError::Newer { path: path.clone(), migration },
        Trouble::Moved(to) => OpenError::Moved { path: path.clone(), to },
        Trouble::NoLog => OpenError::NoLog { path: path.clone() },
        Trouble::Said(reason) => named(path, reason),
    })
}

fn named(path: &Path, reason: String) -> OpenError {
    let path = path.to_owned();
    if reason.contains("file is not a database") {
        return OpenError::NotADatabase { path };
    }
    if ["readonly database", "unable to open database file"].iter().any(|text| reason.contains(text)) {
        return OpenError::NotWritable { path, reason };
    }
    OpenError::Failed { path, reason }
}

/// The file exists after this, and is ours to write.
fn find_or_create(path: &Path, mode: OpenMode) -> Result<(), OpenError> {
    match OpenOptions::new().read(true).write(true).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::NotWritable { path: path.to_owned(), reason: error.to_string() }),
    }
    if mode == OpenMode::Existing {
        return Err(OpenError::Missing { path: path.to_owned() });
    }
    match create_private(path) {
        Ok(_) => Ok(()),
        // Another process was faster.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(OpenError::CannotCreate { path: path.to_owned(), source }),
    }
}

/// Creates a file that only its owner can read. SQLite gives its log and index the same mode.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Several that open a new file at once may lock each other out while its journal changes its mode, each for the whole
/// of its patience; then one of them is through, and the next try succeeds.
fn patiently<T>(mut attempt: impl FnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let mut tries = 0;
    loop {
        tries += 1;
        match attempt() {
            Err(Trouble::Said(reason)) if reason == "database is locked" && tries < OPEN_TRIES => {}
            done => return done,
        }
    }
}

fn connections(path: &Path) -> Result<(Writer, Vec<Reader>), Trouble> {
    let mut connection = connect(path)?;
    let mode: String = sql::<Text>("PRAGMA journal_mode = WAL").get_result(&mut connection)?;
    if mode != "wal" {
        return Err(Trouble::NoLog);
    }
    let mut writer = Writer::new(path.to_owned(), connection)?;
    writer.bring_up_to_date()?;
    // A process that died between erasing a password and emptying the log left this to its successor.
    writer.truncate_log(std::time::Duration::ZERO);
    let readers = (0..READERS).map(|_| Reader::open(path.to_owned())).collect::<Result<_, _>>()?;
    Ok((writer, readers))
}

impl Writer {
    /// Runs the migrations that this file has not seen, all of them or none, and alone.
    fn bring_up_to_date(&mut self) -> Result<(), Trouble> {
        self.connection().immediate_transaction(|connection| {
            if let Some(newer) =
                migrations::run(connection, MIGRATIONS).map_err(|error| Trouble::Said(error.to_string()))?
            {
                return Err(Trouble::Newer(newer));
            }
            let mut conn = Conn::sqlite(connection);
            installation::ensure(&mut conn)?;
            installation::moved_to(&mut conn)?.map_or(Ok(()), |to| Err(Trouble::Moved(to)))
        })
    }
}

impl From<diesel::result::Error> for Trouble {
    fn from(error: diesel::result::Error) -> Self {
        Self::Said(error.to_string())
    }
}

impl From<ConnectionError> for Trouble {
    fn from(error: ConnectionError) -> Self {
        Self::Said(error.to_string())
    }
}

impl From<QueryError> for Trouble {
    fn from(error: QueryError) -> Self {
        Self::Said(store_core::ports::RepositoryError::from(error).to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{OpenError, named};

    #[rstest::rstest]
    #[case::file("attempt to write a readonly database")]
    #[case::directory("unable to open database file")]
    fn a_file_that_cannot_be_written_says_what_to_do(#[case] said: &str) {
        let error = named(Path::new("/data/stores.db"), said.to_owned());
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains("/data/stores.db") && message.contains("the right to write"), "{message}");
    }
}
