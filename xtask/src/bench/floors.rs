//! What a measured figure has to reach. A benchmark writes down and prints what it measured first, and then fails.

use anyhow::{Result, bail};

/// A figure, and its limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floor {
    figure: &'static str,
    measured: f64,
    limit: Limit,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Floor {
    pub(super) fn at_least(figure: &'static str, measured: f64, limit: f64) -> Self {
        Self { figure, measured, limit: Limit::AtLeast(limit) }
    }

    pub(super) fn at_most(figure: &'static str, measured: f64, limit: f64) -> Self {
        Self { figure, measured, limit: Limit::AtMost(limit) }
    }

    /// A figure that is no number is missed.
    fn missed(self) -> Option<String> {
        let Self { figure, measured, limit } = self;
        match limit {
            Limit::AtLeast(limit) if measured >= limit => None,
            Limit::AtMost(limit) if measured <= limit => None,
            Limit::AtLeast(limit) => Some(format!("{figure} is {measured:.1}, but at least {limit} is wanted")),
            Limit::AtMost(limit) => Some(format!("{figure} is {measured:.1}, but at most {limit} is wanted")),
        }
    }
}

/// Fails with all that are missed.
pub(super) fn demand(floors: &[Floor]) -> Result<()> {
    let missed: Vec<_> = floors.iter().filter_map(|floor| floor.missed()).collect();
    if !missed.is_empty() {
        bail!("{}", missed.join("; "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missed_figure_is_named() {
        let floors = [
            Floor::at_least("get_rps", 9.0, 10.0),
            Floor::at_least("list_rps", 10.0, 10.0),
            Floor::at_most("p99_ms", f64::NAN, 10.0),
        ];
        let error = demand(&floors).unwrap_err().to_string();
        assert_eq!(error, "get_rps is 9.0, but at least 10 is wanted; p99_ms is NaN, but at most 10 is wanted");
        assert!(demand(&floors[1..2]).is_ok());
    }
}
