//! A process that can be frozen, continued and killed at any of its awaits.
//!
//! Everything that a replica does to the world goes through its ports, and every port call of it comes to
//! [`point`](Process::point) before and after its effect. A process that is frozen waits there until it is continued; one
//! that is dead waits for ever, which looks to the world exactly as if it had ended between two instructions: what it
//! holds in memory is never seen again.

use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::SignedDuration;
use tokio::sync::Notify;

use super::faults::Fault;

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Running,
    Frozen,
    Dead,
}

/// One run of a replica, from its start to its end.
#[derive(Debug)]
pub(super) struct Process {
    /// Counts all processes of the schedule.
    pub(super) number: usize,
    /// On which host it runs; hosts share nothing.
    pub(super) host: usize,
    /// How far its clock is off.
    pub(super) skew: SignedDuration,
    /// Its kubeconfig leads to another cluster.
    pub(super) is_misled: bool,
    run: Mutex<Run>,
    /// Those who wait at a point go on in the order in which they came, so that a schedule can be repeated.
    goes_on: Notify,
    /// After how many more points a fault strikes.
    fuse: Mutex<Option<(u32, Fault)>>,
}

impl Process {
    pub(super) fn new(number: usize, host: usize, skew: SignedDuration, is_misled: bool) -> Self {
        let (run, goes_on, fuse) = (Mutex::new(Run::Running), Notify::new(), Mutex::new(None));
        Self { number, host, skew, is_misled, run, goes_on, fuse }
    }

    pub(super) fn state(&self) -> Run {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_running(&self) -> bool {
        self.state() == Run::Running
    }

    pub(super) fn set(&self, run: Run) {
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = run;
        self.goes_on.notify_waiters();
    }

    /// Has a fault strike at a later point.
    pub(super) fn light_fuse(&self, points: u32, fault: Fault) {
        *self.fuse.lock().unwrap_or_else(PoisonError::into_inner) = Some((points, fault));
    }

    /// The fault whose fuse has burnt down at this point.
    pub(super) fn burns_down(&self) -> Option<Fault> {
        let mut fuse = self.fuse.lock().unwrap_or_else(PoisonError::into_inner);
        match fuse.take() {
            Some((0, fault)) => Some(fault),
            Some((left, fault)) => {
                *fuse = Some((left - 1, fault));
                None
            }
            None => None,
        }
    }

    /// Returns when the process runs.
    pub(super) async fn gate(&self) {
        while !self.is_running() {
            // All on one thread: nothing comes between the question and the wait.
            self.goes_on.notified().await;
        }
    }
}
