//! What happened in a schedule: a hash always, and lines for people when asked for.

use std::time::Duration;

/// The trace of one schedule. Two runs of the same seed have the same hash.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    steps: u64,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(super) fn new(is_recorded: bool) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, steps: 0, lines: is_recorded.then(Vec::new) }
    }

    /// Adds a step: who did what to which store, and how it went. `line` is only asked for when lines are recorded.
    pub(super) fn add(&mut self, at: Duration, what: &'static str, tag: u64, line: impl FnOnce() -> String) {
        self.steps += 1;
        self.fold(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        self.fold(tag);
        what.bytes().for_each(|byte| self.fold(u64::from(byte)));
        if let Some(lines) = &mut self.lines {
            let (seconds, millis) = (at.as_secs(), at.subsec_millis());
            lines.push(format!("{seconds:>5}.{millis:03}  {what:<9} {}", line()));
        }
    }

    /// One round of FNV-1a (Fowler, Noll and Vo), on 64 bits at once.
    fn fold(&mut self, value: u64) {
        self.hash = (self.hash ^ value).wrapping_mul(0x0100_0000_01B3);
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
