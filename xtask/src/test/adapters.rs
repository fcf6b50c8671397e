//! The adapters' own tests on the real API server, with real Helm of both majors.

use std::time::Instant;

use anyhow::Result;

use super::{outcome::Outcome, session::Session, unit};

/// Runs the ignored tests of store-k8s.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let cluster = session.cluster()?;
    let (helm, helm_3, kubectl) =
        (cluster.bin_dir.join("helm"), cluster.bin_dir.join("helm3"), cluster.bin_dir.join("kubectl"));
    let environment = [
        ("STORE_TEST_KUBECONFIG", cluster.platform_kubeconfig.as_path()),
        ("STORE_TEST_ADMIN_KUBECONFIG", cluster.kubeconfig.as_path()),
        ("STORE_TEST_KUBECTL", &kubectl),
        ("STORE_TEST_HELM", &helm),
        ("STORE_TEST_HELM3", &helm_3),
    ];
    unit::run_ignored(session, "store-k8s", &[], &environment, deadline)
}
