//! What can go wrong in a query, and what the port's callers learn of it.

use std::error::Error;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use store_core::ports::RepositoryError;

use crate::{postgres, sqlite};

/// How a query ends that does not succeed.
#[derive(Debug)]
pub(crate) enum QueryError {
    /// The contract refuses it.
    Refused(RepositoryError),
    /// The database holds something that cannot be.
    Impossible(Impossible),
    /// The database refuses it.
    Database(DieselError),
}

/// A stored value that no version of this program writes.
#[derive(Debug, thiserror::Error)]
#[error("table {table}, column {column}, row {row} holds something that cannot be: {reason}")]
pub(crate) struct Impossible {
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) row: String,
    pub(crate) reason: String,
}

impl From<DieselError> for QueryError {
    fn from(error: DieselError) -> Self {
        Self::Database(error)
    }
}

impl From<RepositoryError> for QueryError {
    fn from(error: RepositoryError) -> Self {
        Self::Refused(error)
    }
}

impl From<Impossible> for QueryError {
    fn from(error: Impossible) -> Self {
        Self::Impossible(error)
    }
}

impl From<QueryError> for RepositoryError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Refused(error) => error,
            QueryError::Impossible(error) => Self::Internal(Box::new(error)),
            QueryError::Database(error) => match passing_trouble(&error) {
                Some(reason) => Self::Unavailable { reason },
                None => Self::Internal(Box::new(error)),
            },
        }
    }
}

/// What the database says, if the same call may succeed later.
pub(crate) fn passing_trouble(error: &DieselError) -> Option<String> {
    match error {
        DieselError::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::SerializationFailure,
            info,
        ) => Some(info.message().to_owned()),
        DieselError::DatabaseError(kind, info) => {
            sqlite::passing_trouble(info.message()).or_else(|| postgres::trouble::passing(*kind, &**info))
        }
        DieselError::RollbackErrorOnCommit { commit_error, .. } => passing_trouble(commit_error),
        DieselError::BrokenTransactionManager => Some("the connection is being replaced".to_owned()),
        _ => None,
    }
}

/// An error that is no fault of the caller's.
pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::Internal(error.into())
}
