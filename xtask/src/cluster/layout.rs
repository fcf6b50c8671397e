//! Where the local cluster keeps what, and the choices of its first start that later ones keep.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::components::{OF_A_REAL_NODE, OF_A_SIMULATED_NODE};
use crate::digest;

/// A Unix socket's path holds 108 bytes; the kubelet appends up to 40 to the state directory.
const LONGEST_STATE_PATH: usize = 64;

/// What a cluster's node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nodes {
    /// This machine, which runs containers.
    Real,
    /// Nothing: kwok says of its pods that they run. For crashes and outages of the control plane; a store that is READY
    /// there proves nothing about shops.
    Simulated,
}

impl Nodes {
    /// The programs of such a cluster, in the order of their start.
    pub(crate) fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Real => OF_A_REAL_NODE,
            Self::Simulated => OF_A_SIMULATED_NODE,
        }
    }
}

/// The directories of one cluster.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// What its node is.
    pub(crate) nodes: Nodes,
    /// Data that outlives a restart of the machine.
    pub(crate) state: PathBuf,
    /// Sockets and container state, which must not outlive it.
    pub(crate) run: PathBuf,
}

impl Layout {
    /// The layout below `state`.
    pub(crate) fn new(state: &Path, nodes: Nodes) -> Result<Self> {
        let state = std::path::absolute(state)?;
        let length = state.as_os_str().len();
        if length > LONGEST_STATE_PATH {
            bail!("{} is too long for the sockets below it ({length} of {LONGEST_STATE_PATH} bytes)", state.display());
        }
        let digest = digest::of(state.as_os_str().as_encoded_bytes());
        Ok(Self { nodes, run: PathBuf::from("/run/store-platform").join(&digest[..8]), state })
    }

    /// Creates the directories, readable by their owner only: they hold keys.
    pub(crate) fn create(&self) -> Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        let mut directories = vec![self.state.clone(), self.pki(), self.logs(), self.pids(), self.configs()];
        if self.nodes == Nodes::Real {
            directories.push(self.run.clone());
        }
        for directory in directories {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&directory)
                .with_context(|| format!("cannot create {}", directory.display()))?;
        }
        fs::create_dir_all(self.volumes())?;
        Ok(())
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.state.join("pki")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.state.join("logs")
    }

    pub(crate) fn log(&self, program: &str) -> PathBuf {
        self.logs().join(format!("{program}.log"))
    }

    pub(crate) fn pids(&self) -> PathBuf {
        self.state.join("pids")
    }

    pub(crate) fn configs(&self) -> PathBuf {
        self.state.join("configs")
    }

    pub(crate) fn config(&self, file: &str) -> PathBuf {
        self.configs().join(file)
    }

    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        self.configs().join(format!("{user}.kubeconfig"))
    }

    /// The kubeconfig file for people and tests.
    pub(crate) fn admin_kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    /// The kubeconfig file of the platform's own account.
    pub(crate) fn platform_kubeconfig(&self) -> PathBuf {
        self.state.join("platform.kubeconfig")
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.state.join("etcd")
    }

    pub(crate) fn containerd_root(&self) -> PathBuf {
        self.state.join("containerd")
    }

    pub(crate) fn containerd_state(&self) -> PathBuf {
        self.run.join("containerd")
    }

    pub(crate) fn containerd_socket(&self) -> PathBuf {
        self.run.join("containerd.sock")
    }

    pub(crate) fn kubelet(&self) -> PathBuf {
        self.state.join("kubelet")
    }

    pub(crate) fn pod_logs(&self) -> PathBuf {
        self.state.join("pod-logs")
    }

    pub(crate) fn addresses(&self) -> PathBuf {
        self.state.join("addresses")
    }

    pub(crate) fn volumes(&self) -> PathBuf {
        self.state.join("volumes")
    }

    pub(crate) fn audit_log(&self) -> PathBuf {
        self.logs().join("audit.log")
    }

    /// Exists from before the first change to the machine's network and cgroups until they are undone.
    pub(crate) fn machine_marker(&self) -> PathBuf {
        self.state.join("machine-changed")
    }

    fn settings(&self) -> PathBuf {
        self.state.join("settings.json")
    }
}

/// What was chosen when the cluster was first started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) programs: PathBuf,
    /// Digest of the configuration that the programs were started with.
    #[serde(default)]
    pub(crate) recipe: String,
    /// Where kwok and its stages are, if the node is simulated.
    #[serde(default)]
    pub(crate) kwok: Option<PathBuf>,
    pub(crate) ports: Ports,
}

/// The ports on 127.0.0.1 (the kubelet's: on the node's address).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) api: u16,
    pub(crate) etcd: u16,
    pub(crate) etcd_peer: u16,
    pub(crate) etcd_health: u16,
    pub(crate) controller_manager: u16,
    pub(crate) scheduler: u16,
    pub(crate) kubelet: u16,
    pub(crate) kubelet_health: u16,
    pub(crate) proxy_health: u16,
    pub(crate) proxy_metrics: u16,
    pub(crate) dns_ready: u16,
    pub(crate) ingress: u16,
    pub(crate) ingress_health: u16,
    /// Only where the node is simulated.
    #[serde(default)]
    pub(crate) kwok: u16,
}

impl Settings {
    /// What an earlier start recorded, if there was one. A cluster with another kind of node is refused: its programs
    /// are not known here.
    pub(crate) fn load(layout: &Layout) -> Result<Option<Self>> {
        match fs::read(layout.settings()) {
            Ok(text) => {
                let found: Option<Self> = serde_json::from_slice(&text).ok();
                if found.as_ref().is_some_and(|settings| settings.nodes() != layout.nodes) {
                    bail!(
                        "{} holds a cluster with another kind of node: --simulated decides, and each kind needs a \
                         directory of its own",
                        layout.state.display()
                    );
                }
                Ok(found)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", layout.settings().display())),
        }
    }

    fn nodes(&self) -> Nodes {
        if self.kwok.is_some() { Nodes::Simulated } else { Nodes::Real }
    }

    /// Records these settings.
    pub(crate) fn save(&self, layout: &Layout) -> Result<()> {
        let file = layout.settings();
        let partial = file.with_extension("partial");
        fs::write(&partial, serde_json::to_vec_pretty(self)?)?;
        fs::rename(partial, &file).with_context(|| format!("cannot write {}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_state_directory_is_refused() {
        assert!(Layout::new(Path::new(&format!("/{}", "x".repeat(64))), Nodes::Real).is_err());
    }

    #[test]
    fn two_state_directories_share_no_socket() {
        let one = Layout::new(Path::new("/a"), Nodes::Real).unwrap();
        let other = Layout::new(Path::new("/b"), Nodes::Real).unwrap();
        assert_ne!(one.containerd_socket(), other.containerd_socket());
        assert!(one.containerd_socket().as_os_str().len() < 100);
    }
}
