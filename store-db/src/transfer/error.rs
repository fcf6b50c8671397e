//! Why an installation is not moved, and what to do about it.

use std::error::Error;
use std::path::PathBuf;

use crate::postgres::PostgresOpenError;
use crate::sqlite::LockError;

/// Why an installation is not moved. Unless it says so, nothing has changed on either side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// There is no file.
    #[error("there is no database at {}", from.display())]
    Missing {
        /// Where it should be.
        from: PathBuf,
    },
    /// Somebody works with the file.
    #[error(
        "{}works on the stores of {}: stop it first",
        holder.map_or("another process ".to_owned(), |pid| format!("process {pid} ")),
        from.display()
    )]
    InUse {
        /// The file.
        from: PathBuf,
        /// Who it is, where that is known.
        holder: Option<u32>,
    },
    /// The lock of the file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file is not one of ours, or cannot be read.
    #[error("the database {} cannot be read: {reason}", from.display())]
    Unreadable {
        /// The file.
        from: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file has the tables of another version.
    #[error(
        "the database {} was last used by another version of this program: start this version's server on it once, stop \
         it, and move it then",
        from.display()
    )]
    OtherVersion {
        /// The file.
        from: PathBuf,
    },
    /// The file was moved to another database.
    #[error("the database {} was moved to {to} already", from.display())]
    MovedBefore {
        /// The file.
        from: PathBuf,
        /// Where everything is, without password.
        to: String,
    },
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] PostgresOpenError),
    /// The target has stores, or had.
    #[error("{to} holds installation {installation} already: name an empty database")]
    NotEmpty {
        /// The target, without password.
        to: String,
        /// What is there.
        installation: String,
    },
    /// What arrived is not what was sent.
    #[error("table {table}: {arrived} rows arrived of {sent}, or not the same ones; nothing was moved")]
    Differs {
        /// The table.
        table: &'static str,
        /// How many were sent.
        sent: u64,
        /// How many arrived.
        arrived: u64,
    },
    /// The connection was lost at the last moment.
    #[error(
        "{to} was lost at the last moment, so it is not known whether everything arrived: {reason}; the file cannot be used \
         until this is run again once the server is back, which says so or moves it"
    )]
    Unknown {
        /// What happened.
        reason: String,
        /// The target, without password.
        to: String,
    },
    /// Something else.
    #[error("nothing was moved: {reason}")]
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl TransferError {
    pub(super) fn failed(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        Self::Failed { reason: error.to_string() }
    }
}

impl From<diesel::result::Error> for TransferError {
    fn from(error: diesel::result::Error) -> Self {
        Self::failed(&error)
    }
}
