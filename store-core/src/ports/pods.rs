//! What is seen of a store's pods, and what they say: for people who look after a shop. No decision is based on it.

use std::pin::Pin;

use futures::Stream;
use jiff::Timestamp;

use super::PortError;
use crate::store::Component;

/// A pod of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PodSeen {
    /// Its name.
    pub name: String,
    /// Which part of the store it is.
    pub component: Component,
    /// Its phase, as Kubernetes has it, such as `Running`.
    pub phase: String,
    /// Whether all its containers are ready.
    pub ready: bool,
    /// How often its containers were started again.
    pub restarts: u32,
    /// Why it does not run, or why it ended last, where Kubernetes says so; shortened.
    pub message: Option<String>,
    /// When a node took it up.
    pub started_at: Option<Timestamp>,
}

impl PodSeen {
    /// A pod that has not begun.
    pub fn new(name: impl Into<String>, component: Component) -> Self {
        Self {
            name: name.into(),
            component,
            phase: "Pending".to_owned(),
            ready: false,
            restarts: 0,
            message: None,
            started_at: None,
        }
    }
}

/// Which log is wanted: that of the newest pod of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRequest {
    /// Whose log.
    pub component: Component,
    /// How many of the last lines there are so far.
    pub tail: u32,
    /// Whether the stream goes on with what is said from now, until the container ends.
    pub follow: bool,
}

impl LogRequest {
    /// How many lines there are unless asked otherwise.
    pub const TAIL_DEFAULT: u32 = 200;
    /// How many lines may be asked for.
    pub const TAIL_MAX: u32 = 5000;
    /// Adapters cut longer lines, in bytes.
    pub const LINE_MAX: usize = 16 * 1024;

    /// The last lines of this component's log.
    pub fn of(component: Component) -> Self {
        Self { component, tail: Self::TAIL_DEFAULT, follow: false }
    }

    /// The last so many lines, from 1 to [`TAIL_MAX`](Self::TAIL_MAX).
    #[must_use]
    pub fn tail(self, lines: u32) -> Self {
        Self { tail: lines.clamp(1, Self::TAIL_MAX), ..self }
    }

    /// Goes on with what is said from now, if that is wanted.
    #[must_use]
    pub fn following(self, follow: bool) -> Self {
        Self { follow, ..self }
    }
}

/// The lines of a log without their line breaks, each at most [`LogRequest::LINE_MAX`] bytes long. Dropped, it lets go
/// of the cluster.
pub type LogStream = Pin<Box<dyn Stream<Item = Result<String, PortError>> + Send>>;
