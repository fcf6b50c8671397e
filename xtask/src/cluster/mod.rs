//! The local cluster: a real single-node Kubernetes from source-built programs on this machine.
//!
//! `up` is level-triggered: it looks at what runs, starts what is missing and cleans up what a killed run left, so that a
//! first start, a repair and a restart after a power cut are the same code. No other module starts or ends its programs.

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

use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use rustix::{
    fs::{FlockOperation, flock},
    process::{Signal, geteuid},
};

use self::{
    components::API_SERVER,
    layout::{Layout, Settings},
    processes::Health,
};
use crate::{
    install, paths,
    progress::{Stopwatch, say},
};

/// Environment variable that moves the cluster's state directory.
pub(crate) const STATE_DIR_VARIABLE: &str = "STORE_PLATFORM_CLUSTER_DIR";
/// The image that holds a pod's namespaces.
pub(crate) const PAUSE_IMAGE: &str = configs::PAUSE_IMAGE;

/// Which cluster, and how to start it.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// Where the cluster keeps its state.
    pub(crate) state_dir: PathBuf,
    /// Port of the local ingress; 80 or 8080 when not given.
    pub(crate) http_port: Option<u16>,
}

impl Config {
    /// The cluster at `state_dir`, or at [`STATE_DIR_VARIABLE`], or at the usual place.
    pub(crate) fn new(state_dir: Option<PathBuf>) -> Result<Self> {
        let state_dir = match state_dir.or_else(|| env::var_os(STATE_DIR_VARIABLE).map(PathBuf::from)) {
            Some(given) => given,
            None => paths::state()?.join("cluster"),
        };
        Ok(Self { state_dir, http_port: None })
    }
}

/// A running cluster, as its users need it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// Self-contained, with an administrator's rights.
    pub(crate) kubeconfig: PathBuf,
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
    demand_root()?;
    install::for_cluster()?;
    let layout = Layout::new(&config.state_dir)?;
    layout.create()?;
    let _lock = lock(&layout)?;
    let clock = Stopwatch::start();
    let programs = programs::ensure()?;
    let programs_seconds = clock.seconds();
    let clock = Stopwatch::start();
    let settings = lifecycle::up(&layout, programs, config.http_port)?;
    let cluster = Cluster::new(&layout, &settings);
    println!(
        "programs_s={programs_seconds} start_s={} kubernetes={} kubeconfig={} ingress_port={} state={} audit_log={}",
        clock.seconds(),
        programs::kubernetes_version(),
        cluster.kubeconfig.display(),
        cluster.ingress_port,
        cluster.state_dir.display(),
        cluster.audit_log.display(),
    );
    Ok(cluster)
}

/// Stops the cluster and undoes what it changed on this machine; with `purge` its data goes too.
pub(crate) fn down(config: &Config, purge: bool) -> Result<()> {
    demand_root()?;
    let layout = Layout::new(&config.state_dir)?;
    layout.create()?;
    let _lock = lock(&layout)?;
    let clock = Stopwatch::start();
    lifecycle::down(&layout)?;
    if purge {
        lifecycle::purge(&layout)?;
    }
    println!("down_s={} purged={purge}", clock.seconds());
    Ok(())
}

/// The cluster, if its API server, container runtime and kubelet live.
pub(crate) fn running(config: &Config) -> Result<Option<Cluster>> {
    let layout = Layout::new(&config.state_dir)?;
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

/// Prints one line for each program and a line of key=value pairs.
pub(crate) fn print_status(config: &Config) -> Result<()> {
    let layout = Layout::new(&config.state_dir)?;
    let mut alive = 0;
    for name in components::ALL {
        let text = match processes::health(&layout, name) {
            Health::Running(process) => format!("running  {}", process.pid),
            Health::Frozen(process) => format!("frozen   {}", process.pid),
            Health::Stopped => "stopped".to_owned(),
        };
        alive += usize::from(text != "stopped");
        println!("{name:<26}{text}");
    }
    let settings = Settings::load(&layout)?;
    let ready = settings.as_ref().is_some_and(|settings| ready::api(&layout, settings));
    print!("alive={alive} programs={} api_ready={ready}", components::ALL.len());
    if let Some(Settings { ports, programs, .. }) = settings {
        print!(" api_port={} ingress_port={} bin={}", ports.api, ports.ingress, programs.display());
        print!(" containerd={}", layout.containerd_socket().display());
    }
    println!(" kubeconfig={}", layout.admin_kubeconfig().display());
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
    let layout = Layout::new(&config.state_dir)?;
    if !components::ALL.contains(&program) {
        bail!("{program} is none of {}", components::ALL.join(", "));
    }
    processes::living(&layout, program).with_context(|| format!("{program} does not run"))?.signal(signal);
    Ok(())
}

/// Stops the API server only; everything else goes on.
pub(crate) fn stop_api(config: &Config) -> Result<()> {
    let layout = Layout::new(&config.state_dir)?;
    let _lock = lock(&layout)?;
    lifecycle::stop_api(&layout)
}

/// Starts the API server again and waits until it is ready.
pub(crate) fn start_api(config: &Config) -> Result<()> {
    let layout = Layout::new(&config.state_dir)?;
    let _lock = lock(&layout)?;
    let settings = Settings::load(&layout)?.context("there is no local cluster: cargo xtask cluster up")?;
    let clock = Stopwatch::start();
    lifecycle::start(&layout, &settings, API_SERVER)?;
    lifecycle::wait_ready(&layout, &settings, API_SERVER)?;
    say(format!("{API_SERVER} is ready after {} s", clock.seconds()));
    Ok(())
}

fn demand_root() -> Result<()> {
    if !cfg!(target_os = "linux") || !geteuid().is_root() {
        bail!("the local cluster needs Linux and root; elsewhere use kind, minikube, k3s or any kubeconfig");
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
