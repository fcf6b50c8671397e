//! A mark in the environment of everything that a test run starts, so that what outlives its part is found and ended.

use std::{fs, process::Command, time::Duration};

use crate::cluster::processes::{self, Process};

const VARIABLE: &str = "STORE_PLATFORM_TEST_RUN";
const GRACE: Duration = Duration::from_secs(5);

/// The mark of one run.
#[derive(Debug, Clone)]
pub(crate) struct Mark(String);

impl Mark {
    /// A mark that no other run has.
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let me = std::process::id();
        let started = Process::find(me.cast_signed()).map_or(0, |process| process.started);
        Self(format!("{me}-{started}-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Marks a program and all that it will start.
    pub(crate) fn put_on(&self, command: &mut Command) {
        command.env(VARIABLE, &self.0);
    }

    /// Ends what still carries the mark; gives the command lines.
    pub(crate) fn end_all(&self) -> Vec<String> {
        let left: Vec<Process> = processes::all().into_iter().filter(|process| self.is_on(process.pid)).collect();
        let names = left.iter().map(|process| processes::arguments(process.pid).join(" ")).collect();
        if let Err(error) = processes::end(&left, GRACE) {
            eprintln!("{error:#}");
        }
        names
    }

    fn is_on(&self, pid: i32) -> bool {
        let wanted = format!("{VARIABLE}={}", self.0);
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == wanted.as_bytes())
    }
}
