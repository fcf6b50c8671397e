//! Runs one program to its end: bounded output, a deadline that holds, and nothing left behind.

use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::spawn::{Program, Running, Spawner};

/// At most this much of each stream is kept; the rest is read and dropped, so that the writer never blocks.
pub(crate) const KEPT: usize = 64 * 1024;
/// Between SIGTERM and SIGKILL; both come before the deadline is over.
const GRACE: Duration = Duration::from_secs(2);
/// The same for a caller that wants it to end: long enough for Helm to write down that it gave up an install.
const CANCEL_GRACE: Duration = Duration::from_secs(1);
/// How long the pipes may stay open after the process and its group are gone.
const DRAIN: Duration = Duration::from_secs(2);

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// By itself.
    Exited(ExitStatus),
    /// It was ended because its time was over.
    TimedOut,
    /// It was ended because the caller wanted so.
    Cancelled,
}

/// What is known of a program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: End,
    /// The beginning of its standard output.
    pub(crate) stdout: Vec<u8>,
    /// The end of its standard error.
    pub(crate) stderr: Vec<u8>,
}

/// Runs a program with `input` on its standard input. When it returns, the program and its group are gone.
pub(crate) async fn run(
    spawner: &Spawner,
    program: Program,
    input: Vec<u8>,
    deadline: Duration,
    cancel: &CancellationToken,
) -> io::Result<Ended> {
    let begun = Instant::now();
    let (term, over) = (begun + deadline - GRACE.min(deadline / 4), begun + deadline);
    let mut running = spawner.spawn(program).await?;
    let stdin = running.child.stdin.take();
    let stdout = tokio::spawn(keep_beginning(running.child.stdout.take()));
    let stderr = tokio::spawn(keep_end(running.child.stderr.take()));
    let feeder = tokio::spawn(async move {
        if let Some(mut stdin) = stdin {
            // A program that does not read its input closes the pipe: that is its choice.
            let _ = stdin.write_all(&input).await;
        }
    });
    let end = wait(&mut running, term, over, cancel).await;
    feeder.abort();
    Ok(Ended { end: end?, stdout: drained(stdout).await, stderr: drained(stderr).await })
}

async fn wait(running: &mut Running, term: Instant, over: Instant, cancel: &CancellationToken) -> io::Result<End> {
    tokio::select! {
        status = running.end() => return status.map(End::Exited),
        () = cancel.cancelled() => return cancelled(running, over).await,
        () = sleep_until(term) => running.signal(Signal::TERM),
    }
    tokio::select! {
        // It made it in the last moment: what it says counts.
        status = running.end() => status.map(|status| if status.success() { End::Exited(status) } else { End::TimedOut }),
        () = cancel.cancelled() => kill(running).await.map(|_| End::Cancelled),
        () = sleep_until(over) => kill(running).await.map(|_| End::TimedOut),
    }
}

async fn cancelled(running: &mut Running, over: Instant) -> io::Result<End> {
    running.signal(Signal::TERM);
    let killed_at = over.min(Instant::now() + CANCEL_GRACE);
    tokio::select! {
        status = running.end() => status.map(|_| End::Cancelled),
        () = sleep_until(killed_at) => kill(running).await.map(|_| End::Cancelled),
    }
}

async fn kill(running: &mut Running) -> io::Result<ExitStatus> {
    running.signal(Signal::KILL);
    running.end().await
}

async fn keep_beginning(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    read(stream, |kept, chunk| {
        let room = KEPT.saturating_sub(kept.len()).min(chunk.len());
        kept.extend_from_slice(&chunk[..room]);
    })
    .await
}

async fn keep_end(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    read(stream, |kept, chunk| {
        kept.extend_from_slice(chunk);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    })
    .await
}

async fn read(stream: Option<impl AsyncRead + Unpin>, keep: impl Fn(&mut Vec<u8>, &[u8])) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut chunk = [0; 8 * 1024];
    let Some(mut stream) = stream else { return kept };
    while let Ok(length @ 1..) = stream.read(&mut chunk).await {
        keep(&mut kept, &chunk[..length]);
    }
    kept
}

/// Somebody who left the group may hold a pipe open; we do not wait for that.
async fn drained(mut reader: tokio::task::JoinHandle<Vec<u8>>) -> Vec<u8> {
    if let Ok(read) = timeout(DRAIN, &mut reader).await {
        read.unwrap_or_default()
    } else {
        reader.abort();
        Vec::new()
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
