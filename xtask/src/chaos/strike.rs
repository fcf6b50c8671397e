//! Killing: the server, the Helm that works for it, or both, with SIGKILL, at the planned moment.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use super::schedule::{Moment, Strike, Target};
use crate::cluster::processes::{self, Process};

/// A Helm that was not seen for so long will not come any more.
const HELM_PATIENCE: Duration = Duration::from_secs(5);
/// Helm lives for some tenths of a second.
const LOOK: Duration = Duration::from_millis(1);
/// The kernel ends Helm with its server; this is for a busy machine.
const DEATH: Duration = Duration::from_secs(2);
/// What Helm is asked to do when it works on a release.
const WORK: &[&str] = &["install", "upgrade", "rollback", "uninstall"];

/// What a strike met.
#[derive(Debug, Clone, Default)]
pub(super) struct Struck {
    /// Arguments of each Helm that was alive when it happened.
    pub(super) helms: Vec<Vec<String>>,
    /// Helm that outlived its server.
    pub(super) survivors: Vec<String>,
}

impl Struck {
    /// Whether a Helm was alive.
    pub(super) fn had_helm(&self) -> bool {
        !self.helms.is_empty()
    }
}

/// Waits for the moment.
pub(super) fn wait_for(moment: Moment, server: Process) {
    match moment {
        Moment::InRequest(delay) | Moment::OnTheWay(delay) => thread::sleep(delay),
        Moment::InHelm(delay) => {
            let end = Instant::now() + HELM_PATIENCE;
            while helms(server).is_empty() && Instant::now() < end {
                thread::sleep(LOOK);
            }
            thread::sleep(delay);
        }
    }
}

/// Kills whom the strike is meant for; where Helm is meant and there is none (any more), the server.
pub(super) fn kill(strike: Strike, server: Process) -> Struck {
    let (helms, arguments): (Vec<Process>, Vec<Vec<String>>) = helms(server).into_iter().unzip();
    let target = if helms.is_empty() { Target::Server } else { strike.target };
    if target != Target::Server {
        for helm in &helms {
            helm.signal(Signal::KILL);
        }
    }
    if target != Target::Helm {
        server.signal(Signal::KILL);
        reap(server);
    }
    Struck { helms: arguments, survivors: if target == Target::Helm { Vec::new() } else { survivors(&helms) } }
}

/// The server's children that work on a release, with their arguments.
fn helms(server: Process) -> Vec<(Process, Vec<String>)> {
    let works = |arguments: &[String]| {
        arguments.first().is_some_and(|program| program.contains("helm"))
            && arguments.iter().any(|argument| WORK.contains(&argument.as_str()))
    };
    let children = processes::children(server.pid).into_iter().filter_map(Process::find);
    let with_arguments = children.map(|process| (process, processes::arguments(process.pid)));
    with_arguments.filter(|(_, arguments)| works(arguments)).collect()
}

/// The server is a child of this program: without this its entry would stay.
fn reap(server: Process) {
    if let Some(pid) = Pid::from_raw(server.pid) {
        // Not ours after all: then its own parent does it.
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}

fn survivors(helms: &[Process]) -> Vec<String> {
    let end = Instant::now() + DEATH;
    loop {
        let living: Vec<&Process> = helms.iter().filter(|helm| helm.is_alive()).collect();
        if living.is_empty() || Instant::now() >= end {
            return living.iter().map(|helm| processes::arguments(helm.pid).join(" ")).collect();
        }
        thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::CommandExt as _, process::Command};

    use super::*;

    /// A "server" whose child calls itself Helm at work, and only waits.
    #[expect(clippy::zombie_processes, reason = "killing it reaps it")]
    fn server() -> Process {
        let script = "(exec -a helm bash -c 'kill -STOP $$' helm install store-x) & wait; exec sleep 60";
        let child = Command::new("bash").arg0("server").args(["-c", script]).spawn().unwrap();
        let server = Process::find(i32::try_from(child.id()).unwrap()).unwrap();
        wait_for(Moment::InHelm(Duration::ZERO), server);
        server
    }

    #[test]
    fn helm_alone_is_killed_and_its_server_lives() {
        let server = server();
        let struck = kill(Strike { moment: Moment::InHelm(Duration::ZERO), target: Target::Helm }, server);
        assert!(struck.had_helm() && server.is_alive());
        let end = Instant::now() + DEATH;
        while !helms(server).is_empty() && Instant::now() < end {
            thread::sleep(LOOK);
        }
        let again = kill(Strike { moment: Moment::InHelm(Duration::ZERO), target: Target::Both }, server);
        assert!(!again.had_helm() && !server.is_alive(), "without a Helm it is the server");
    }

    #[test]
    fn both_are_killed_together() {
        let server = server();
        let struck = kill(Strike { moment: Moment::InHelm(Duration::ZERO), target: Target::Both }, server);
        assert!(struck.had_helm() && struck.survivors.is_empty(), "{struck:?}");
        assert!(!server.is_alive());
    }
}
