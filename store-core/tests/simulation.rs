//! Some schedules of the simulation hold, and each can be run again.

use store_core::testing::simulation::run;

#[test]
fn schedules_hold_and_can_be_repeated() {
    for seed in 0..40 {
        let outcome = run(seed, true);
        assert_eq!(outcome.broken, None, "seed {seed}:\n{}", outcome.trace.join("\n"));
        assert_eq!(outcome.hash, run(seed, false).hash, "seed {seed} went another way the second time");
    }
}
