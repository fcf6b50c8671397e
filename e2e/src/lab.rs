//! Where everything is: told by the environment, so that the tests build and find nothing by themselves.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Kubectl;

/// Requests a second of the slow Helm: an install makes about thirty.
const SLOW_QPS: u32 = 3;

/// The laboratory.
#[derive(Debug, Clone)]
pub struct Lab {
    /// The kubeconfig of the platform's own account, for our programs: it may do what the committed role says.
    pub kubeconfig: PathBuf,
    /// An administrator's kubeconfig, for looking at the cluster and for what others do to it.
    pub admin_kubeconfig: PathBuf,
    /// `kubectl`, to look at the cluster from outside the server.
    pub kubectl: PathBuf,
    /// Helm 4.
    pub helm: PathBuf,
    /// Helm 3.
    pub helm3: PathBuf,
    /// Where the cluster's ingress listens on 127.0.0.1.
    pub ingress_port: u16,
    /// The binary `store-http`.
    pub server_bin: PathBuf,
    /// The binary `store`.
    pub cli_bin: PathBuf,
    /// The example that embeds the library.
    pub example_bin: PathBuf,
    /// `cargo xtask`, to stop and start the API server.
    pub xtask_bin: PathBuf,
    /// A folder with the browser scripts and what they import.
    pub browser_dir: PathBuf,
    /// Values under which a WooCommerce store does without its plugin; absent where the image has it.
    pub without_plugin: Option<PathBuf>,
}

impl Lab {
    /// Reads the variables; a missing one ends the test and is named.
    pub fn open() -> Self {
        let path = |name: &str| PathBuf::from(variable(name));
        Self {
            kubeconfig: path("STORE_TEST_KUBECONFIG"),
            admin_kubeconfig: path("STORE_TEST_ADMIN_KUBECONFIG"),
            kubectl: path("STORE_TEST_KUBECTL"),
            helm: path("STORE_TEST_HELM"),
            helm3: path("STORE_TEST_HELM3"),
            ingress_port: variable("STORE_TEST_INGRESS_PORT").parse().expect("STORE_TEST_INGRESS_PORT is a port"),
            server_bin: path("STORE_TEST_SERVER_BIN"),
            cli_bin: path("STORE_TEST_CLI_BIN"),
            example_bin: path("STORE_TEST_EXAMPLE_BIN"),
            xtask_bin: path("STORE_TEST_XTASK_BIN"),
            browser_dir: path("STORE_TEST_BROWSER_DIR"),
            without_plugin: std::env::var_os("STORE_TEST_WITHOUT_PLUGIN_VALUES").map(PathBuf::from),
        }
    }

    /// The cluster with servers only: no shop is ever opened on it, so there is nothing for a browser.
    pub fn of_servers() -> Self {
        let kubeconfig = |name: &str| PathBuf::from(variable(name));
        Self::servers_only(kubeconfig("STORE_TEST_KUBECONFIG"), kubeconfig("STORE_TEST_ADMIN_KUBECONFIG"))
    }

    /// A laboratory on the cluster that keeps its state there, and on which no shop is ever opened.
    pub(crate) fn without_shops(cluster: &Path) -> Self {
        Self::servers_only(cluster.join("platform.kubeconfig"), cluster.join("kubeconfig"))
    }

    /// No ingress, no browser, and no program but the server.
    fn servers_only(kubeconfig: PathBuf, admin_kubeconfig: PathBuf) -> Self {
        let path = |name: &str| PathBuf::from(variable(name));
        Self {
            kubeconfig,
            admin_kubeconfig,
            kubectl: path("STORE_TEST_KUBECTL"),
            helm: path("STORE_TEST_HELM"),
            helm3: path("STORE_TEST_HELM3"),
            ingress_port: 80,
            server_bin: path("STORE_TEST_SERVER_BIN"),
            xtask_bin: path("STORE_TEST_XTASK_BIN"),
            cli_bin: PathBuf::new(),
            example_bin: PathBuf::new(),
            browser_dir: PathBuf::new(),
            without_plugin: None,
        }
    }

    /// The cluster seen from outside.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(self)
    }

    /// Whether WooCommerce stores here have their plugin.
    pub fn has_plugin(&self) -> bool {
        self.without_plugin.is_none()
    }

    /// What a server's environment needs so that WooCommerce stores become READY here, with or without the plugin.
    pub fn both_engines(&self) -> Vec<(&'static str, String)> {
        let file = self.without_plugin.iter();
        file.flat_map(|file| {
            [("HELM_VALUES_FILE", "values-local.yaml".to_owned()), ("HELM_ENV_VALUES_FILE", file.display().to_string())]
        })
        .collect()
    }

    /// What stores' URLs look like here.
    pub fn url_template(&self) -> String {
        match self.ingress_port {
            80 => "http://{name}.localhost".to_owned(),
            port => format!("http://{{name}}.localhost:{port}"),
        }
    }

    /// Helm 4, but with so few requests a second that an install takes long enough to be met while it runs. Everything
    /// else that Helm does is as quick as ever.
    pub fn slow_helm(&self, dir: &Path) -> String {
        let before = format!("[ \"$1\" = install ] && export HELM_QPS={SLOW_QPS} HELM_BURST_LIMIT=1");
        self.helm_after(&before, &dir.join("slow-helm"))
    }

    /// Helm 4 whose installs begin only when the file `hold` is gone.
    pub fn held_helm(&self, dir: &Path, hold: &Path) -> String {
        let hold = hold.display();
        let before = format!("if [ \"$1\" = install ]; then while [ -e '{hold}' ]; do sleep 0.1; done; fi");
        self.helm_after(&before, &dir.join("held-helm"))
    }

    /// Helm 4 that writes the arguments of each of its runs into the file `log`, a line for each.
    pub fn logged_helm(&self, dir: &Path, log: &Path) -> String {
        let before = format!("echo \"$*\" >> '{}'", log.display());
        self.helm_after(&before, &dir.join("logged-helm"))
    }

    /// Helm 4 behind a line of shell.
    fn helm_after(&self, before: &str, script: &Path) -> String {
        let lines = format!("#!/bin/sh\n{before}\nexec '{}' \"$@\"\n", self.helm.display());
        std::fs::write(script, lines).expect("the script can be written");
        std::fs::set_permissions(script, Permissions::from_mode(0o755)).expect("it can be made executable");
        script.display().to_string()
    }

    /// The environment of a program of ours that works on this cluster, with its database in `dir`.
    pub fn environment(&self, dir: &Path) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        [
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", text(dir)),
            ("DATABASE_URL", format!("sqlite:///{}", text(&dir.join("stores.db")))),
            ("STATE_DIR", text(&dir.join("state"))),
            ("LOG_DIR", text(&dir.join("logs"))),
            ("LOG_FILE", "store_platform.log".to_owned()),
            ("KUBECONFIG", text(&self.kubeconfig)),
            ("HELM_BINARY", text(&self.helm)),
            ("HELM_ENV_VALUES_FILE", "values-local.yaml".to_owned()),
            ("PUBLIC_URL_TEMPLATE", self.url_template()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `cargo xtask test` sets it"))
}
