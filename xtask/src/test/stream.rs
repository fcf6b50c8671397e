//! Running a program with its output read line by line, up to a deadline.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::mark::Mark;

const POLL: Duration = Duration::from_millis(200);
/// A process left behind may hold the output open after the program itself has ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Runs `command` to its end; each line of its output, both streams in order, is given to `on_line`.
pub(crate) fn run(
    mut command: Command,
    mark: &Mark,
    deadline: Instant,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe()?;
    mark.put_on(&mut command);
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().with_context(|| format!("cannot run {name}"))?;
    // It holds the writing ends: without this the reader would never see the end.
    drop(command);
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut bytes = Vec::new();
        while matches!(reader.read_until(b'\n', &mut bytes), Ok(count) if count > 0) {
            let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            bytes.clear();
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let mut ended: Option<Instant> = None;
    loop {
        match lines.recv_timeout(POLL) {
            Ok(line) => {
                on_line(&line);
                continue_or_stop(&mut child, mark, deadline)?;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                continue_or_stop(&mut child, mark, deadline)?;
                if child.try_wait()?.is_some() && ended.get_or_insert_with(Instant::now).elapsed() > LAST_WORDS {
                    break;
                }
            }
        }
    }
    Ok(child.wait()?)
}

fn continue_or_stop(child: &mut Child, mark: &Mark, deadline: Instant) -> Result<()> {
    if Instant::now() < deadline {
        return Ok(());
    }
    let _ = child.kill();
    let _ = child.wait();
    mark.end_all();
    bail!("stopped at its deadline");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn both_streams_come_in_order() {
        let mut lines = Vec::new();
        let status =
            run(shell("echo a; echo b >&2; echo c; exit 3"), &Mark::new(), soon(), |line| lines.push(line.to_owned()));
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(lines, ["a", "b", "c"]);
    }

    #[test]
    fn a_process_left_behind_does_not_hold_it_up_and_is_found() {
        let mark = Mark::new();
        run(shell("sleep 60 & echo done"), &mark, soon(), |_| ()).unwrap();
        assert_eq!(mark.end_all(), ["sleep 60"]);
        assert!(mark.end_all().is_empty());
    }

    #[test]
    fn the_deadline_ends_it_with_its_children() {
        let mark = Mark::new();
        let error = run(shell("sleep 60 & sleep 61"), &mark, Instant::now(), |_| ()).unwrap_err();
        assert!(error.to_string().contains("deadline"), "{error}");
        assert!(mark.end_all().is_empty());
    }
}
