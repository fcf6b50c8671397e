//! What SQLite says of trouble that may pass.

use diesel::result::Error as DieselError;

/// What it says when there is no room. A limit that is not the disk's own is an I/O error to it.
const NO_ROOM: [&str; 2] = ["database or disk is full", "disk I/O error"];

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

/// Whether there was no room for what was to be written: a full disk, a quota, or a limit on the size of files.
pub(crate) fn lacks_room(error: &DieselError) -> bool {
    match error {
        DieselError::DatabaseError(_, info) => NO_ROOM.iter().any(|text| info.message().starts_with(text)),
        DieselError::RollbackErrorOnCommit { commit_error, .. } => lacks_room(commit_error),
        _ => false,
    }
}
