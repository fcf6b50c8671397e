//! A cluster that its owner runs: what it is called, how images get there, and which classes its stores use.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{exec, images::Target, paths, progress::say};

const PATIENCE: &str = "--request-timeout=10s";
/// The classes that `values-local.yaml` names.
const USUAL_INGRESS: &str = "nginx";
const USUAL_STORAGE: &str = "standard";
/// How a default class is marked.
const DEFAULT_INGRESS: &str = "ingressclass.kubernetes.io/is-default-class";
const DEFAULT_STORAGE: &str = "storageclass.kubernetes.io/is-default-class";

/// One context of a kubeconfig.
#[derive(Debug, Clone)]
pub(crate) struct OwnCluster {
    /// As `KUBECONFIG` would say it.
    pub(crate) kubeconfig: OsString,
    pub(crate) context: String,
    pub(crate) helm: PathBuf,
    kubectl: PathBuf,
    server: String,
}

impl OwnCluster {
    /// Reads the kubeconfig; the cluster itself is not asked yet.
    pub(super) fn new(kubeconfig: OsString, context: Option<&str>) -> Result<Self> {
        let (kubectl, helm) = tools()?;
        let mut command = Command::new(&kubectl);
        command.env("KUBECONFIG", &kubeconfig).args(["config", "view", "--minify", "--output", "json"]);
        command.args(context.iter().flat_map(|name| ["--context", name]));
        let view: Value = serde_json::from_str(&exec::capture(&mut command)?)?;
        let context = view["current-context"].as_str().filter(|name| !name.is_empty());
        let context = context.context("the kubeconfig has no current context: name one with --context")?.to_owned();
        let server = view["clusters"][0]["cluster"]["server"].as_str().unwrap_or("?").to_owned();
        Ok(Self { kubeconfig, context, helm, kubectl, server })
    }

    /// Its name for messages.
    pub(super) fn name(&self) -> String {
        format!("the cluster {} of the context {}", self.server, self.context)
    }

    /// Fails where the cluster does not answer.
    pub(super) fn demand_reachable(&self) -> Result<()> {
        exec::capture(self.kubectl().args(["get", "--raw", "/version", PATIENCE]))
            .map(drop)
            .with_context(|| format!("{} does not answer", self.name()))
    }

    /// Its nodes.
    pub(super) fn nodes(&self) -> Result<Vec<Value>> {
        self.list("nodes")
    }

    /// How images get to its nodes.
    pub(super) fn image_target(&self, nodes: &[Value]) -> Result<Target> {
        let target = flavour(&self.context, nodes);
        target.with_context(|| {
            format!(
                "{} is none of kind, minikube and k3s on this machine, so that images can come only from a registry: \
                 --push REGISTRY, or --no-images where it has them already",
                self.name()
            )
        })
    }

