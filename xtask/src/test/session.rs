//! What the parts of one run share: the cluster, the built tests, the mark on everything that was started.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    beside::Beside,
    mark::Mark,
    outcome::Outcome,
    parts::{Early, Part},
    stream,
    tally::Tally,
    unit::{self, TestProgram},
};
use crate::{
    cluster::{self, Cluster},
    images::{PLUGIN_VARIABLE, Plugin},
    progress::say,
};

/// What the cluster's parts need: only a head start, each makes sure of everything again and shows what went wrong.
const PREPARATION: &str = r#""$0" cluster up && "$0" images && "$0" cluster --simulated programs"#;

/// To begin something is not to wait for it, but for what has to be built.
const EARLY_DEADLINE: Duration = Duration::from_mins(10);

/// One run of the tests.
pub(crate) struct Session {
    mark: Mark,
    preparation: Option<Beside>,
    pub(crate) simulation: Option<Beside>,
    config: cluster::Config,
    /// Whether a part of this run needs the local cluster.
    wants_cluster: bool,
    cluster_ran_before: bool,
    cluster: Option<Cluster>,
    programs: Option<Vec<TestProgram>>,
    run: BTreeSet<String>,
    /// Given to the test programs of the cluster's parts.
    pub(crate) filter: Vec<String>,
    /// The WooCommerce plugin to build with, if somebody named one.
    pub(crate) given_plugin: Option<PathBuf>,
    /// The one that the cluster's images were built with.
    pub(crate) plugin: Option<Plugin>,
}

impl Session {
    /// Begins a run; what takes long and needs little of the processor starts at once, in the background.
    pub(crate) fn begin(selected: &[&Part], filter: &[String], given_plugin: Option<PathBuf>) -> Result<Self> {
        let config = cluster::Config::new(None)?;
        let cluster_ran_before = cluster::running(&config)?.is_some();
        let wants_cluster = selected.iter().any(|part| part.name == "cluster");
        let preparation = if wants_cluster { Some(prepare(given_plugin.as_deref())?) } else { None };
        let (mark, run) = (Mark::new(), BTreeSet::new());
        Ok(Self {
            mark,
            preparation,
            simulation: None,
            config,
            wants_cluster,
            cluster_ran_before,
            cluster: None,
            programs: None,
            run,
            filter: filter.to_vec(),
            given_plugin,
            plugin: None,
        })
    }

    /// Runs one part within its deadline and ends what it left behind.
    pub(crate) fn run(&mut self, part: &Part) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(part.minutes * 60);
        let outcome = (part.run)(self, deadline).unwrap_or_else(|error| {
            println!("FAILED: {error:#}");
            Outcome::failed(format!("{error:#}"))
        });
        for left in self.mark.end_all() {
            say(format!("{} left this running, it was ended: {left}", part.name));
        }
        outcome
    }

    /// Begins a later part's work. What keeps it from beginning, the part itself will meet and show.
    pub(crate) fn begin_early(&mut self, early: &Early) {
        let begun = (early.begin)(self, Instant::now() + EARLY_DEADLINE);
        if let Err(error) = begun {
            say(format!("{} was not begun: {error:#}", early.part));
        }
    }

    /// Ends what this run started; a cluster that ran before stays.
    pub(crate) fn end(&mut self) {
        for beside in self.preparation.take().into_iter().chain(self.simulation.take()) {
            beside.stop();
        }
        // Another run's cluster is not ours to stop.
        let started =
            self.wants_cluster && !self.cluster_ran_before && matches!(cluster::running(&self.config), Ok(Some(_)));
        if started && let Err(error) = cluster::down(&self.config, false) {
            say(format!("the cluster could not be stopped: {error:#}"));
        }
    }

    /// Starts the cluster, or waits until the background has.
    pub(crate) fn start_cluster(&mut self, deadline: Instant) -> Result<Cluster> {
        if let Some(preparation) = self.preparation.take() {
            preparation.wait(deadline)?;
        }
        let cluster = cluster::up(&self.config)?;
        self.cluster = Some(cluster.clone());
        Ok(cluster)
    }

    /// Whether the local cluster ran already when this run began.
    pub(crate) fn cluster_ran_before(&self) -> bool {
        self.cluster_ran_before
    }

    /// The cluster that the part `cluster` started.
    pub(crate) fn cluster(&self) -> Result<Cluster> {
        self.cluster.clone().context("needs the part cluster")
    }

    /// The tests of one package, built as the whole workspace's are, so that nothing is built twice.
    pub(crate) fn test_programs(&mut self, package: &str, deadline: Instant) -> Result<Vec<TestProgram>> {
        if self.programs.is_none() {
            self.programs = Some(unit::build(&self.mark, deadline)?);
        }
        let all = self.programs.as_deref().unwrap_or_default();
        let of_package: Vec<TestProgram> = all.iter().filter(|program| program.package == package).cloned().collect();
        if of_package.is_empty() {
            bail!("the workspace has no tests in a package {package}");
        }
        Ok(of_package)
    }

    /// Runs a program with its output shown.
    pub(crate) fn shown(
        &self,
        command: Command,
        deadline: Instant,
        mut on_line: impl FnMut(&str),
    ) -> Result<ExitStatus> {
        stream::run(command, &self.mark, deadline, |line| {
            println!("{line}");
            on_line(line);
        })
    }

    /// Runs a program with its output shown; it must end well.
    pub(crate) fn must(&self, what: &str, command: Command, deadline: Instant) -> Result<()> {
        let status = self.shown(command, deadline, |_| ()).context(what.to_owned())?;
        if !status.success() {
            bail!("{what} failed ({status})");
        }
        Ok(())
    }

    /// Remembers which tests were run.
    pub(crate) fn remember(&mut self, tally: &Tally) {
        self.run.extend(tally.run.iter().cloned());
    }

    /// Whether this test was run by any part.
    pub(crate) fn has_run(&self, test: &str) -> bool {
        self.run.contains(test)
    }
}

fn prepare(plugin: Option<&Path>) -> Result<Beside> {
    let mut command = Command::new("sh");
    command.arg("-c").arg(PREPARATION).arg(env::current_exe()?);
    command.envs(plugin.map(|plugin| (PLUGIN_VARIABLE, plugin)));
    Beside::start("preparing the cluster and its images", command, "test-background.log")
}
