//! Running other programs: captured, or logged to a file with a sign of life while they take long.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::progress::{HEARTBEAT, Stopwatch, say};

const LOG_LINES_SHOWN: usize = 30;

/// Runs a program to its end and gives its standard output; failing, the error has what it said on standard error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", name_of(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({}): {}", name_of(command), output.status, last_lines(said.trim(), LOG_LINES_SHOWN));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program with `input` on its standard input.
pub(crate) fn feed(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", name_of(command)))?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{} failed ({}): {}", name_of(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a program can be run and ends well; nothing is printed.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// Runs a program with its output in `log`, telling every [`HEARTBEAT`] that it still runs and what `detail` has to add.
pub(crate) fn logged(command: &mut Command, what: &str, log: &Path, detail: impl Fn() -> String) -> Result<()> {
    logged_until(command, what, log, None, detail)
}

/// As [`logged`], and ends the program at the deadline.
pub(crate) fn logged_until(
    command: &mut Command,
    what: &str,
    log: &Path,
    deadline: Option<Instant>,
    detail: impl Fn() -> String,
) -> Result<()> {
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let clock = Stopwatch::start();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("cannot run {}", name_of(command)))?;
    let mut next = Instant::now() + HEARTBEAT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            child.kill()?;
            child.wait()?;
            bail!("{what} was stopped at its deadline; the end of {}:\n{}", log.display(), tail(log));
        }
        thread::sleep(Duration::from_millis(100));
        if Instant::now() >= next {
            next += HEARTBEAT;
            say(format!("  {what}: {:.0} s {}", clock.elapsed().as_secs_f64(), detail()));
        }
    };
    if !status.success() {
        bail!("{what} failed ({status}); the end of {}:\n{}", log.display(), tail(log));
    }
    Ok(())
}

/// The last lines of a log file, for error messages.
pub(crate) fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    last_lines(&String::from_utf8_lossy(&bytes), LOG_LINES_SHOWN)
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn name_of(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_lines_are_shown() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }

    #[test]
    fn a_program_is_ended_at_its_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sleep");
        let log = folder.path().join("log");
        let ended = logged_until(command.arg("60"), "a nap", &log, Some(Instant::now()), String::new);
        assert!(ended.unwrap_err().to_string().contains("deadline"));
    }

    #[test]
    fn a_failure_tells_what_the_program_said() {
        let error = capture(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().contains("why"), "{error}");
    }
}
