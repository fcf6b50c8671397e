//! Resident memory of a process, as the kernel counts it.

use std::{fs, thread, time::Duration};

use anyhow::{Context, Result};

use super::overhead::{ENGINE, create, wait_until_ready};
use crate::{cluster::processes::Process, server::Server};

const POLL: Duration = Duration::from_millis(100);

/// Resident memory in MiB.
pub(super) fn resident(process: Process) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).context("the server is gone")?;
    in_status(&status, "VmRSS:").context("/proc has no VmRSS")
}

/// The most that was ever resident, in MiB.
pub(super) fn peak(process: Process) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).context("the server is gone")?;
    in_status(&status, "VmHWM:").context("/proc has no VmHWM")
}

/// The most that was resident at any look while `count` stores were brought up at once.
pub(super) fn while_creating(server: Server, count: usize) -> Result<f64> {
    let ids =
        (1..=count).map(|number| create(server, &format!("memory-{number}"), ENGINE)).collect::<Result<Vec<_>>>()?;
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut most: f64 = 0.0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                most = most.max(resident(server.process)?);
                thread::sleep(POLL);
            }
            Ok(most)
        });
        let waited = ids.iter().try_for_each(|id| wait_until_ready(server, id).map(drop));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let most = looking.join().map_err(|_| anyhow::anyhow!("the looking thread ended"))?;
        waited.and(most)
    })
}

fn in_status(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_in_mebibytes() {
        assert_eq!(in_status("VmPeak:\t9 kB\nVmRSS:\t   51200 kB\n", "VmRSS:"), Some(50.0));
        assert_eq!(in_status("Name: kthread\n", "VmRSS:"), None);
    }
}
