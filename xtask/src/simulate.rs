//! The deterministic simulation of `store-core`, optimised and on all cores: schedules of faults, and planted bugs that
//! it must find. Nothing here touches a cluster or a database.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo;

/// The options of `cargo xtask simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// How many schedules; each has a seed of its own
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

/// Builds the simulation and runs it.
pub(crate) fn run(args: &SimulateArgs) -> Result<()> {
    let status = command(args.seeds, args.from)?.status().context("cannot run cargo")?;
    if !status.success() {
        bail!("the simulation found something, or missed something that was planted; see above");
    }
    Ok(())
}

/// The command that builds the simulation and runs so many schedules.
pub(crate) fn command(seeds: u64, from: u64) -> Result<Command> {
    let mut cargo = cargo("run")?;
    cargo.arg("--").args([seeds.to_string(), from.to_string()]);
    Ok(cargo)
}

/// The command that only builds it.
pub(crate) fn build() -> Result<Command> {
    cargo("build")
}

fn cargo(what: &str) -> Result<Command> {
    let mut cargo = cargo::command()?;
    cargo.args([what, "--quiet", "--locked", "--profile", "simulation", "--package", "store-core"]);
    cargo.args(["--features", "planted-bugs", "--example", "simulate"]);
    Ok(cargo)
}
