//! Whether a command sees the store through, and for how long.

use std::time::Duration;

use clap::{ArgAction, Args};
use jiff::SignedDuration;

#[cfg(feature = "embedded")]
const NO_WAIT: &str = "\
Return as soon as the wish is written down. A server goes on with it by itself; without one (--server), work stops \
until the next run";
#[cfg(not(feature = "embedded"))]
const NO_WAIT: &str = "Return as soon as the wish is written down; the server goes on with it by itself";

/// `--wait`, `--no-wait`, `--timeout`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct WaitArgs {
    /// Wait until it is done, showing how far it is (the default)
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,

    #[arg(long, action = ArgAction::SetTrue, overrides_with = "wait", help = NO_WAIT)]
    no_wait: bool,

    /// For how long.
    #[command(flatten)]
    timeout: TimeoutArgs,
}

/// `--timeout`.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Waiting")]
pub(crate) struct TimeoutArgs {
    /// Give up waiting after this long, such as 90s or 20m; 0 waits without an end. The work itself has its own limit
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = parse_timeout)]
    timeout: SignedDuration,
}

/// How to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Not at all.
    No,
    /// Until it is done, at most this long.
    Until(Option<Duration>),
}

impl WaitArgs {
    /// What the three arguments say together.
    pub(crate) fn waiting(&self) -> Waiting {
        if self.no_wait {
            return Waiting::No;
        }
        Waiting::Until(self.timeout.patience())
    }
}

impl TimeoutArgs {
    /// How long to wait at most.
    pub(crate) fn patience(&self) -> Option<Duration> {
        Duration::try_from(self.timeout).ok().filter(|timeout| !timeout.is_zero())
    }
}

/// A number of seconds, or a duration with units.
fn parse_timeout(text: &str) -> Result<SignedDuration, String> {
    let parsed = match text.parse::<u32>() {
        Ok(seconds) => Ok(SignedDuration::from_secs(seconds.into())),
        Err(_) => text.parse::<SignedDuration>(),
    };
    parsed
        .ok()
        .filter(|timeout| !timeout.is_negative())
        .ok_or_else(|| "expected a duration such as 90s, 20m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Some(90))]
    #[case("1h30m", Some(5_400))]
    #[case("15", Some(15))]
    #[case("0", Some(0))]
    #[case("-5s", None)]
    #[case("soon", None)]
    fn timeouts(#[case] text: &str, #[case] seconds: Option<i64>) {
        assert_eq!(parse_timeout(text).ok().map(|timeout| timeout.as_secs()), seconds);
    }
}
