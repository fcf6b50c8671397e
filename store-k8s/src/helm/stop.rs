//! Ends what an earlier owner of a store left running: processes that carry the action's id in their environment.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use store_core::ports::{PortError, StopOutcome};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::environment::ACTION;

/// How long killed processes may take to be gone.
const PATIENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(20);

/// Kills every process of the action, with its process group, and waits until none is left.
pub(crate) async fn end_action(action: Uuid) -> Result<StopOutcome, PortError> {
    let over = Instant::now() + PATIENCE;
    loop {
        let found = tokio::task::spawn_blocking(move || processes_of(action)).await.unwrap_or_else(|_| Ok(Vec::new()));
        let found = found.map_err(|cause| PortError::transient("cannot look for processes in /proc").because(cause))?;
        if found.is_empty() {
            return Ok(StopOutcome::Ended);
        }
        if Instant::now() > over {
            return Err(PortError::transient(format!("processes {found:?} of an earlier action do not end")));
        }
        for pid in found {
            kill(pid);
        }
        sleep(INTERVAL).await;
    }
}

/// Processes whose environment has this action's mark; zombies have no environment. One whose environment we may not
/// read is none of ours: Helm runs as our own user, which is part of what [`host`](super::spawn::host) records.
fn processes_of(action: Uuid) -> io::Result<Vec<Pid>> {
    let mark = format!("{ACTION}={action}");
    let own = rustix::process::getpid();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else { continue };
        // Processes end while we look, and others are not ours to read.
        let Ok(environment) = fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { continue };
        if pid != own && environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
}

fn kill(pid: Pid) {
    let own_group = rustix::process::getpgid(None).ok();
    let group = rustix::process::getpgid(Some(pid)).ok().filter(|group| Some(*group) != own_group);
    // Each may have ended by itself in the meantime.
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = rustix::process::kill_process(pid, Signal::KILL);
}
