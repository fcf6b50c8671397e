//! What happens in each round: which operation, with which Helm, and when who is killed. Pure; the seed decides.

use std::{fmt, time::Duration};

/// What is asked of the server in a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    /// A store under a new name.
    Create,
    /// Another attempt of a store that failed.
    Retry,
    /// The end of every store that there is.
    Delete,
    /// A store under the name of one that was deleted.
    CreateAgain,
}

impl Operation {
    /// In this order: what is deleted was made in the rounds before, and its name is taken again in the one after.
    pub(super) const CYCLE: [Self; 4] = [Self::Create, Self::Retry, Self::Delete, Self::CreateAgain];

    /// Within this time after the request the operation is hardly ever done.
    fn lasts(self) -> Duration {
        Duration::from_millis(match self {
            Self::Create | Self::CreateAgain => 900,
            Self::Retry => 1_200,
            // The controllers let five seconds pass before they touch a namespace's content.
            Self::Delete => 5_000,
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Retry => "retry",
            Self::Delete => "delete",
            Self::CreateAgain => "create-again",
        })
    }
}

/// Which Helm the server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Major {
    Three,
    Four,
}

/// When somebody is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// This long after the request was sent, whether it has been answered or not.
    InRequest(Duration),
    /// This long after the request was answered, or after the server was started again.
    OnTheWay(Duration),
    /// This long after a Helm was seen.
    InHelm(Duration),
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Server,
    Helm,
    Both,
}

/// One kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) moment: Moment,
    pub(super) target: Target,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) number: u32,
    pub(super) operation: Operation,
    pub(super) helm: Major,
    pub(super) strikes: Vec<Strike>,
}

/// The rounds of a seed.
#[derive(Debug)]
pub(super) struct Schedule {
    random: Random,
    number: u32,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random(seed), number: 0 }
    }

    /// The next round.
    pub(super) fn next(&mut self) -> Plan {
        let turn = self.number;
        self.number += 1;
        let cycle = Operation::CYCLE.len();
        let operation = Operation::CYCLE[turn as usize % cycle];
        // One round later in each cycle, so that each operation meets both majors.
        let helm = if (turn as usize + turn as usize / cycle).is_multiple_of(2) { Major::Four } else { Major::Three };
        let mut strikes = vec![self.first(operation)];
        if self.random.below(10) < 4 {
            strikes.push(self.later(operation));
        }
        Plan { number: self.number, operation, helm, strikes }
    }

    fn first(&mut self, operation: Operation) -> Strike {
        match self.random.below(10) {
            0 => {
                let delay = Duration::from_millis(self.random.below(25));
                Strike { moment: Moment::InRequest(delay), target: Target::Server }
            }
            _ => self.later(operation),
        }
    }

    fn later(&mut self, operation: Operation) -> Strike {
        if self.random.below(10) < 3 {
            let delay = self.random.below(u64::try_from(operation.lasts().as_millis()).unwrap_or(u64::MAX));
            return Strike { moment: Moment::OnTheWay(Duration::from_millis(delay)), target: Target::Server };
        }
        let target = match self.random.below(3) {
            0 => Target::Server,
            1 => Target::Helm,
            _ => Target::Both,
        };
        Strike { moment: Moment::InHelm(Duration::from_millis(self.random.below(200))), target }
    }
}

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; so few are asked for that the tiny bias does not matter.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(seed: u64, count: u32) -> Vec<Plan> {
        let mut schedule = Schedule::new(seed);
        (0..count).map(|_| schedule.next()).collect()
    }

    #[test]
    fn a_seed_is_a_schedule() {
        assert_eq!(rounds(7, 60), rounds(7, 60));
        assert_ne!(rounds(7, 60), rounds(8, 60));
    }

    #[test]
    fn every_operation_meets_both_majors_and_is_struck() {
        let plans = rounds(1, 60);
        for operation in Operation::CYCLE {
            let of: Vec<&Plan> = plans.iter().filter(|plan| plan.operation == operation).collect();
            assert_eq!(of.len(), 15);
            assert!(of.iter().any(|plan| plan.helm == Major::Three) && of.iter().any(|plan| plan.helm == Major::Four));
        }
        assert!(plans.iter().all(|plan| !plan.strikes.is_empty()));
    }

    #[test]
    fn more_than_half_of_the_strikes_wait_for_a_helm() {
        for seed in 0..20 {
            let strikes: Vec<Strike> = rounds(seed, 60).into_iter().flat_map(|plan| plan.strikes).collect();
            let in_helm = strikes.iter().filter(|strike| matches!(strike.moment, Moment::InHelm(_))).count();
            assert!(in_helm * 2 > strikes.len(), "seed {seed}: {in_helm} of {}", strikes.len());
        }
    }
}
