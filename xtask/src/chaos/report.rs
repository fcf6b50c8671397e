//! The figures of a run in `benches/RESULTS.md`.

use anyhow::Result;

use super::tally::Tally;
use crate::{
    cluster::Cluster,
    results_file::{self, Machine, helm_version},
};

const SECTION: &str = "chaos";
const COMMAND: &str = "cargo xtask chaos --rounds N --record";

/// Writes the section.
pub(super) fn write(cluster: &Cluster, seed: u64, tally: &Tally, seconds: u64) -> Result<()> {
    let machine = Machine::of(cluster)?;
    let helm_3 = helm_version(cluster, "helm3")?;
    results_file::write(SECTION, COMMAND, &section(&machine, &helm_3, seed, tally, seconds))
}

fn section(machine: &Machine, helm_3: &str, seed: u64, tally: &Tally, seconds: u64) -> String {
    let Machine { cores, memory_gib, kubernetes, helm, date } = machine;
    let Tally { rounds, kills, helm_kills, lost, orphaned, .. } = tally;
    format!(
        "## Kills\n\n`cargo xtask chaos --rounds {rounds} --seed {seed}` on {date}: {cores} cores, {memory_gib} GiB, \
         Kubernetes {kubernetes} with a simulated node (containers never run: this says nothing about shops), Helm \
         {helm} and {helm_3} in turn, debug build, SQLite.\n\n\
         | rounds | kills | of these with a Helm alive | lost | orphaned | seconds |\n|---|---|---|---|---|---|\n\
         | {rounds} | {kills} | {helm_kills} | {lost} | {orphaned} | {seconds} |\n\n{}.\n",
        tally.operations().join("; ")
    )
}
