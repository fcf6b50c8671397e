//! Kills at random moments, and beside them outages that mostly wait: all on clusters whose nodes are simulated.

use std::{env, path::Path, process::Command, time::Instant};

use anyhow::Result;

use super::{beside::Beside, outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    chaos, cluster, paths,
};

const ROUNDS: &str = "60";
/// All of them at once: they wait for most of their time.
const AT_ONCE: &str = "--test-threads=4";
/// What the names of the tests that belong here have in common.
const TESTS: &str = "on_simulated_nodes";

/// Runs both.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    session.test_programs("e2e", deadline)?;
    let bin = cluster::build_simulated_programs()?;
    let mut kills = Command::new(env::current_exe()?);
    kills.args(["chaos", "--rounds", ROUNDS]);
    let kills = Beside::start(&format!("{ROUNDS} rounds of kills"), kills, "test-chaos.log")?;
    let outcome = on_simulated_nodes(session, &bin, &[AT_ONCE, TESTS], deadline);
    let killed = kills.must_end_well(deadline);
    chaos::clean_up()?;
    let mut outcome = outcome?;
    outcome.check(&format!("{ROUNDS} rounds of kills"), killed);
    Ok(outcome)
}

/// Runs tests that start clusters with simulated nodes; `arguments` pick them, unless somebody named tests.
pub(super) fn on_simulated_nodes(
    session: &mut Session,
    bin: &Path,
    arguments: &[&str],
    deadline: Instant,
) -> Result<Outcome> {
    let server = cargo::server(Profile::Debug)?;
    let (kubectl, helm, helm_3) = (bin.join("kubectl"), bin.join("helm"), bin.join("helm3"));
    let (xtask, clusters) = (env::current_exe()?, paths::state()?.join("simulated"));
    let environment = [
        ("STORE_TEST_SIMULATED_DIR", clusters.as_path()),
        ("STORE_TEST_KUBECTL", &kubectl),
        ("STORE_TEST_HELM", &helm),
        ("STORE_TEST_HELM3", &helm_3),
        ("STORE_TEST_SERVER_BIN", &server),
        ("STORE_TEST_XTASK_BIN", &xtask),
    ];
    // Somebody who names tests means those, not all that belong here.
    let is_option = |argument: &&str| argument.starts_with("--");
    let arguments: Vec<&str> =
        arguments.iter().copied().filter(|argument| is_option(argument) || session.filter.is_empty()).collect();
    unit::run_ignored(session, "e2e", &arguments, &environment, deadline)
}
