//! A cluster whose node is simulated, for outages and crashes of the control plane: its API server can be stopped without
//! anybody else noticing. No container runs there, so nothing that is seen on it says anything about shops.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Lab, Server};

/// A running cluster of this test's own; it goes when this is dropped.
pub struct SimulatedCluster {
    /// Programs, and this cluster's kubeconfig. There is no ingress, and nothing for a browser.
    pub lab: Lab,
    directory: PathBuf,
}

/// What can happen to the API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It accepts connections and never answers.
    Frozen,
    /// Its port is closed.
    Closed,
}

impl SimulatedCluster {
    /// Starts a fresh one under this name; what a run that was cut off left of it goes first.
    pub fn start(name: &str) -> Self {
        let variable = "STORE_TEST_SIMULATED_DIR";
        let parent = std::env::var_os(variable);
        let parent = parent.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test --only chaos`"));
        let directory = Path::new(&parent).join(name);
        let cluster = Self { lab: Lab::without_shops(&directory), directory };
        cluster.xtask(&["down", "--purge"]);
        cluster.xtask(&["up"]);
        cluster
    }

    /// Starts a server on it, with its database in `dir`. The chart's own values do: there is one storage class, and
    /// it is the default.
    pub async fn server(&self, dir: &Path, changes: &[(&str, &str)]) -> Server {
        let changes: Vec<_> = [("HELM_ENV_VALUES_FILE", "")].into_iter().chain(changes.iter().copied()).collect();
        Server::start(&self.lab, dir, &changes).await
    }

    /// Takes the API server away.
    pub fn begin(&self, outage: Outage) {
        match outage {
            Outage::Frozen => self.xtask(&["freeze", "kube-apiserver"]),
            Outage::Closed => self.xtask(&["stop-api"]),
        }
    }

    /// Brings it back.
    pub fn end(&self, outage: Outage) {
        match outage {
            Outage::Frozen => self.xtask(&["thaw", "kube-apiserver"]),
            Outage::Closed => self.xtask(&["start-api"]),
        }
    }

    fn xtask(&self, command: &[&str]) {
        let done = self.run(command);
        assert!(done, "cluster --simulated {} failed", command.join(" "));
    }

    fn run(&self, command: &[&str]) -> bool {
        let mut xtask = Command::new(&self.lab.xtask_bin);
        xtask.args(["cluster", "--simulated", "--state-dir"]).arg(&self.directory).args(command);
        xtask.status().is_ok_and(|status| status.success())
    }
}

impl Drop for SimulatedCluster {
    fn drop(&mut self) {
        if !self.run(&["down", "--purge"]) {
            eprintln!("the cluster in {} was left", self.directory.display());
        }
    }
}
