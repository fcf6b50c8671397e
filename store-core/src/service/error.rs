//! Why the service refuses: for people, with the field or the store named, and never with a secret.

use super::PodComponent;
use crate::lifecycle::Status;
use crate::ports::{ErrorClass, PortError, RepositoryError};
use crate::store::StoreId;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// A refused call.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// Fields are missing or wrong; all of them are named.
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    /// A store that is not deleted has the name.
    #[error("the name {name} is taken by store {existing}; choose another name, or delete that store first")]
    NameTaken {
        /// The name.
        name: String,
        /// The store that has it.
        existing: StoreId,
    },
    /// There is no such store.
    #[error("there is no store {which}")]
    NotFound {
        /// The id or name that was asked for.
        which: String,
    },
    /// The store's status does not allow it.
    #[error("only a FAILED store can be retried; this one is {status}")]
    WrongStatus {
        /// The status now.
        status: Status,
    },
    /// The store is protected from deletion.
    #[error("the store {name} is protected from deletion; take its protection away first")]
    Protected {
        /// Its name.
        name: String,
    },
    /// What is on its way to nothing cannot be protected any more.
    #[error("a store that is {status} cannot be protected")]
    CannotProtect {
        /// The status now.
        status: Status,
    },
    /// The store changed since the caller saw it.
    #[error("the store has changed since: it is at version {current} now; read it again")]
    VersionMismatch {
        /// The version now.
        current: u64,
    },
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used for a different request; use a new key for a new request")]
    KeyReused,
    /// There is no pod of this component, or it has not begun.
    #[error("{name} has no pod of the component {component} that has begun; its events say how far it is")]
    NoPod {
        /// The store's name.
        name: String,
        /// The component.
        component: PodComponent,
    },
    /// The page token is not one of ours.
    #[error("the page token is not one that this server made; start again without it")]
    BadPageToken,
    /// The database or the cluster cannot be used right now.
    #[error("{reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// Something that should not happen; the log has the cause.
    #[error("the request failed for a reason inside the platform; its log has the cause")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn summary(errors: &[FieldError]) -> String {
    errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect::<Vec<_>>().join("; ")
}

impl ServiceError {
    /// One field is wrong.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    pub(crate) fn from_port(error: PortError) -> Self {
        match error.class() {
            ErrorClass::Transient | ErrorClass::Denied => Self::Unavailable { reason: error.to_string() },
            _ => Self::Internal(Box::new(error)),
        }
    }

    /// Names the name that was asked for or meant, which the repository's error does not carry.
    pub(super) fn naming(self, wanted: &str) -> Self {
        match self {
            Self::NameTaken { existing, .. } => Self::NameTaken { name: wanted.to_owned(), existing },
            Self::Protected { .. } => Self::Protected { name: wanted.to_owned() },
            other => other,
        }
    }
}

impl From<RepositoryError> for ServiceError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::NameTaken { existing } => Self::NameTaken { name: String::new(), existing },
            RepositoryError::KeyReused => Self::KeyReused,
            RepositoryError::NotFound => Self::NotFound { which: "of that id".to_owned() },
            RepositoryError::VersionMismatch { current } => Self::VersionMismatch { current },
            RepositoryError::WrongStatus { status } => Self::WrongStatus { status },
            RepositoryError::Protected => Self::Protected { name: String::new() },
            RepositoryError::BadCursor => Self::BadPageToken,
            RepositoryError::Unavailable { .. } => Self::Unavailable { reason: error.to_string() },
            RepositoryError::Internal(_) => Self::Internal(Box::new(error)),
        }
    }
}
