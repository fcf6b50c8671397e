//! What was done and what was found, and whether enough was done to prove anything.

use std::{collections::BTreeMap, time::Duration};

use super::schedule::Operation;

/// A run of this many rounds must strike each operation at least [`LEAST_STRUCK`] times.
const ROUNDS: u32 = 60;
const LEAST_STRUCK: u32 = 10;

/// Figures of a run.
#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) rounds: u32,
    pub(super) kills: u32,
    /// Kills at which a Helm was alive.
    pub(super) helm_kills: u32,
    /// Kills while this operation was under way.
    pub(super) struck: BTreeMap<Operation, u32>,
    /// Time and number of the rounds of each operation.
    pub(super) took: BTreeMap<Operation, (Duration, u32)>,
    pub(super) lost: usize,
    pub(super) orphaned: usize,
}

impl Tally {
    /// Counts one kill.
    pub(super) fn kill(&mut self, operation: Operation, had_helm: bool, under_way: bool) {
        self.kills += 1;
        self.helm_kills += u32::from(had_helm);
        *self.struck.entry(operation).or_default() += u32::from(under_way);
    }

    /// Counts one round.
    pub(super) fn round(&mut self, operation: Operation, took: Duration) {
        self.rounds += 1;
        let (sum, count) = self.took.entry(operation).or_default();
        *sum += took;
        *count += 1;
    }

    /// What a run of this length should have done and did not.
    pub(super) fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        if self.kills < self.rounds {
            missing.push(format!("{} kills in {} rounds", self.kills, self.rounds));
        }
        if self.helm_kills * 3 < self.kills {
            missing.push(format!("only {} of {} kills met a Helm", self.helm_kills, self.kills));
        }
        let least = LEAST_STRUCK * self.rounds / ROUNDS;
        for operation in Operation::CYCLE {
            let struck = self.struck.get(&operation).copied().unwrap_or_default();
            if struck < least {
                missing.push(format!("{operation} was struck {struck} times, not {least}"));
            }
        }
        missing
    }

    /// The last line of the command.
    pub(super) fn line(&self, seconds: u64) -> String {
        let Self { rounds, kills, helm_kills, lost, orphaned, .. } = self;
        format!(
            "rounds={rounds} kills={kills} helm_kills={helm_kills} lost={lost} orphaned={orphaned} seconds={seconds}"
        )
    }

    /// How often each operation was struck, and how long its rounds took, in words.
    pub(super) fn operations(&self) -> Vec<String> {
        let of = |operation: Operation| {
            let (sum, count) = self.took.get(&operation).copied().unwrap_or_default();
            let struck = self.struck.get(&operation).copied().unwrap_or_default();
            let mean = sum.as_secs_f64() / f64::from(count.max(1));
            format!("{operation}: struck {struck} times, {mean:.1} s a round")
        };
        Operation::CYCLE.into_iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole() -> Tally {
        let mut tally = Tally::default();
        for number in 0..60 {
            let operation = Operation::CYCLE[number % 4];
            tally.kill(operation, number % 2 == 0, true);
            tally.round(operation, Duration::from_secs(3));
        }
        tally
    }

    #[test]
    fn a_whole_run_lacks_nothing_and_ends_with_its_figures() {
        assert_eq!(whole().missing(), Vec::<String>::new());
        assert_eq!(whole().line(200), "rounds=60 kills=60 helm_kills=30 lost=0 orphaned=0 seconds=200");
    }

    #[test]
    fn what_was_not_tried_is_named() {
        let mut tally = whole();
        tally.helm_kills = 19;
        tally.struck.insert(Operation::Retry, 9);
        tally.rounds = 61;
        let missing = tally.missing().join("; ");
        assert!(
            missing.contains("19 of 60") && missing.contains("retry") && missing.contains("61 rounds"),
            "{missing}"
        );
    }
}
