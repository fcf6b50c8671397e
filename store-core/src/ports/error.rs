//! One error for the ports that reach outside, classified where it arises.

use crate::lifecycle::ObjectRef;

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Something is there that is not ours, or a precondition does not hold any more.
    Conflict,
    /// What was named is not there.
    NotFound,
    /// The same call may succeed later.
    Transient,
    /// The caller lacks a right, or its credentials are not accepted: work waits until somebody mends that.
    Denied,
    /// The same call will fail again until somebody changes something.
    Permanent,
    /// The caller stopped the call.
    Cancelled,
}

/// A failed call of a port. Its `Display` never prints the source; the chain is logged where the error is handled.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PortError {
    class: ErrorClass,
    message: String,
    object: Option<ObjectRef>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl PortError {
    /// An error of this class; the message says what was tried and what came back, and no secret.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), object: None, source: None }
    }

    /// Keeps the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names the object that is to blame.
    #[must_use]
    pub fn blaming(self, object: Option<ObjectRef>) -> Self {
        Self { object, ..self }
    }

    /// A call that may succeed later.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// A call that will not succeed until somebody changes something.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, message)
    }

    /// The object that is to blame, where the other side names one.
    pub fn object(&self) -> Option<&ObjectRef> {
        self.object.as_ref()
    }

    /// What a caller can do about it.
    pub fn class(&self) -> ErrorClass {
        self.class
    }
}
