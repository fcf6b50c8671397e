//! What needs a real PostgreSQL: the repository, the platform, and moving an installation there.

use std::{path::Path, time::Instant};

use anyhow::Result;

use super::{outcome::Outcome, session::Session, unit};
use crate::postgres;

/// Those with ignored tests that need it.
const PACKAGES: &[&str] = &["store-db", "store-platform", "store-http"];

/// Runs the ignored tests of those packages with a server that they share; some start one of their own.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let server = postgres::start()?;
    let url = server.url();
    let environment = [("STORE_TEST_POSTGRES_URL", Path::new(&url))];
    let mut outcome = Outcome::default();
    for package in PACKAGES {
        outcome.add(unit::run_ignored(session, package, &[], &environment, deadline)?);
    }
    Ok(outcome)
}
