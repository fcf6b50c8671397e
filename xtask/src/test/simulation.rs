//! Twenty thousand simulated schedules without a broken invariant, and every planted bug found.
//!
//! They need nothing but a processor, and no clock: so they run beside a part that waits most of its time.

use std::{process::Command, time::Instant};

use anyhow::Result;

use super::{beside::Beside, outcome::Outcome, session::Session};
use crate::{cargo, simulate};

const SEEDS: u64 = 20_000;

/// Builds the simulation and starts it; whoever waits for anything beside it comes first.
pub(crate) fn begin(session: &mut Session, deadline: Instant) -> Result<()> {
    session.must("building the simulation", simulate::build()?, deadline)?;
    let mut command = Command::new("nice");
    command.args(["-n", "19"]).arg(cargo::simulation()?).args([SEEDS.to_string(), "0".to_owned()]);
    session.simulation = Some(Beside::start("the simulation", command, "test-simulation.log")?);
    Ok(())
}

/// Waits for it; the output has a line for each kind of fault and each planted bug.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    if session.simulation.is_none() {
        begin(session, deadline)?;
    }
    let simulated = session.simulation.take().map_or(Ok(()), |simulation| simulation.must_end_well(deadline));
    let mut outcome = Outcome::default();
    outcome.check(&format!("{SEEDS} schedules, and every planted bug found"), simulated);
    Ok(outcome)
}
