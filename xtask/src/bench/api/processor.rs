//! How much of this machine its host gave to others.

use std::fs;

use anyhow::{Context, Result};

/// What the processors did since they were started, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Processor {
    total: f64,
    stolen: f64,
}

impl Processor {
    /// Up to now.
    pub(super) fn now() -> Result<Self> {
        Self::read(&fs::read_to_string("/proc/stat")?).context("/proc/stat does not say what the processors did")
    }

    /// Percent of the time since then.
    pub(super) fn stolen_since(self) -> Result<f64> {
        let now = Self::now()?;
        Ok(100.0 * (now.stolen - self.stolen) / (now.total - self.total).max(1.0))
    }

    /// The first line: user, nice, system, idle, iowait, irq, softirq, steal, and guests, who are in user already.
    fn read(stat: &str) -> Option<Self> {
        let ticks: Vec<f64> = stat
            .lines()
            .next()?
            .strip_prefix("cpu ")?
            .split_whitespace()
            .take(8)
            .filter_map(|n| n.parse().ok())
            .collect();
        Some(Self { total: ticks.iter().sum(), stolen: *ticks.get(7)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stolen_is_the_eighth_number() {
        let read = Processor::read("cpu  10 1 5 70 2 1 1 10 3 0\ncpu0 1 1\n").unwrap();
        assert_eq!((read.total, read.stolen), (100.0, 10.0));
        assert!(Processor::read("").is_none());
    }
}
