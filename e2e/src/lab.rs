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
    /// The cluster's kubeconfig.
    pub kubeconfig: PathBuf,
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
}

impl Lab {
    /// Reads the variables; a missing one ends the test and is named.
    pub fn open() -> Self {
        let path = |name: &str| PathBuf::from(variable(name));
        Self {
            kubeconfig: path("STORE_TEST_KUBECONFIG"),
            kubectl: path("STORE_TEST_KUBECTL"),
            helm: path("STORE_TEST_HELM"),
            helm3: path("STORE_TEST_HELM3"),
            ingress_port: variable("STORE_TEST_INGRESS_PORT").parse().expect("STORE_TEST_INGRESS_PORT is a port"),
            server_bin: path("STORE_TEST_SERVER_BIN"),
            cli_bin: path("STORE_TEST_CLI_BIN"),
            example_bin: path("STORE_TEST_EXAMPLE_BIN"),
            xtask_bin: path("STORE_TEST_XTASK_BIN"),
            browser_dir: path("STORE_TEST_BROWSER_DIR"),
        }
    }

    /// The cluster with servers only: no shop is ever opened on it, so there is nothing for a browser.
    pub fn of_servers() -> Self {
        Self::without_shops(variable("STORE_TEST_KUBECONFIG").into())
    }

    /// A laboratory on another cluster, on which no shop is ever opened: no ingress, no browser, and no program but the
    /// server.
    pub(crate) fn without_shops(kubeconfig: PathBuf) -> Self {
        let path = |name: &str| PathBuf::from(variable(name));
        Self {
            kubeconfig,
            kubectl: path("STORE_TEST_KUBECTL"),
            helm: path("STORE_TEST_HELM"),
            helm3: path("STORE_TEST_HELM3"),
            ingress_port: 80,
            server_bin: path("STORE_TEST_SERVER_BIN"),
            xtask_bin: path("STORE_TEST_XTASK_BIN"),
            cli_bin: PathBuf::new(),
            example_bin: PathBuf::new(),
            browser_dir: PathBuf::new(),
        }
    }

    /// The cluster seen from outside.
    pub fn kubectl(&self) -> Kubectl {
        Kubectl::new(self)
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
