//! Several servers on one PostgreSQL: killed, frozen, and asked one for what the other does.

use std::time::Instant;

use anyhow::Result;

use super::{chaos_part::on_simulated_nodes, outcome::Outcome, session::Session};
use crate::{
    cargo::{self, Profile},
    cluster,
};

/// Each has a cluster and a database of its own.
const AT_ONCE: &str = "--test-threads=2";
/// What the names of the tests that belong here have in common.
const TESTS: &str = "on_one_database";

/// Runs them.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    let bin = cluster::build_simulated_programs()?;
    on_simulated_nodes(session, &bin, &[AT_ONCE, TESTS], deadline)
}
