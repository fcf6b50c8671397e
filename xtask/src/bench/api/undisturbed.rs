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

/// How long is asked in one go. The first second is not counted: connections need a while to get up to speed.
const SECONDS: u32 = 5;
const SECOND: Duration = Duration::from_secs(1);
/// So many undisturbed seconds, of some thousand answers and one of the writes each, are enough.
const ENOUGH: usize = 12;
/// A second in which the host took more than this share of the machine, in percent, is not counted, nor is the one after
/// it, which has to catch up.
const STOLEN_MAX: f64 = 1.0;
/// A host that takes from those who work much gives back to those who rest.
const REST: Duration = Duration::from_secs(7);
/// No more than this is asked for undisturbed seconds.
const DEADLINE: Duration = Duration::from_mins(5);

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
        if self.counted < ENOUGH { self.p99_of_all_ms() } else { self.undisturbed.percentile_ms(99) }
    }

    fn take(&mut self, answers: &Answers, stolen: &[f64]) {
        for (number, pair) in (1..).zip(stolen.windows(2)) {
            let second = |at: &Duration| (SECOND * number..SECOND * (number + 1)).contains(at);
            let latencies = answers.latencies_ms.iter().filter(|(at, _)| second(at));
            self.asked += 1;
            self.all.latencies_ms.extend(latencies.clone());
            if pair.iter().all(|stolen| *stolen <= STOLEN_MAX) {
                self.counted += 1;
                self.undisturbed.latencies_ms.extend(latencies);
            }
        }
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
    while seen.counted < ENOUGH && begin.elapsed() < DEADLINE {
        let (answers, stolen) = thread::scope(|scope| {
            let watching = scope.spawn(stolen_each_second);
            let answers = ask(Load { lasts: SECOND * SECONDS, ..load }, next);
            (answers, watching.join())
        });
        let stolen = stolen.map_err(|_| anyhow::anyhow!("the watching thread ended"))??;
        seen.take(&answers?, &stolen);
        thread::sleep(REST);
    }
    Ok(seen)
}

/// Percent of the machine, in each second from now.
fn stolen_each_second() -> Result<Vec<f64>> {
    let begin = Instant::now();
    let mut before = Processor::now()?;
    let second = |number: u32| {
        thread::sleep((begin + SECOND * number).saturating_duration_since(Instant::now()));
        let stolen = before.stolen_since()?;
        before = Processor::now()?;
        Ok(stolen)
    };
    (1..=SECONDS).map(second).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_disturbed_second_nor_the_one_after_it_is_counted() {
        let latencies_ms = (0..5).map(|second| (SECOND * second, f64::from(second))).collect();
        let mut seen = Seen::default();
        seen.take(&Answers { latencies_ms, ..Answers::default() }, &[0.0, 0.9, 1.1, 0.0, 0.0]);
        assert_eq!((seen.counted, seen.asked), (2, 4));
        let latencies = |answers: &Answers| answers.latencies_ms.iter().map(|(_, ms)| *ms).collect::<Vec<_>>();
        assert_eq!(latencies(&seen.undisturbed), [1.0, 4.0]);
        assert_eq!(latencies(&seen.all), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(seen.p99_ms().to_bits(), 4.0_f64.to_bits(), "too few were undisturbed, so all count");
    }
}
