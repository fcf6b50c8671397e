//! `cargo xtask bench`: what the control plane costs, measured from outside it on the local cluster.

mod api;
mod audit;
mod dashboard;
mod floors;
mod lab;
mod memory;
mod overhead;
mod ready;
mod results;
mod waiting;
mod watchers;

use std::{path::Path, thread, time::Duration};

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use self::{
    lab::{Lab, USUAL_VALUES},
    overhead::Run,
    results::Results,
};
use crate::{progress::say, results_file::Machine};

/// How many stores are brought up at once for the memory, and how many wait for the requests.
const AT_ONCE: usize = 5;
const MANY: usize = 20;

/// Arguments of `cargo xtask bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What the control plane adds to Helm and the cluster: time, memory, and requests while stores wait
    Overhead {
        /// How many stores are measured one after the other
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
        runs: u32,
        /// Do not write benches/RESULTS.md
        #[arg(long)]
        dry_run: bool,
    },
    /// How long a store of each engine takes to be READY, gate by gate
    Ready {
        /// How many stores of each engine are measured one after the other
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=50))]
        runs: u32,
        /// Write the figures into benches/RESULTS.md
        #[arg(long)]
        record: bool,
    },
    /// What the dashboard weighs, and how soon it shows a list and a change
    Dashboard {
        /// Write the figures into benches/RESULTS.md
        #[arg(long)]
        record: bool,
    },
    /// How much the HTTP server answers, with 10,000 stores, writes and open event streams
    Api {
        /// Write the figures into benches/RESULTS.md
        #[arg(long)]
        record: bool,
    },
}

/// Runs the command.
pub(crate) fn run(args: &BenchArgs) -> Result<()> {
    let (runs, dry_run) = match &args.what {
        What::Overhead { runs, dry_run } => (runs, dry_run),
        What::Ready { runs, record } => return ready::run(*runs, *record),
        What::Dashboard { record } => return dashboard::run(*record),
        What::Api { record } => return api::run(*record),
    };
    let results = measure(*runs)?;
    if !dry_run {
        results::write(&results)?;
    }
    println!("{}", results.line());
    Ok(())
}

fn measure(runs: u32) -> Result<Results> {
    let lab = Lab::prepare()?;
    let measured = lab.with_server("overhead", Path::new(USUAL_VALUES), |server| {
        let runs = (1..=runs).map(|number| overhead::run(&lab, server, number)).collect::<Result<Vec<Run>>>()?;
        say("memory: idle, then while five stores are brought up at once");
        // What the measured stores left is part of what an idle server holds.
        thread::sleep(Duration::from_secs(10));
        let idle = memory::resident(server.process)?;
        let busy = memory::while_creating(server, AT_ONCE)?;
        Ok((runs, idle, busy))
    });
    let (runs, rss_idle, rss_busy) = measured?;
    let waiting = |name: &str, count: usize| {
        let count_requests = |server| waiting::requests(&lab, server, count);
        lab.without_scheduler(|| lab.with_server(name, Path::new(USUAL_VALUES), count_requests))
    };
    let (one, many) = (waiting("waiting-1", 1)?, waiting("waiting-20", MANY)?);
    if one == 0 {
        bail!("one waiting store caused no request at all: the audit log was not read");
    }
    Ok(Results {
        runs,
        rss_idle,
        rss_busy,
        requests_one: one,
        requests_many: many,
        machine: Machine::of(&lab.cluster)?,
    })
}
