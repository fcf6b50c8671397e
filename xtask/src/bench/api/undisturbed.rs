//! Latencies at a load that is kept up, from those seconds in which the machine was ours.
//!
//! The host of a virtual machine gives its processors to others, too (`steal` in proc(5)). What waits then waits for the
//! host, so such a second says nothing of the server; it is counted beside.

use std::{
    fmt, thread,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    load::{Answers, Load, NextRequest, ask},
    processor::Processor,
};

/// Each second has one of the writes.
const WINDOW: Duration = Duration::from_secs(1);
const WINDOWS: usize = 24;
/// A second in which the host took more than this share of the machine, in percent, is not counted.
const STOLEN_MAX: f64 = 1.0;
/// A host that takes from those who work much gives back to those who rest.
const REST: Duration = Duration::from_secs(3);
/// No more than this is asked for undisturbed seconds.
const DEADLINE: Duration = Duration::from_mins(4);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    undisturbed: Answers,
    all: Answers,
    /// How many seconds of each.
    pub(super) counted: usize,
    pub(super) asked: usize,
}

impl Seen {
    /// The latency that 99 of a hundred answers did not exceed, in milliseconds: of the undisturbed seconds, or of all
    /// where there were too few of those.
    pub(super) fn p99_ms(&self) -> f64 {
        if self.counted < WINDOWS { self.p99_of_all_ms() } else { self.undisturbed.percentile_ms(99) }
    }

    /// The same, of every second.
    pub(super) fn p99_of_all_ms(&self) -> f64 {
        self.all.percentile_ms(99)
    }
}

/// As a cell of a table.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counted, asked, .. } = self;
        write!(f, "{:.1} ({:.1}; {counted} of {asked} s)", self.p99_ms(), self.p99_of_all_ms())
    }
}

/// Asks at this rate until enough seconds were undisturbed.
pub(super) fn ask_undisturbed(load: Load, next: NextRequest<'_>) -> Result<Seen> {
    let begin = Instant::now();
    let mut seen = Seen::default();
    while seen.counted < WINDOWS && begin.elapsed() < DEADLINE {
        let before = Processor::now()?;
        let answers = ask(Load { lasts: WINDOW, ..load }, next)?;
        let is_ours = before.stolen_since()? <= STOLEN_MAX;
        seen.asked += 1;
        if is_ours {
            seen.counted += 1;
            seen.undisturbed.add(answers.clone());
        }
        seen.all.add(answers);
        thread::sleep(REST);
    }
    Ok(seen)
}
