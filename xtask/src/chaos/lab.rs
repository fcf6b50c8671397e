//! Where rounds are run: a cluster of its own whose node is simulated, and a server on a fresh database.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;

use super::schedule::Major;
use crate::{
    cargo::{self, Profile},
    cluster::{self, Cluster},
    paths,
    progress::say,
    server::{self, Launch, Server},
};

/// How long a store may take here; a machine that does other things too must not fail one.
const PROVISIONING_SECONDS: &str = "180";

/// What a run works with.
pub(super) struct Lab {
    pub(super) cluster: Cluster,
    program: PathBuf,
    directory: PathBuf,
    port: u16,
    _lock: File,
}

impl Lab {
    /// Builds the server and starts a fresh cluster; what an earlier run left goes first.
    pub(super) fn prepare() -> Result<Self> {
        let home = home()?;
        fs::create_dir_all(&home)?;
        let lock = File::create(home.join("lock"))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!("another run works in {}", home.display());
        }
        say("building store-http");
        let status = cargo::build_server(Profile::Debug)?.status().context("cannot run cargo")?;
        if !status.success() {
            bail!("store-http does not build ({status})");
        }
        clean_up()?;
        let (directory, config) = (server_directory(&home), cluster_config(&home));
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        let cluster = cluster::up(&config)?;
        let port = server::port::lasting()?;
        let program = cargo::server(Profile::Debug)?;
        let lab = Self { cluster, program, directory, port, _lock: lock };
        lab.let_setup_jobs_pass(true)?;
        Ok(lab)
    }

    /// The server as it is, or a new one, with this Helm.
    pub(super) fn server(&self, helm: Major) -> Result<Server> {
        let helm = match helm {
            Major::Three => "helm3",
            Major::Four => "helm",
        };
        let environment = BTreeMap::from([
            ("KUBECONFIG", self.cluster.platform_kubeconfig.clone().into()),
            ("HELM_BINARY", self.cluster.bin_dir.join(helm).into()),
            ("HELM_ENV_VALUES_FILE", self.values().into()),
            ("PROVISIONING_TIMEOUT_SECONDS", PROVISIONING_SECONDS.into()),
            ("PROVISIONING_POLL_INTERVAL_SECONDS", "1".into()),
        ]);
        let (program, directory) = (self.program.clone(), self.directory.clone());
        server::ensure(&Launch { program, directory, port: self.port, environment }).map(|(server, _)| server)
    }

    /// Whether the setup jobs of releases that are installed from now on pass: the simulated node looks at their image.
    pub(super) fn let_setup_jobs_pass(&self, pass: bool) -> Result<()> {
        let failing = json!({"medusa": {"image": {"tag": "setup-fails"}, "setup": {"backoffLimit": 0}}});
        let values = if pass { json!({}) } else { failing };
        fs::write(self.values(), values.to_string())
            .with_context(|| format!("cannot write {}", self.values().display()))
    }

    fn values(&self) -> PathBuf {
        self.directory.join("values.yaml")
    }

    /// Where the server writes what it has to say; it outlives a run that failed.
    pub(super) fn log(&self) -> PathBuf {
        server::log(&self.directory)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = clean_up() {
            say(format!("something of this run was left: {error:#}"));
        }
    }
}

/// Ends server and cluster, if there are any. The server's log stays.
pub(super) fn clean_up() -> Result<()> {
    let home = home()?;
    server::stop(&server_directory(&home))?;
    cluster::down(&cluster_config(&home), true)
}

fn home() -> Result<PathBuf> {
    Ok(paths::state()?.join("chaos"))
}

fn server_directory(home: &Path) -> PathBuf {
    home.join("server")
}

fn cluster_config(home: &Path) -> cluster::Config {
    cluster::Config::simulated(home.join("cluster"))
}
