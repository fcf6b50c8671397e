//! The time of day, for ages in tables.

use jiff::Timestamp;

/// The time now.
#[expect(clippy::disallowed_methods, reason = "the one place of this binary that asks the system for the time")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
