//! The local cluster: a real single-node Kubernetes from source-built programs on this machine. And its flavour for
//! crashes and outages, of which several run side by side: the same control plane with a simulated node.
//!
//! `up` is level-triggered: it looks at what runs, starts what is missing and cleans up what a killed run left, so that a
//! first start, a repair and a restart after a power cut are the same code. No other module starts or ends its programs.

pub(crate) mod account;
mod addons;
mod certificates;
mod components;
mod configs;
mod layout;
mod leftovers;
mod lifecycle;
mod network;
pub(crate) mod processes;
mod programs;
mod ready;
mod simulated;

use std::{
    env,
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use rustix::{
    fs::{FlockOperation, flock, statvfs},
    process::{Signal, geteuid},
};

pub(crate) use self::layout::Nodes;
use self::{
    components::API_SERVER,
    layout::{Layout, Settings},
    processes::Health,
    programs::Programs,
};
use crate::{
    install, paths,
    progress::{Stopwatch, say},
};

/// Environment variable that moves the cluster's state directory.
pub(crate) const STATE_DIR_VARIABLE: &str = "STORE_PLATFORM_CLUSTER_DIR";
/// The image that holds a pod's namespaces.
pub(crate) const PAUSE_IMAGE: &str = configs::PAUSE_IMAGE;

/// Free bytes that images and volumes of a few stores need.
const LEAST_SPACE: u64 = 4 << 30;

/// Which cluster, and how to start it.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where the cluster keeps its state.
    pub(crate) state_dir: PathBuf,
    /// Port of the local ingress; 80 or 8080 when not given.
    pub(crate) http_port: Option<u16>,
    /// What its node is.
    pub(crate) nodes: Nodes,
}

impl Config {
    /// The cluster at `state_dir`, or at [`STATE_DIR_VARIABLE`], or at the usual place.
    pub(crate) fn new(state_dir: Option<PathBuf>) -> Result<Self> {
        let state_dir = match state_dir.or_else(|| env::var_os(STATE_DIR_VARIABLE).map(PathBuf::from)) {
            Some(given) => given,
            None => paths::state()?.join("cluster"),
        };
        Ok(Self { state_dir, http_port: None, nodes: Nodes::Real })
    }

    /// A cluster whose node is simulated, in this directory.
    pub(crate) fn simulated(state_dir: PathBuf) -> Self {
        Self { state_dir, http_port: None, nodes: Nodes::Simulated }
    }

    fn layout(&self) -> Result<Layout> {
        Layout::new(&self.state_dir, self.nodes)
    }
}

/// A running cluster, as its users need it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Self-contained, with an administrator's rights.
    pub(crate) kubeconfig: PathBuf,
    /// Self-contained, with the rights of the platform's committed role.
    pub(crate) platform_kubeconfig: PathBuf,
    /// Where the local ingress listens on 127.0.0.1.
    pub(crate) ingress_port: u16,
    /// Holds `kubectl`, `helm` (4) and `helm3`.
    pub(crate) bin_dir: PathBuf,
    /// For `ctr -a … -n k8s.io`.
    pub(crate) containerd_socket: PathBuf,
    /// One JSON object a line for each answered request to the API server.
    pub(crate) audit_log: PathBuf,
    /// The cluster's state directory.
    pub(crate) state_dir: PathBuf,
}

impl Cluster {
    fn new(layout: &Layout, settings: &Settings) -> Self {
        Self {
            kubeconfig: layout.admin_kubeconfig(),
            platform_kubeconfig: layout.platform_kubeconfig(),
            ingress_port: settings.ports.ingress,
            bin_dir: settings.programs.clone(),
            containerd_socket: layout.containerd_socket(),
            audit_log: layout.audit_log(),
            state_dir: layout.state.clone(),
        }
    }

    /// `kubectl` with this cluster's kubeconfig.
    pub(crate) fn kubectl(&self) -> Command {
        let mut command = Command::new(self.bin_dir.join("kubectl"));
        command.arg("--kubeconfig").arg(&self.kubeconfig);
        command
    }
}

/// Starts the cluster, repairs a half-started one, or does nothing to a running one.
pub(crate) fn up(config: &Config) -> Result<Cluster> {
    demand_machine(config)?;
    let layout = config.layout()?;
    layout.create()?;
    if config.nodes == Nodes::Real {
        demand_space(&layout.state)?;
    }
    let _lock = lock(&layout)?;
    let clock = Stopwatch::start();
    let kwok = (config.nodes == Nodes::Simulated).then(programs::ensure_kwok).transpose()?;
    let programs = Programs { bin: programs::ensure()?, kwok };
    let programs_seconds = clock.seconds();
    let clock = Stopwatch::start();
    let settings = lifecycle::up(&layout, programs, config.http_port)?;
    let cluster = Cluster::new(&layout, &settings);
    account::ensure(&cluster)?;
    println!(
        "programs_s={programs_seconds} start_s={} kubernetes={} kubeconfig={} platform_kubeconfig={} ingress_port={} \
         state={} audit_log={}",
        clock.seconds(),
        programs::kubernetes_version(),
        cluster.kubeconfig.display(),
        cluster.platform_kubeconfig.display(),
        cluster.ingress_port,
        cluster.state_dir.display(),
        cluster.audit_log.display(),
    );
    Ok(cluster)
}

/// Stops the cluster and undoes what it changed on this machine; with `purge` its data goes too.
pub(crate) fn down(config: &Config, purge: bool) -> Result<()> {
    if config.nodes == Nodes::Real {
        demand_root()?;
    }
    let layout = config.layout()?;
    layout.create()?;
    let _lock = lock(&layout)?;
    Settings::load(&layout)?;
    let clock = Stopwatch::start();
    lifecycle::down(&layout)?;
    if purge {
        lifecycle::purge(&layout)?;
    }
    println!("down_s={} purged={purge}", clock.seconds());
    Ok(())
}

