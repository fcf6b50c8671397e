//! How many answers, and how soon, in those seconds of a load in which the machine was ours.
//!
//! The host of a virtual machine gives its processors to others, too (`steal` in proc(5)). What waits then waits for the
//! host, so such a second says nothing of the server; it is counted beside.

use std::{
    thread,
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
/// A second in which the host took more than this share of the machine, in percent, is not counted, nor is the one after
/// it, which has to catch up.
const STOLEN_MAX: f64 = 1.0;
/// A host that takes from those who work much gives back to those who rest.
const REST: Duration = Duration::from_secs(7);
/// How many undisturbed seconds are enough, and how long they are asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) seconds: usize,
    pub(super) within: Duration,
}

/// What was seen. Where too few seconds were undisturbed, every second counts.
#[derive(Debug, Default)]
pub(super) struct Seen {
    undisturbed: Answers,
    all: Answers,
    /// How many seconds of each.
    pub(super) counted: usize,
    pub(super) asked: usize,
    wanted: usize,
    /// The mean.
    body_mib: f64,
}

impl Seen {
    /// The latency that 99 of a hundred answers did not exceed, in milliseconds.
    pub(super) fn p99_ms(&self) -> f64 {
        self.of_those_that_count().0.percentile_ms(99)
    }

    /// The same, of every second.
    pub(super) fn p99_of_all_ms(&self) -> f64 {
        self.all.percentile_ms(99)
    }

    /// Answers a second.
    pub(super) fn rate(&self) -> f64 {
        let (answers, seconds) = self.of_those_that_count();
        ratio(answers.latencies_ms.len(), seconds)
    }

    /// MiB of bodies a second.
    pub(super) fn mib_s(&self) -> f64 {
        self.rate() * self.body_mib
    }

    /// As cells of a table.
    pub(super) fn rates(&self) -> String {
        let of_all = ratio(self.all.latencies_ms.len(), self.asked);
        format!("{:.0} ({of_all:.0}; {} of {} s)", self.rate(), self.counted, self.asked)
    }

    pub(super) fn p99s(&self) -> String {
        format!("{:.1} ({:.1}; {} of {} s)", self.p99_ms(), self.p99_of_all_ms(), self.counted, self.asked)
    }

    fn of_those_that_count(&self) -> (&Answers, usize) {
        if self.counted < self.wanted { (&self.all, self.asked) } else { (&self.undisturbed, self.counted) }
    }

    fn take(&mut self, answers: &Answers, stolen: &[f64]) {
        self.body_mib = answers.mean_mib();
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
}

fn ratio(count: usize, of: usize) -> f64 {
    let number = |number| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    number(count) / number(of)
}

/// Asks until enough seconds were undisturbed.
pub(super) fn ask_undisturbed(load: Load, wanted: Wanted, next: NextRequest<'_>) -> Result<Seen> {
    let begin = Instant::now();
    let mut seen = Seen { wanted: wanted.seconds, ..Seen::default() };
    while seen.counted < wanted.seconds && begin.elapsed() < wanted.within {
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
        let mut seen = Seen { wanted: 3, ..Seen::default() };
        seen.take(&Answers { latencies_ms, ..Answers::default() }, &[0.0, 0.9, 1.1, 0.0, 0.0]);
        assert_eq!((seen.counted, seen.asked), (2, 4));
        let latencies = |answers: &Answers| answers.latencies_ms.iter().map(|(_, ms)| *ms).collect::<Vec<_>>();
        assert_eq!(latencies(&seen.undisturbed), [1.0, 4.0]);
        assert_eq!(latencies(&seen.all), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(seen.rates(), "1 (1; 2 of 4 s)");
        assert_eq!(seen.p99s(), "4.0 (4.0; 2 of 4 s)", "too few were undisturbed, so all count");
        let begun = Answers { latencies_ms: vec![(SECOND, 9.0), (SECOND * 2, 90.0)], ..Answers::default() };
        let mut seen = Seen { wanted: 1, ..Seen::default() };
        seen.take(&begun, &[0.0, 0.0, 50.0]);
        assert_eq!((seen.p99s(), seen.rates()), ("9.0 (90.0; 1 of 2 s)".to_owned(), "1 (1; 1 of 2 s)".to_owned()));
    }
}
