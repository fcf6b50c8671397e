//! The cluster's long-running programs: each in a session of its own, with a log file and a pid file that also holds the
//! start time, so that a reused pid is never taken for one of ours.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::layout::Layout;
use crate::exec;

/// Beyond this a program's log is put aside when it starts again.
const LONGEST_LOG: u64 = 20 << 20;
const POLL: Duration = Duration::from_millis(50);

/// A process, told apart from later ones with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// Clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub(crate) started: u64,
}

/// What `/proc/PID/stat` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) started: u64,
}

/// How a program of the cluster is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// It runs.
    Running(Process),
    /// It is suspended by SIGSTOP.
    Frozen(Process),
    /// There is no such process.
    Stopped,
}

impl Process {
    /// The live process with this pid; zombies count as gone.
    pub(crate) fn find(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (stat.state != 'Z' && stat.state != 'X').then_some(Self { pid, started: stat.started })
    }

    /// Whether it still lives.
    pub(crate) fn is_alive(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    /// Sends a signal, unless the process is gone already.
    pub(crate) fn signal(self, signal: Signal) {
        if let Some(pid) = Pid::from_raw(self.pid).filter(|_| self.is_alive()) {
            // It may end between the check and the call; then there is nothing left to signal.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Stat {
    /// Reads the entry of a process; `None` when there is none.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name in parentheses may itself hold spaces and parentheses, so the fields are counted from the last one.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }
}

/// Every process of this machine.
pub(crate) fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter_map(Process::find).collect()
}

/// The children of a process: each thread lists those that it made.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// A process's arguments; empty for kernel threads and processes that are gone.
pub(crate) fn arguments(pid: i32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|byte| *byte == 0).filter(|a| !a.is_empty()).map(|a| String::from_utf8_lossy(a).into_owned()).collect()
}

/// Starts `program` as `name` in a session of its own, so that it outlives the command that started it.
pub(crate) fn start(layout: &Layout, name: &str, program: &Path, args: &[String]) -> Result<Process> {
    let log = open_log(&layout.log(name))?;
    // `setsid` of util-linux becomes the program, as its child would be: the pid stays the same.
    let child = Command::new("setsid")
        .arg(program)
        .args(args)
        .env_clear()
        .env("PATH", search_path(program))
        .env("HOME", &layout.state)
        .current_dir(&layout.state)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let pid = i32::try_from(child.id())?;
    let Some(process) = Process::find(pid) else {
        bail!("{name} ended at once:\n{}", exec::tail(&layout.log(name)));
    };
    fs::write(pid_file(layout, name), format!("{} {}\n", process.pid, process.started))?;
    Ok(process)
}

/// How the program with this name is doing.
pub(crate) fn health(layout: &Layout, name: &str) -> Health {
    let Some(process) = recorded(layout, name).filter(|process| process.is_alive()) else { return Health::Stopped };
    match Stat::read(process.pid) {
        Some(Stat { state: 'T', .. }) => Health::Frozen(process),
        Some(_) => Health::Running(process),
        None => Health::Stopped,
    }
}

/// The live process with this name, frozen or not.
pub(crate) fn living(layout: &Layout, name: &str) -> Option<Process> {
    recorded(layout, name).filter(|process| process.is_alive())
}

/// Ends the named programs together: asks first, insists after `grace`, and waits until they are gone.
pub(crate) fn stop(layout: &Layout, names: &[&str], grace: Duration) -> Result<()> {
    let living: Vec<Process> = names.iter().filter_map(|name| living(layout, name)).collect();
    end(&living, grace).with_context(|| format!("cannot stop {}", names.join(", ")))?;
    for name in names {
        let _ = fs::remove_file(pid_file(layout, name));
    }
    Ok(())
}

/// Ends processes: SIGTERM, then SIGKILL for those that are still there after `grace`.
pub(crate) fn end(processes: &[Process], grace: Duration) -> Result<()> {
    for process in processes {
        process.signal(Signal::TERM);
        // A frozen process gets the other signal only once it runs again.
        process.signal(Signal::CONT);
    }
    if wait_gone(processes, grace) {
        return Ok(());
    }
    for process in processes {
        process.signal(Signal::KILL);
    }
    if !wait_gone(processes, Duration::from_secs(10)) {
        let left: Vec<String> =
            processes.iter().filter(|p| p.is_alive()).map(|p| format!("{} {:?}", p.pid, arguments(p.pid))).collect();
        bail!("these processes do not end: {}", left.join(", "));
    }
    Ok(())
}

fn wait_gone(processes: &[Process], limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while processes.iter().any(|process| process.is_alive()) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

fn recorded(layout: &Layout, name: &str) -> Option<Process> {
    parse_pid_file(&fs::read_to_string(pid_file(layout, name)).ok()?)
}

fn parse_pid_file(text: &str) -> Option<Process> {
    let (pid, started) = text.trim().split_once(' ')?;
    Some(Process { pid: pid.parse().ok()?, started: started.parse().ok()? })
}

fn pid_file(layout: &Layout, name: &str) -> PathBuf {
    layout.pids().join(format!("{name}.pid"))
}

fn open_log(path: &Path) -> Result<File> {
    if fs::metadata(path).is_ok_and(|log| log.len() > LONGEST_LOG) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))
}

fn search_path(program: &Path) -> String {
    let own = program.parent().map(|directory| String::from_utf8_lossy(directory.as_os_str().as_bytes()).into_owned());
    format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", own.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{super::layout::Nodes, *};

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let tail = "S 7 12 12 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 999";
        let stat = Stat::parse(&format!("12 (a) b (c) {tail}")).unwrap();
        assert_eq!(stat, Stat { state: 'S', parent: 7, started: 4711 });
        assert_eq!(Stat::parse("12 (cut"), None);
    }

    #[test]
    fn a_pid_file_holds_pid_and_start_time() {
        assert_eq!(parse_pid_file("12 4711\n"), Some(Process { pid: 12, started: 4711 }));
        assert_eq!(parse_pid_file("12"), None);
        assert_eq!(parse_pid_file(""), None);
    }

    #[test]
    fn own_children_are_found() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        assert!(children(i32::try_from(std::process::id()).unwrap()).contains(&pid));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_reused_pid_is_not_ours() {
        let me = Process::find(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(me.is_alive());
        assert!(!Process { started: me.started + 1, ..me }.is_alive());
    }

    #[test]
    fn a_program_is_started_frozen_and_ended() {
        let directory = tempfile::tempdir().unwrap();
        let layout = Layout { nodes: Nodes::Real, state: directory.path().into(), run: directory.path().join("run") };
        layout.create().unwrap();
        let process = start(&layout, "sleeper", Path::new("/bin/sleep"), &["60".into()]).unwrap();
        assert_eq!(health(&layout, "sleeper"), Health::Running(process));
        stop(&layout, &["sleeper"], Duration::from_secs(5)).unwrap();
        assert_eq!(health(&layout, "sleeper"), Health::Stopped);
    }
}