    /// Writes the values that differ from `values-local.yaml` here, and gives the file.
    pub(super) fn write_values(&self, directory: &Path, registry: Option<&str>) -> Result<PathBuf> {
        let ingress = class(&self.list("ingressclasses")?, USUAL_INGRESS, DEFAULT_INGRESS);
        let storage = class(&self.list("storageclasses")?, USUAL_STORAGE, DEFAULT_STORAGE);
        if ingress.is_none() {
            say("this cluster has no ingress class: stores will work, but their addresses will not answer");
        }
        if storage.is_none() {
            bail!("this cluster has neither a storage class {USUAL_STORAGE} nor a default one: stores need volumes");
        }
        let values = values(ingress.as_deref(), storage.as_deref(), registry);
        let file = directory.join("values-cluster.yaml");
        // JSON is YAML.
        fs::write(&file, serde_json::to_vec_pretty(&values)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    fn list(&self, kind: &str) -> Result<Vec<Value>> {
        let text = exec::capture(self.kubectl().args(["get", kind, "--output", "json", PATIENCE]))?;
        let list: Value = serde_json::from_str(&text)?;
        Ok(list["items"].as_array().cloned().unwrap_or_default())
    }

    fn kubectl(&self) -> Command {
        let mut command = Command::new(&self.kubectl);
        command.env("KUBECONFIG", &self.kubeconfig).args(["--context", &self.context]);
        command
    }
}

fn tools() -> Result<(PathBuf, PathBuf)> {
    match (paths::find_program("kubectl"), paths::find_program("helm")) {
        (Some(kubectl), Some(helm)) => Ok((kubectl, helm)),
        (kubectl, helm) => {
            let missing = [("kubectl", kubectl), ("helm (3.13 or newer)", helm)];
            let missing: Vec<&str> =
                missing.iter().filter(|(_, found)| found.is_none()).map(|(name, _)| *name).collect();
            bail!("for a cluster of your own these are missing in PATH: {}", missing.join(", "))
        }
    }
}

/// kind names its contexts, minikube labels its nodes, k3s marks its version. k3d is k3s in containers, which the `k3s`
/// of this machine does not reach.
fn flavour(context: &str, nodes: &[Value]) -> Option<Target> {
    if let Some(name) = context.strip_prefix("kind-") {
        return Some(Target::Kind(name.to_owned()));
    }
    let node = nodes.first()?;
    if let Some(profile) = node["metadata"]["labels"]["minikube.k8s.io/name"].as_str() {
        return Some(Target::Minikube(profile.to_owned()));
    }
    let version = node["status"]["nodeInfo"]["kubeletVersion"].as_str().unwrap_or_default();
    let is_k3d = node["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("k3d-"));
    let is_here = nodes.len() == 1 && !is_k3d && paths::find_program("k3s").is_some();
    (version.contains("+k3s") && is_here).then_some(Target::K3s)
}

/// The class to use: the usual one, else the default, else the only one.
fn class(classes: &[Value], usual: &str, default_mark: &str) -> Option<String> {
    let name = |class: &Value| class["metadata"]["name"].as_str().map(str::to_owned);
    let is_default = |class: &&Value| class["metadata"]["annotations"][default_mark] == "true";
    let usual = classes.iter().find(|class| class["metadata"]["name"] == usual);
    let only = || classes.first().filter(|_| classes.len() == 1);
    usual.or_else(|| classes.iter().find(is_default)).or_else(only).and_then(name)
}

fn values(ingress: Option<&str>, storage: Option<&str>, registry: Option<&str>) -> Value {
    let mut values = json!({});
    if let Some(ingress) = ingress.filter(|class| *class != USUAL_INGRESS) {
        values["ingress"] = json!({"className": ingress});
    }
    if let Some(storage) = storage.filter(|class| *class != USUAL_STORAGE) {
        let volume = json!({"persistence": {"storageClass": storage}});
        values["medusa"] = json!({"persistence": volume["persistence"], "postgres": volume});
        values["woocommerce"] = json!({"wordpress": volume, "mysql": volume});
    }
    if let Some(registry) = registry {
        values["image"] = json!({"registry": registry});
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavours_are_told_apart() {
        assert!(matches!(flavour("kind-shops", &[]), Some(Target::Kind(name)) if name == "shops"));
        let minikube = json!({"metadata": {"name": "m", "labels": {"minikube.k8s.io/name": "p"}}});
        assert!(matches!(flavour("any", &[minikube]), Some(Target::Minikube(profile)) if profile == "p"));
        let cloud = json!({"metadata": {"name": "n"}, "status": {"nodeInfo": {"kubeletVersion": "v1.33.1"}}});
        assert!(flavour("cloud", &[cloud]).is_none());
        let k3d = json!({"metadata": {"name": "k3d-a"}, "status": {"nodeInfo": {"kubeletVersion": "v1.33.1+k3s1"}}});
        assert!(flavour("k3d-a", &[k3d]).is_none());
    }

    #[test]
    fn the_usual_class_goes_before_the_default_one() {
        let traefik = json!({"metadata": {"name": "traefik", "annotations": {DEFAULT_INGRESS: "true"}}});
        let nginx = json!({"metadata": {"name": "nginx"}});
        let other = json!({"metadata": {"name": "other"}});
        let choose = |classes: &[&Value]| {
            let classes: Vec<Value> = classes.iter().map(|class| (*class).clone()).collect();
            class(&classes, USUAL_INGRESS, DEFAULT_INGRESS)
        };
        assert_eq!(choose(&[&traefik, &nginx]).as_deref(), Some("nginx"));
        assert_eq!(choose(&[&other, &traefik]).as_deref(), Some("traefik"));
        assert_eq!(choose(&[&other]).as_deref(), Some("other"));
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn only_what_differs_is_written() {
        assert_eq!(values(Some("nginx"), Some("standard"), None), json!({}));
        let expected = json!({
            "ingress": {"className": "traefik"},
            "medusa": {
                "persistence": {"storageClass": "local-path"},
                "postgres": {"persistence": {"storageClass": "local-path"}},
            },
            "woocommerce": {
                "wordpress": {"persistence": {"storageClass": "local-path"}},
                "mysql": {"persistence": {"storageClass": "local-path"}},
            },
            "image": {"registry": "r/x"},
        });
        assert_eq!(values(Some("traefik"), Some("local-path"), Some("r/x")), expected);
    }
}
