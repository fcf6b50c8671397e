//! The platform's own account on a cluster: the objects of `charts/platform`, and kubeconfigs of accounts that may do
//! what its role says and nothing else.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Cluster, certificates::write_private};
use crate::exec;

/// The role and its account.
pub(crate) const ROLE: &str = include_str!("../../../charts/platform/role.yaml");
/// What keeps the accounts of its namespace within stores.
const FENCE: &str = include_str!("../../../charts/platform/fence.yaml");
/// The name of the namespace, the account and the role.
const PLATFORM: &str = "store-platform";
/// A server that was started by `up` is to work as long as its cluster is there.
const LIFETIME: &str = "--duration=8760h";

/// Makes the account, or brings its rights up to date, and writes its kubeconfig.
pub(super) fn ensure(cluster: &Cluster) -> Result<()> {
    for objects in [ROLE, FENCE] {
        exec::feed(cluster.kubectl().args(["apply", "-f", "-"]), objects)?;
    }
    write_kubeconfig(cluster, PLATFORM, &cluster.platform_kubeconfig)
}

/// Makes another account with the platform's rights, so that the audit log tells its requests apart.
pub(crate) fn make(cluster: &Cluster, name: &str, kubeconfig: &Path) -> Result<()> {
    let objects = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": PLATFORM}},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": PLATFORM},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": PLATFORM}],
        },
    ]});
    exec::feed(cluster.kubectl().args(["apply", "-f", "-"]), &objects.to_string())?;
    write_kubeconfig(cluster, name, kubeconfig)
}

/// Takes such an account away.
pub(crate) fn remove(cluster: &Cluster, name: &str) -> Result<()> {
    for kind in ["clusterrolebinding", "serviceaccount"] {
        exec::capture(cluster.kubectl().args(["delete", "--ignore-not-found", "--namespace", PLATFORM, kind, name]))?;
    }
    Ok(())
}

/// How the audit log names an account that [`make`] made.
pub(crate) fn user(name: &str) -> String {
    format!("system:serviceaccount:{PLATFORM}:{name}")
}

fn write_kubeconfig(cluster: &Cluster, account: &str, file: &Path) -> Result<()> {
    let token = exec::capture(cluster.kubectl().args(["create", "token", "--namespace", PLATFORM, account, LIFETIME]))?;
    let view =
        exec::capture(cluster.kubectl().args(["config", "view", "--raw", "--flatten", "--minify", "-o", "json"]))?;
    let mut config: Value = serde_json::from_str(&view)?;
    config["users"][0]["user"] = json!({"token": token.trim()});
    write_private(file, config.to_string().as_bytes())
}
