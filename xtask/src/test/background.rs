//! What later parts need, prepared while other parts run: programs from source, the cluster, the images. Only a
//! head start: the part itself makes sure of everything again and shows what went wrong.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::mark::Mark;
use crate::{
    exec,
    images::PLUGIN_VARIABLE,
    paths,
    progress::{HEARTBEAT, Stopwatch, say},
};

const POLL: Duration = Duration::from_millis(200);
const STEPS: &str = r#""$0" cluster up && "$0" images && "$0" cluster --simulated programs"#;

/// The preparation, running beside the parts.
pub(crate) struct Background {
    child: Child,
    mark: Mark,
    log: PathBuf,
}

impl Background {
    /// Starts it.
    pub(crate) fn start(plugin: Option<&Path>) -> Result<Self> {
        let log = paths::cache()?.join("test-background.log");
        fs::create_dir_all(log.parent().context("a log without a directory")?)?;
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        say(format!("preparing the cluster and its images beside the other parts: {}", log.display()));
        let mark = Mark::new();
        let mut command = Command::new("sh");
        command.arg("-c").arg(STEPS).arg(env::current_exe()?);
        command.envs(plugin.map(|plugin| (PLUGIN_VARIABLE, plugin)));
        mark.put_on(&mut command);
        let child = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).spawn()?;
        Ok(Self { child, mark, log })
    }

    /// Waits until it has ended, well or not.
    pub(crate) fn wait(mut self, deadline: Instant) -> Result<()> {
        let clock = Stopwatch::start();
        let mut next = Instant::now() + HEARTBEAT;
        while self.child.try_wait()?.is_none() {
            if Instant::now() >= deadline {
                self.mark.end_all();
                let _ = self.child.wait();
                bail!(
                    "the preparation did not end in time; the end of {}:\n{}",
                    self.log.display(),
                    exec::tail(&self.log)
                );
            }
            if Instant::now() >= next {
                next += HEARTBEAT;
                let said = exec::tail(&self.log);
                say(format!(
                    "  waiting for it: {:.0} s, {}",
                    clock.elapsed().as_secs_f64(),
                    said.lines().last().unwrap_or("")
                ));
            }
            thread::sleep(POLL);
        }
        println!("{}", exec::tail(&self.log));
        Ok(())
    }

    /// Ends it, wherever it is.
    pub(crate) fn stop(mut self) {
        self.mark.end_all();
        let _ = self.child.wait();
    }
}
