//! `cargo xtask test`: everything that proves this project, part by part, with one table at the end.

mod adapters;
mod alone;
mod api_part;
mod beside;
mod browser;
mod chaos_part;
mod chart;
mod cluster_part;
mod dashboard_part;
mod database;
mod deny;
mod dev;
mod diagnosis;
mod dry_run;
mod mark;
mod outcome;
mod parts;
mod replicas;
mod rights;
mod session;
mod shop;
mod simulation;
mod skips;
mod source;
mod stream;
mod tally;
mod unit;
mod up_and_down;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Result, bail};
use clap::Args;

use self::{
    outcome::{Outcome, Row, Sum, table},
    parts::{Part, by_name, select},
    session::Session,
};
use crate::{
    dashboard,
    images::{self, PluginArgs},
    install::{self, Group},
    progress::{Stopwatch, say},
};

/// Arguments of `cargo xtask test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Run only this part, with what it needs (may be given several times)
    #[arg(long, value_name = "PART")]
    only: Vec<String>,
    /// Leave this part out (may be given several times)
    #[arg(long, value_name = "PART")]
    skip: Vec<String>,
    /// Name the parts and what they do
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    plugin: PluginArgs,
    /// Which tests to run, in the parts that run ignored tests (adapters, dashboard, database, chaos, replicas, diagnosis,
    /// shop), as cargo's test programs understand it
    #[arg(last = true, value_name = "FILTER")]
    filter: Vec<String>,
}

/// Runs the command; the exit code says whether everything passed.
pub(crate) fn run(args: &TestArgs) -> Result<ExitCode> {
    if args.list {
        for part in parts::ALL {
            println!("{:<10}{}", part.name, part.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    for name in args.only.iter().chain(&args.skip) {
        if by_name(name).is_none() {
            let names: Vec<&str> = parts::ALL.iter().map(|part| part.name).collect();
            bail!("there is no part {name}; the parts are: {}", names.join(", "));
        }
    }
    let selected = select(&args.only, &args.skip);
    let clock = Stopwatch::start();
    install(&selected)?;
    if selected.iter().any(|part| part.embeds_dashboard()) {
        dashboard::ensure()?;
    }
    let mut session = Session::begin(&selected, &args.filter, args.plugin.given()?)?;
    let mut rows = run_parts(&selected, &mut session, clock);
    session.end();
    forgive(&mut rows, &session);
    Ok(report(&rows, !args.only.is_empty()))
}

/// Leaves pictures of the dashboard's pages in this folder.
pub(crate) fn pictures(folder: &Path, deadline: Instant) -> Result<()> {
    let mut session = Session::begin(&[], &[], None)?;
    let outcome = dashboard_part::pictures(&mut session, folder, deadline)?;
    if !outcome.failed.is_empty() {
        bail!("they were not taken: {}", outcome.failed.join(", "));
    }
    Ok(())
}

/// Where the browser's scripts are, with what they import.
pub(crate) fn browser_directory(deadline: Instant) -> Result<PathBuf> {
    browser::ensure(&Session::begin(&[], &[], None)?, deadline)
}

/// Before anything else, and for all parts together, so that a machine that lacks something says everything that it
/// lacks within seconds.
fn install(selected: &[&Part]) -> Result<()> {
    let dashboard = selected.iter().any(|part| part.embeds_dashboard()).then_some(Group::Dashboard);
    let wanted = selected.iter().flat_map(|part| part.installs).copied().chain(dashboard);
    let groups: Vec<Group> = wanted.filter(|group| *group != Group::Images || images::need_buildah()).collect();
    install::ensure(&groups)
}

fn run_parts(selected: &[&'static Part], session: &mut Session, total: Stopwatch) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for (index, part) in selected.iter().enumerate() {
        let minutes = total.elapsed().as_secs_f64() / 60.0;
        say(format!(
            "\n== {} ({} of {}, {minutes:.1} min so far): {}",
            part.name,
            index + 1,
            selected.len(),
            part.about
        ));
        let clock = Stopwatch::start();
        begin_early(part, selected, session);
        let outcome = match unmet(part, &rows) {
            Some(needed) => Outcome::failed(format!("needs {needed}, which failed")),
            None => session.run(part),
        };
        let verdict = if outcome.failed.is_empty() { "passed" } else { "FAILED" };
        say(format!("== {}: {verdict} in {} s", part.name, clock.seconds()));
        rows.push(Row { part: part.name, took: clock.elapsed(), outcome });
    }
    rows
}

/// Begins what later parts have to do beside this one.
fn begin_early(part: &Part, selected: &[&Part], session: &mut Session) {
    for early in parts::EARLY.iter().filter(|early| early.beside == part.name) {
        if selected.iter().any(|part| part.name == early.part) {
            session.begin_early(early);
        }
    }
}

/// What the part needs and did not pass.
fn unmet(part: &Part, rows: &[Row]) -> Option<&'static str> {
    let failed = |name: &str| rows.iter().any(|row| row.part == name && !row.outcome.failed.is_empty());
    part.needs.iter().copied().find(|name| failed(name))
}

/// A test that the unit part had to leave out was not skipped where a later part ran it.
fn forgive(rows: &mut [Row], session: &Session) {
    for row in rows {
        row.outcome.skipped.retain(|skip| !session.has_run(&skip.what));
    }
}

/// Tells the sum; and of parts that were asked for, the figures that they end with.
fn report(rows: &[Row], asked_for: bool) -> ExitCode {
    let sum = Sum::of(rows);
    println!("\n{}", table(rows));
    println!("{} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped);
    for line in rows.iter().filter_map(|row| row.outcome.last_line.as_ref()).filter(|_| asked_for) {
        println!("{line}");
    }
    if sum.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
