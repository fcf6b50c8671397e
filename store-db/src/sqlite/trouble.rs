//! What SQLite says of trouble that may pass.

/// Diesel hands its texts on without their codes; they have been the same for decades, and they name neither values nor
/// paths.
const PASSING: [&str; 8] = [
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "disk I/O error",
    "unable to open database file",
    "attempt to write a readonly database",
    "out of memory",
    // Of our own triggers: it is away for good here, but the same call may succeed where everything is now.
    "this installation was moved to another database",
];

/// What it says, if the same call may succeed later.
pub(crate) fn passing_trouble(said: &str) -> Option<String> {
    PASSING.iter().find(|text| said.starts_with(**text)).map(|text| (*text).to_owned())
}
