//! In which order the parts of a simulated store come up: as the gates of its engine do.

use crate::lifecycle::Gate;
use crate::store::Engine;

/// How many milestones after its release a store of this engine meets a gate.
pub(super) fn milestone(engine: Engine, gate: Gate) -> u32 {
    let place = |wanted| Gate::of(engine).iter().position(|gate| *gate == wanted).unwrap_or_default();
    u32::try_from(place(gate).saturating_sub(place(Gate::Release))).unwrap_or(u32::MAX)
}
