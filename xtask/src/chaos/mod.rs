//! `cargo xtask chaos`: the real server, real Helm of both majors, the real API server and chart, killed at random
//! moments, round after round. After each round everything that exists is compared with what was asked for.
//!
//! The node is simulated: containers never run, so this says nothing about shops.

mod check;
mod lab;
mod report;
mod round;
mod schedule;
mod strike;
mod tally;
mod world;

use std::{fs::File, io::Read};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::{
    check::{Finding, Kind},
    lab::Lab,
    round::Round,
    schedule::Schedule,
    tally::Tally,
    world::World,
};
use crate::progress::{Stopwatch, say};

/// Rounds between two lines of progress.
const PROGRESS: u32 = 10;

/// Arguments of `cargo xtask chaos`.
#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// How many rounds
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// The same seed kills at the same planned moments (default: a new one, which is printed)
    #[arg(long)]
    seed: Option<u64>,
    /// Write the figures to benches/RESULTS.md
    #[arg(long)]
    record: bool,
}

/// Runs the command.
pub(crate) fn run(args: &ChaosArgs) -> Result<()> {
    let seed = args.seed.map_or_else(new_seed, Ok)?;
    say(format!("seed {seed}; the node is simulated: no container runs"));
    let lab = Lab::prepare()?;
    let clock = Stopwatch::start();
    let mut tally = Tally::default();
    let result = rounds(&lab, args.rounds, seed, &mut tally);
    tally.operations().iter().for_each(say);
    let seconds = clock.elapsed().as_secs();
    let result = result.and_then(|()| demand_enough(&tally));
    if result.is_ok() && args.record {
        report::write(&lab.cluster, seed, &tally, seconds)?;
    }
    println!("{}", tally.line(seconds));
    result.with_context(|| format!("seed {seed}"))
}

/// Ends what a run left that was itself killed.
pub(crate) fn clean_up() -> Result<()> {
    lab::clean_up()
}

fn rounds(lab: &Lab, count: u32, seed: u64, tally: &mut Tally) -> Result<()> {
    let mut world = World::default();
    let mut schedule = Schedule::new(seed);
    let total = Stopwatch::start();
    for number in 1..=count {
        let plan = schedule.next();
        let clock = Stopwatch::start();
        let round = Round { lab, world: &mut world, tally, plan: &plan };
        let what = || {
            format!(
                "round {number} ({}, {:?}); the server's log: {}",
                plan.operation,
                plan.strikes,
                lab.log().display()
            )
        };
        let findings = round.run().with_context(what)?;
        tally.round(plan.operation, clock.elapsed());
        demand_none(&findings, tally).with_context(what)?;
        if number.is_multiple_of(PROGRESS) {
            let each = total.elapsed().as_secs_f64() / f64::from(number);
            say(format!("round {number}: {} kills, {} met a Helm, {each:.1} s a round", tally.kills, tally.helm_kills));
        }
    }
    let server = lab.server(schedule.next().helm)?;
    let findings = world.judge_all(&server.api())?;
    demand_none(&findings, tally).context("the last look at every store there was")
}

fn demand_none(findings: &[Finding], tally: &mut Tally) -> Result<()> {
    if findings.is_empty() {
        return Ok(());
    }
    tally.lost += findings.iter().filter(|finding| finding.kind == Kind::Lost).count();
    tally.orphaned += findings.iter().filter(|finding| finding.kind == Kind::Orphaned).count();
    let told = findings.iter().map(|Finding { kind, store, what }| format!("{kind:?}: {store}: {what}"));
    bail!("{}", told.collect::<Vec<_>>().join("; "))
}

fn demand_enough(tally: &Tally) -> Result<()> {
    let missing = tally.missing();
    if missing.is_empty() { Ok(()) } else { bail!("this run proves too little: {}", missing.join("; ")) }
}

fn new_seed() -> Result<u64> {
    let mut bytes = [0; 4];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    Ok(u32::from_le_bytes(bytes).into())
}
