//! Where measurements are made: the local cluster, an optimised build, an account of its own in the API server's audit
//! log, and servers with a database of their own.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    cargo::{self, Profile},
    cluster::{self, Cluster, account},
    images::{self, PluginArgs, Target},
    paths,
    progress::say,
    server::{self, Launch, Server},
};

/// Stores may wait this long here; a waiting one must not fail while it is looked at.
const PROVISIONING_SECONDS: &str = "3600";
/// Nobody else uses it, so that the audit log tells its requests apart.
const ACCOUNT: &str = "store-platform-bench";
/// The values of a laptop, in the chart.
pub(super) const USUAL_VALUES: &str = "values-local.yaml";
/// Frozen, it places no pod and says nothing about any: stores wait for as long as they may.
const SCHEDULER: &str = "kube-scheduler";

/// Everything that a measurement needs.
pub(super) struct Lab {
    pub(super) cluster: Cluster,
    program: PathBuf,
    directory: PathBuf,
    kubeconfig: PathBuf,
    config: cluster::Config,
    ran_before: bool,
    has_plugin: bool,
}

impl Lab {
    /// Brings up what is missing.
    pub(super) fn prepare() -> Result<Self> {
        let config = cluster::Config::new(None)?;
        let ran_before = cluster::running(&config)?.is_some();
        let cluster = cluster::up(&config)?;
        let plugin = images::ensure(&Target::Local(cluster.clone()), PluginArgs::default().given()?.as_deref())?;
        say("building store-http optimised");
        let status = cargo::build_server(Profile::Release)?.status().context("cannot run cargo")?;
        if !status.success() {
            bail!("store-http does not build ({status})");
        }
        let program = cargo::server(Profile::Release)?;
        let directory = paths::state()?.join("bench");
        if directory.exists() {
            stop_servers(&directory)?;
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)?;
        let kubeconfig = directory.join("kubeconfig");
        account::make(&cluster, ACCOUNT, &kubeconfig)?;
        let has_plugin = plugin.is_some_and(|plugin| plugin.is_there());
        Ok(Self { cluster, program, directory, kubeconfig, config, ran_before, has_plugin })
    }

    /// Whether WooCommerce stores here have the plugin.
    pub(super) fn has_plugin(&self) -> bool {
        self.has_plugin
    }

    /// A values file that stores of this engine need here beside the usual ones.
    pub(super) fn values_for(&self, engine: &str) -> Result<Option<PathBuf>> {
        if engine != "woocommerce" || self.has_plugin {
            return Ok(None);
        }
        images::values_without_plugin(&self.directory).map(Some)
    }

    /// Runs `work` while no pod is given a node.
    pub(super) fn without_scheduler<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        cluster::freeze(&self.config, SCHEDULER)?;
        let result = work();
        cluster::thaw(&self.config, SCHEDULER)?;
        result
    }

    /// Runs `work` with a server on a fresh database; takes its stores and the server away afterwards, whatever happened.
    pub(super) fn with_server<T>(
        &self,
        name: &str,
        values: &Path,
        work: impl FnOnce(Server) -> Result<T>,
    ) -> Result<T> {
        let launch = self.launch(name, values)?;
        let (server, _) = server::ensure(&launch)?;
        let result = work(server).and_then(|value| delete_all(server).map(|()| value));
        if result.is_err() {
            let _ = delete_all(server);
        }
        server::stop(&launch.directory)?;
        result
    }

    fn launch(&self, name: &str, values: &Path) -> Result<Launch> {
        let port = server::port::lasting()?;
        let ingress = self.cluster.ingress_port;
        let environment: BTreeMap<&'static str, OsString> = BTreeMap::from([
            ("KUBECONFIG", self.kubeconfig.clone().into()),
            ("HELM_BINARY", self.cluster.bin_dir.join("helm").into()),
            ("HELM_VALUES_FILE", USUAL_VALUES.into()),
            ("HELM_ENV_VALUES_FILE", values.into()),
            ("PUBLIC_URL_TEMPLATE", format!("http://{{name}}.localhost:{ingress}").into()),
            ("PROVISIONING_TIMEOUT_SECONDS", PROVISIONING_SECONDS.into()),
        ]);
        let directory = self.directory.join(name);
        Ok(Launch { program: self.program.clone(), directory, port, environment })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = account::remove(&self.cluster, ACCOUNT);
        let _ = fs::remove_dir_all(&self.directory);
        if !self.ran_before
            && let Err(error) = cluster::down(&self.config, false)
        {
            say(format!("the cluster could not be stopped: {error:#}"));
        }
    }
}

/// How the audit log names the servers.
pub(super) fn user() -> String {
    account::user(ACCOUNT)
}

/// Deletes every store of a server and waits until they are gone.
pub(super) fn delete_all(server: Server) -> Result<()> {
    let api = server.api();
    for store in api.stores()? {
        api.delete(store["id"].as_str().context("a store without an id")?)?;
    }
    api.wait_until_empty(Duration::from_mins(5))
}

fn stop_servers(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        server::stop(&entry?.path())?;
    }
    Ok(())
}
