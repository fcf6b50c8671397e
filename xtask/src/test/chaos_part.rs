//! Kills at random moments, and beside them outages that mostly wait: all on clusters whose nodes are simulated.

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    chaos, cluster, exec, paths,
    progress::say,
};

const ROUNDS: &str = "60";
/// All of them at once: they wait for most of their time.
const AT_ONCE: &str = "--test-threads=4";
/// What the names of the tests that belong here have in common.
const TESTS: &str = "on_simulated_nodes";
const POLL: Duration = Duration::from_millis(200);

/// Runs both.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    session.test_programs("e2e", deadline)?;
    let bin = cluster::build_simulated_programs()?;
    let kills = Kills::start(session)?;
    let outcome = on_simulated_nodes(session, &bin, &[AT_ONCE, TESTS], deadline);
    let killed = kills.wait(deadline);
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

/// The rounds, running beside the tests.
struct Kills {
    child: Child,
    log: PathBuf,
}

impl Kills {
    fn start(session: &Session) -> Result<Self> {
        let log = paths::cache()?.join("test-chaos.log");
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        say(format!("{ROUNDS} rounds of kills beside the tests: {}", log.display()));
        let mut command = Command::new(env::current_exe()?);
        command.args(["chaos", "--rounds", ROUNDS]);
        session.mark(&mut command);
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { child, log })
    }

    fn wait(mut self, deadline: Instant) -> Result<()> {
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                self.child.kill()?;
                self.child.wait()?;
                bail!("stopped at the deadline; the end of {}:\n{}", self.log.display(), exec::tail(&self.log));
            }
            thread::sleep(POLL);
        };
        println!("{}", exec::tail(&self.log));
        if !status.success() {
            bail!("{status}; the whole of it is in {}", self.log.display());
        }
        Ok(())
    }
}
