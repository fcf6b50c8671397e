//! What PostgreSQL says of trouble that may pass.

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

/// The texts of the driver when a connection is over.
const LOST: [&str; 4] = [
    "connection closed",
    "error communicating with the server",
    "unexpected message from server",
    "error parsing response from server",
];

/// How the server's own words begin: it ends or begins, is too busy, or was kept waiting. Diesel hands its errors on
/// without their codes; the connection asks for English. They name neither values nor accounts.
const PASSING: [&str; 16] = [
    "terminating connection",
    "the database system is",
    "canceling statement due to",
    "could not obtain lock",
    "deadlock detected",
    "could not serialize access",
    "sorry, too many clients already",
    "remaining connection slots are reserved",
    "too many connections",
    "out of memory",
    "out of shared memory",
    "could not extend file",
    "could not write",
    "could not fsync file",
    "could not open file",
    "could not access status of transaction",
];

/// What it says, if the same call may succeed later.
pub(crate) fn passing(kind: DatabaseErrorKind, said: &dyn DatabaseErrorInformation) -> Option<String> {
    let begins = |texts: &[&str]| texts.iter().any(|text| said.message().starts_with(text));
    if said.message().ends_with("No space left on device") {
        return Some("its disk is full".to_owned());
    }
    match kind {
        DatabaseErrorKind::UnableToSendCommand if begins(&LOST) => {
            Some("the connection to PostgreSQL was lost".to_owned())
        }
        DatabaseErrorKind::ReadOnlyTransaction => Some("PostgreSQL may only be read now".to_owned()),
        DatabaseErrorKind::Unknown if begins(&PASSING) => Some(said.message().to_owned()),
        _ => None,
    }
}
