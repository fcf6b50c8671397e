//! What the parts of one run share: the cluster, the built tests, the mark on everything that was started.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    background::Background,
    mark::Mark,
    outcome::Outcome,
    parts::Part,
    stream,
    tally::Tally,
    unit::{self, TestProgram},
};
use crate::{
    cluster::{self, Cluster},
    images::Plugin,
    progress::say,
};

/// One run of the tests.
pub(crate) struct Session {
    mark: Mark,
    background: Option<Background>,
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
        let background = if wants_cluster { Some(Background::start(given_plugin.as_deref())?) } else { None };
        let (mark, run) = (Mark::new(), BTreeSet::new());
        Ok(Self {
            mark,
            background,
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

    /// Ends what this run started; a cluster that ran before stays.
    pub(crate) fn end(&mut self) {
        if let Some(background) = self.background.take() {
            background.stop();
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
        if let Some(background) = self.background.take() {
            background.wait(deadline)?;
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

    /// Marks a program that runs beside a part, so that it does not outlive it.
    pub(crate) fn mark(&self, command: &mut Command) {
        self.mark.put_on(command);
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
