//! The one place that starts processes, and the only one with `unsafe`.
//!
//! Children die with us: `PR_SET_PDEATHSIG` fires when the *thread* that forked ends, so all are forked by one
//! thread that lives as long as the [`Spawner`]. Each child leads a session and process group of its own, so that it
//! is ended with everything that it started (credential plugins), and no terminal signal of ours reaches it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Pid, PidfdFlags, Signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::environment::Environment;

/// A program to be started, with the whole of its environment.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) binary: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Environment,
    pub(crate) directory: PathBuf,
}

type Reply = oneshot::Sender<io::Result<Running>>;

/// The thread that forks. Dropping the spawner ends the thread, and with it every child that still runs.
#[derive(Debug)]
pub(crate) struct Spawner {
    requests: mpsc::Sender<(Program, Reply)>,
}

impl Spawner {
    /// Starts the thread. Must be called within a tokio runtime, which then owns the pipes.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, inbox) = mpsc::channel::<(Program, Reply)>();
        let runtime = Handle::current();
        thread::Builder::new().name("helm-spawner".to_owned()).spawn(move || {
            let _entered = runtime.enter();
            for (program, reply) in inbox {
                // A caller that is gone drops the child, which ends it.
                let _ = reply.send(spawn(&program));
            }
        })?;
        Ok(Self { requests })
    }

    /// Starts a program with pipes on its three standard streams.
    pub(crate) async fn spawn(&self, program: Program) -> io::Result<Running> {
        let gone = || io::Error::other("the thread that starts processes has ended");
        let (reply, answer) = oneshot::channel();
        self.requests.send((program, reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn spawn(program: &Program) -> io::Result<Running> {
    let mut command = Command::new(&program.binary);
    command
        .args(&program.arguments)
        .env_clear()
        .envs(&program.environment)
        .current_dir(&program.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    die_with_parent(&mut command);
    let child = command.spawn()?;
    Running::new(child)
}

/// A session of its own, and SIGKILL when the forking thread ends.
#[expect(unsafe_code, reason = "there is no safe way to act between fork and exec")]
fn die_with_parent(command: &mut Command) {
    let parent = rustix::process::getpid();
    let prepare = move || {
        rustix::process::setsid()?;
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died before the signal was asked for; then it will never come.
        if rustix::process::getppid() != Some(parent) {
            return Err(io::Error::from(rustix::io::Errno::SRCH));
        }
        Ok(())
    };
    // SAFETY: the closure makes three system calls and allocates nothing, which is allowed between fork and exec.
    unsafe { command.pre_exec(prepare) };
}

#[expect(unsafe_code, reason = "tokio wants to be told that the descriptor stays open")]
fn watched(fd: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    // SAFETY: the `AsyncFd` owns the descriptor, and nothing closes or replaces it until both are dropped.
    unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.ok()
}

/// A process that was started and not reaped yet. Dropped, it is killed with its whole group.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) child: Child,
    group: Pid,
    exited: Option<AsyncFd<OwnedFd>>,
    reaped: bool,
}

impl Running {
    fn new(child: Child) -> io::Result<Self> {
        let id = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let group = id.ok_or_else(|| io::Error::other("the process ended before it was known"))?;
        // Kernels before 5.3 have no pidfd: there, stragglers of a group whose leader ended by itself live on.
        let exited = rustix::process::pidfd_open(group, PidfdFlags::empty()).ok().and_then(watched);
        Ok(Self { child, group, exited, reaped: false })
    }

    /// Sends a signal to the process and everything in its group.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.reaped {
            // It may have ended in this moment; then there is nothing to do.
            let _ = rustix::process::kill_process_group(self.group, signal);
        }
    }

    /// Waits for the end of the process, ends what is left of its group, and reaps it.
    pub(crate) async fn end(&mut self) -> io::Result<std::process::ExitStatus> {
        if let Some(exited) = &self.exited {
            // Not reaped yet, so the group's number is still ours and cannot hit anybody else.
            exited.readable().await?.retain_ready();
            self.signal(Signal::KILL);
        }
        let status = self.child.wait().await?;
        self.reaped = true;
        Ok(status)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What cannot be read about this host.
const UNKNOWN: &str = "unknown";

/// Where processes of ours can be found again: the host's name, process namespace and user, and its boot id. In
/// another namespace none of them is in sight, and another user may not read their environment.
pub(crate) fn host() -> (String, String) {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).map(|text| text.trim().to_owned());
    let unknown = || UNKNOWN.to_owned();
    let name = read("/proc/sys/kernel/hostname").unwrap_or_else(|_| unknown());
    let user = rustix::process::geteuid().as_raw();
    let boot_id = read("/proc/sys/kernel/random/boot_id").unwrap_or_else(|_| unknown());
    (format!("{name}/{}/{user}", process_namespace().unwrap_or_else(unknown)), boot_id)
}

/// Whether processes of `host` are in sight here: it is this one, and nothing about it is guessed.
pub(crate) fn is_here(host: &(String, String)) -> bool {
    let is_known = host.1 != UNKNOWN && !host.0.split('/').any(|part| part == UNKNOWN);
    is_known && *host == self::host()
}

/// The inode of our process namespace, from a link such as `pid:[4026531836]`.
fn process_namespace() -> Option<String> {
    let link = std::fs::read_link("/proc/self/ns/pid").ok()?;
    Some(link.to_str()?.chars().filter(char::is_ascii_digit).collect())
}