/// The cluster, if its API server lives, and what runs its pods.
pub(crate) fn running(config: &Config) -> Result<Option<Cluster>> {
    let layout = config.layout()?;
    let Some(settings) = Settings::load(&layout)? else { return Ok(None) };
    let lives = lifecycle::is_alive(&layout);
    Ok(lives.then(|| Cluster::new(&layout, &settings)))
}

/// Builds the programs only, for machines that prepare an image or a cache.
pub(crate) fn build_programs() -> Result<PathBuf> {
    let clock = Stopwatch::start();
    let programs = programs::ensure()?;
    println!("programs_s={} bin={}", clock.seconds(), programs.display());
    Ok(programs)
}

/// Builds the programs of a cluster whose node is simulated; gives the directory that holds `kubectl` and Helm.
pub(crate) fn build_simulated_programs() -> Result<PathBuf> {
    programs::ensure_kwok()?;
    programs::ensure()
}

/// Prints one line for each program and a line of key=value pairs.
pub(crate) fn print_status(config: &Config) -> Result<()> {
    let is_closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match write_status(config) {
        // Whoever reads it has seen enough.
        Err(error) if error.downcast_ref().is_some_and(is_closed) => Ok(()),
        written => written,
    }
}

fn write_status(config: &Config) -> Result<()> {
    let layout = config.layout()?;
    let mut out = io::stdout().lock();
    let mut alive = 0;
    for name in layout.nodes.programs() {
        let text = match processes::health(&layout, name) {
            Health::Running(process) => format!("running  {}", process.pid),
            Health::Frozen(process) => format!("frozen   {}", process.pid),
            Health::Stopped => "stopped".to_owned(),
        };
        alive += usize::from(text != "stopped");
        writeln!(out, "{name:<26}{text}")?;
    }
    let settings = Settings::load(&layout)?;
    let ready = settings.as_ref().is_some_and(|settings| ready::api(&layout, settings));
    write!(out, "alive={alive} programs={} api_ready={ready}", layout.nodes.programs().len())?;
    if let Some(Settings { ports, programs, .. }) = settings {
        write!(out, " api_port={} ingress_port={} bin={}", ports.api, ports.ingress, programs.display())?;
        write!(out, " containerd={}", layout.containerd_socket().display())?;
    }
    writeln!(out, " kubeconfig={}", layout.admin_kubeconfig().display())?;
    Ok(())
}

/// Suspends a program of the cluster with SIGSTOP.
pub(crate) fn freeze(config: &Config, program: &str) -> Result<()> {
    signal(config, program, Signal::STOP)
}

/// Resumes a suspended program.
pub(crate) fn thaw(config: &Config, program: &str) -> Result<()> {
    signal(config, program, Signal::CONT)
}

fn signal(config: &Config, program: &str, signal: Signal) -> Result<()> {
    let layout = config.layout()?;
    let programs = layout.nodes.programs();
    if !programs.contains(&program) {
        bail!("{program} is none of {}", programs.join(", "));
    }
    processes::living(&layout, program).with_context(|| format!("{program} does not run"))?.signal(signal);
    Ok(())
}

/// Stops the API server only; everything else goes on.
pub(crate) fn stop_api(config: &Config) -> Result<()> {
    let layout = config.layout()?;
    let _lock = lock(&layout)?;
    lifecycle::stop_api(&layout)
}

/// Starts the API server again and waits until it is ready.
pub(crate) fn start_api(config: &Config) -> Result<()> {
    let layout = config.layout()?;
    let _lock = lock(&layout)?;
    let settings = Settings::load(&layout)?.context("there is no local cluster: cargo xtask cluster up")?;
    let clock = Stopwatch::start();
    lifecycle::start(&layout, &settings, API_SERVER)?;
    lifecycle::wait_ready(&layout, &settings, API_SERVER)?;
    if config.nodes == Nodes::Simulated {
        simulated::restart_clients(&layout, &settings)?;
    }
    say(format!("{API_SERVER} is ready after {} s", clock.seconds()));
    Ok(())
}

fn demand_machine(config: &Config) -> Result<()> {
    match config.nodes {
        Nodes::Real => {
            demand_root()?;
            install::ensure(&[install::Group::Cluster])
        }
        Nodes::Simulated if config.http_port.is_some() => {
            bail!("a simulated node has no ingress, and so no --http-port")
        }
        Nodes::Simulated => install::ensure(&[install::Group::SimulatedNodes]),
    }
}

fn demand_root() -> Result<()> {
    if !cfg!(target_os = "linux") || !geteuid().is_root() {
        bail!("the local cluster needs Linux and root; elsewhere use kind, minikube, k3s or any kubeconfig");
    }
    Ok(())
}

/// With less, the kubelet soon takes no pods (see `evictionHard`), and every store fails for a reason that is not its own.
fn demand_space(state: &Path) -> Result<()> {
    let space = statvfs(state).with_context(|| format!("cannot see the free space of {}", state.display()))?;
    let (free, all) = (space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize);
    let needed = (all / 50).max(LEAST_SPACE);
    if free < needed {
        let gib = |bytes: u64| bytes >> 30;
        bail!("{} has {} GiB free; the local cluster needs {} GiB", state.display(), gib(free), gib(needed));
    }
    Ok(())
}

/// Held while the cluster is started or stopped, so that two commands do not work against each other.
fn lock(layout: &Layout) -> Result<File> {
    let path: &Path = &layout.state.join("lock");
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        say("another command works on the cluster: waiting for it");
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(file)
}
