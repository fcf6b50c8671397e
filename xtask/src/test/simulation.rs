//! Twenty thousand simulated schedules without a broken invariant, and every planted bug found.

use std::time::Instant;

use anyhow::Result;

use super::{outcome::Outcome, session::Session};
use crate::simulate;

const SEEDS: u64 = 20_000;

/// Runs them; the output has a line for each kind of fault and each planted bug.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let simulated = session.must("the simulation", simulate::command(SEEDS, 0)?, deadline);
    outcome.check(&format!("{SEEDS} schedules, and every planted bug found"), simulated);
    Ok(outcome)
}
