//! The programs on the local cluster, from outside: shops for real, as the package `e2e` writes them down.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::Result;

use super::{browser, outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    images::{self, Plugin},
    paths,
};

/// Each shop takes a core while it starts; more at once would only measure the machine.
const AT_ONCE: &str = "--test-threads=2";

/// They need no shop: other parts run them.
const NOT_HERE: [&str; 4] =
    ["--skip=on_simulated_nodes", "--skip=on_one_database", "--skip=injected::", "--skip=in_a_demo"];

/// Builds the programs and runs the ignored tests of `e2e`.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let cluster = session.cluster()?;
    session.must("building the programs", cargo::build_programs(Profile::Debug)?, deadline)?;
    let programs = cargo::programs(Profile::Debug)?;
    // Cargo builds the examples with the tests.
    session.test_programs("e2e", deadline)?;
    let example = cargo::example("embed")?;
    let browser = browser::ensure(session, deadline)?;
    let bin = |name: &str| cluster.bin_dir.join(name);
    let (kubectl, helm, helm_3) = (bin("kubectl"), bin("helm"), bin("helm3"));
    let (xtask, port) = (env::current_exe()?, cluster.ingress_port.to_string());
    let without_plugin = values_without_plugin(session)?;
    let mut environment = vec![
        ("STORE_TEST_KUBECONFIG", cluster.platform_kubeconfig.as_path()),
        ("STORE_TEST_ADMIN_KUBECONFIG", cluster.kubeconfig.as_path()),
        ("STORE_TEST_KUBECTL", &kubectl),
        ("STORE_TEST_HELM", &helm),
        ("STORE_TEST_HELM3", &helm_3),
        ("STORE_TEST_INGRESS_PORT", Path::new(&port)),
        ("STORE_TEST_SERVER_BIN", &programs.server),
        ("STORE_TEST_CLI_BIN", &programs.cli),
        ("STORE_TEST_EXAMPLE_BIN", &example),
        ("STORE_TEST_XTASK_BIN", &xtask),
        ("STORE_TEST_BROWSER_DIR", &browser),
        ("STORE_TEST_CONTAINERD_SOCKET", &cluster.containerd_socket),
    ];
    environment.extend(without_plugin.iter().map(|file| ("STORE_TEST_WITHOUT_PLUGIN_VALUES", file.as_path())));
    unit::run_ignored(session, "e2e", &[&[AT_ONCE], NOT_HERE.as_slice()].concat(), &environment, deadline)
}

/// Where the image has no plugin, WordPress is tried out without it; no user's values say so.
fn values_without_plugin(session: &Session) -> Result<Option<PathBuf>> {
    if session.plugin.as_ref().is_some_and(Plugin::is_there) {
        return Ok(None);
    }
    images::values_without_plugin(&paths::cache()?).map(Some)
}
