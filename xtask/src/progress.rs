//! What a long command tells its user: messages on standard error with the time since the start.

use std::time::{Duration, Instant};

/// How often a long wait says that it still waits.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(15);

/// Measures one piece of work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts measuring now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds since the start, as text with one digit after the point.
    pub(crate) fn seconds(self) -> String {
        format!("{:.1}", self.0.elapsed().as_secs_f64())
    }
}

/// Prints one line of progress; standard output stays free for data.
pub(crate) fn say(message: impl AsRef<str>) {
    eprintln!("{}", message.as_ref());
}
