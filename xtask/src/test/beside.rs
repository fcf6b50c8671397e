//! A program that runs beside the parts, with its output in a log, until somebody waits for it.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::mark::Mark;
use crate::{
    exec, paths,
    progress::{HEARTBEAT, Stopwatch, say},
};

const POLL: Duration = Duration::from_millis(200);

/// The program.
pub(crate) struct Beside {
    what: String,
    child: Child,
    mark: Mark,
    log: PathBuf,
}

impl Beside {
    /// Starts it. `log` is the name of a file in the cache.
    pub(crate) fn start(what: &str, mut command: Command, log: &str) -> Result<Self> {
        let log = paths::cache()?.join(log);
        fs::create_dir_all(log.parent().context("a log without a directory")?)?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        say(format!("{what}, beside the other parts: {}", log.display()));
        // The parts end what carries their own mark.
        let mark = Mark::new();
        mark.put_on(&mut command);
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn();
        let child = child.with_context(|| format!("cannot start {what}"))?;
        Ok(Self { what: what.to_owned(), child, mark, log })
    }

    /// Waits until it has ended, well or not.
    pub(crate) fn wait(mut self, deadline: Instant) -> Result<ExitStatus> {
        let clock = Stopwatch::start();
        let mut next = Instant::now() + HEARTBEAT;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() >= deadline {
                let (what, log, tail) = (self.what.clone(), self.log.display().to_string(), exec::tail(&self.log));
                self.stop();
                bail!("{what} did not end in time; the end of {log}:\n{tail}");
            }
            if Instant::now() >= next {
                next += HEARTBEAT;
                let said = exec::tail(&self.log);
                let last = said.lines().last().unwrap_or("");
                say(format!("  waiting for it: {:.0} s, {last}", clock.elapsed().as_secs_f64()));
            }
            thread::sleep(POLL);
        };
        println!("{}", exec::tail(&self.log));
        Ok(status)
    }

    /// As `wait`, and it must have ended well.
    pub(crate) fn must_end_well(self, deadline: Instant) -> Result<()> {
        let log = self.log.clone();
        let status = self.wait(deadline)?;
        if !status.success() {
            bail!("{status}; the whole of it is in {}", log.display());
        }
        Ok(())
    }

    /// Ends it, wherever it is.
    pub(crate) fn stop(mut self) {
        self.mark.end_all();
        let _ = self.child.wait();
    }
}
