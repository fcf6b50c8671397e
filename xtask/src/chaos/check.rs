//! After each round: everything that exists, listed from outside the server, against what was asked for. What it judges
//! is data, so that the judgement itself has tests.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    cluster::{Cluster, processes},
    exec,
};

const INSTALLATION: &str = "store-platform/installation";

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) kind: Kind,
    /// The store's name, its namespace, or an object's.
    pub(super) store: String,
    pub(super) what: String,
}

/// Which promise is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Something that was asked for, or written down, is not there.
    Lost,
    /// Something is there that nobody asked for.
    Orphaned,
}

impl Finding {
    pub(super) fn lost(store: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind: Kind::Lost, store: store.into(), what: what.into() }
    }

    pub(super) fn orphaned(store: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind: Kind::Orphaned, store: store.into(), what: what.into() }
    }
}

/// Everything of any store, anywhere in the cluster and among this machine's processes.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Name, and whether it is being deleted.
    namespaces: Vec<(String, bool)>,
    /// Namespace, revision and status of each Helm release record.
    releases: Vec<(String, String, String)>,
    /// Name, and the namespace of its claim.
    volumes: Vec<(String, String)>,
    /// Command lines of Helm.
    helms: Vec<String>,
}

impl Listing {
    /// Looks.
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let mut kubectl = cluster.kubectl();
        kubectl.args(["get", "namespaces,persistentvolumes,secrets", "--all-namespaces", "--output=json"]);
        let list: Value = serde_json::from_str(&exec::capture(kubectl.arg("--request-timeout=20s"))?)?;
        let mut listing = Self { helms: helms(cluster), ..Self::default() };
        for item in list["items"].as_array().context("kubectl lists no items")? {
            listing.add(item);
        }
        Ok(listing)
    }

    fn add(&mut self, item: &Value) {
        let metadata = &item["metadata"];
        let (name, labels) = (text(&metadata["name"]), &metadata["labels"]);
        match item["kind"].as_str() {
            Some("Namespace") if labels[INSTALLATION].is_string() => {
                self.namespaces.push((name, metadata["deletionTimestamp"].is_string()));
            }
            Some("Secret") if labels["owner"] == "helm" => {
                self.releases.push((text(&metadata["namespace"]), text(&labels["version"]), text(&labels["status"])));
            }
            Some("PersistentVolume") => self.volumes.push((name, text(&item["spec"]["claimRef"]["namespace"]))),
            _ => {}
        }
    }

    /// Compares with the namespaces of the stores that are to be there, every one of them READY.
    pub(super) fn judge(&self, wanted: &BTreeSet<String>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for namespace in wanted {
            findings.extend(self.judge_store(namespace));
        }
        let is_unwanted = |namespace: &String| !wanted.contains(namespace);
        for (namespace, _) in self.namespaces.iter().filter(|(name, _)| is_unwanted(name)) {
            findings.push(Finding::orphaned(namespace, "its namespace is there"));
        }
        for (namespace, revision, status) in self.releases.iter().filter(|(namespace, ..)| is_unwanted(namespace)) {
            findings.push(Finding::orphaned(namespace, format!("its release has revision {revision}, {status}")));
        }
        for (volume, namespace) in self.volumes.iter().filter(|(_, namespace)| is_unwanted(namespace)) {
            findings.push(Finding::orphaned(namespace, format!("its PersistentVolume {volume} is there")));
        }
        findings.extend(self.helms.iter().map(|line| Finding::orphaned("a Helm process", line)));
        findings
    }

    fn judge_store(&self, namespace: &str) -> Vec<Finding> {
        let mut findings = Vec::new();
        match self.namespaces.iter().find(|(name, _)| name == namespace) {
            None => findings.push(Finding::lost(namespace, "its namespace is not there")),
            Some((_, true)) => findings.push(Finding::lost(namespace, "its namespace is being deleted")),
            Some((_, false)) => {}
        }
        let revisions: Vec<String> = self
            .releases
            .iter()
            .filter(|(of, ..)| of == namespace)
            .map(|(_, revision, status)| format!("{revision} {status}"))
            .collect();
        if revisions != ["1 deployed"] {
            let found = if revisions.is_empty() { "none".to_owned() } else { revisions.join(", ") };
            findings.push(Finding::lost(namespace, format!("its release has not one deployed revision, but: {found}")));
        }
        if !self.volumes.iter().any(|(_, of)| of == namespace) {
            findings.push(Finding::lost(namespace, "it has no PersistentVolume"));
        }
        findings
    }
}

/// Helm on this cluster, whoever started it.
fn helms(cluster: &Cluster) -> Vec<String> {
    let lines = processes::all().into_iter().map(|process| processes::arguments(process.pid));
    lines.filter(|arguments| is_helm(cluster, arguments)).map(|arguments| arguments.join(" ")).collect()
}

fn is_helm(cluster: &Cluster, arguments: &[String]) -> bool {
    let program = arguments.first().and_then(|program| program.rsplit('/').next());
    program.is_some_and(|name| name.starts_with("helm"))
        && arguments.contains(&cluster.platform_kubeconfig.display().to_string())
}

/// A list in which no Helm is found proves something only if those that there were would have been found.
pub(super) fn must_see(cluster: &Cluster, helms: &[Vec<String>]) -> Result<()> {
    match helms.iter().find(|arguments| !is_helm(cluster, arguments)) {
        None => Ok(()),
        Some(unseen) => bail!("the check for orphaned Helm processes would not see this one: {}", unseen.join(" ")),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Whether a history only grew.
pub(super) fn judge_history(store: &str, before: &[Value], now: &[Value]) -> Option<Finding> {
    let is_kept = now.len() >= before.len() && now[..before.len()] == *before;
    let is_in_order = now.windows(2).all(|pair| pair[0]["position"].as_u64() < pair[1]["position"].as_u64());
    if is_kept && is_in_order {
        return None;
    }
    let what = format!("its history did not only grow: {} events were there, now {}", before.len(), now.len());
    Some(Finding::lost(store, what))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn whole() -> Listing {
        let mut listing = Listing::default();
        let items = [
            json!({"kind": "Namespace", "metadata": {"name": "kube-system", "labels": {}}}),
            json!({"kind": "Namespace", "metadata": {"name": "store-a", "labels": {INSTALLATION: "x"}}}),
            json!({"kind": "Secret", "metadata": {"name": "credentials", "namespace": "store-a"}}),
            json!({"kind": "Secret", "metadata": {"name": "sh.helm.release.v1.store-a.v1", "namespace": "store-a",
                "labels": {"owner": "helm", "version": "1", "status": "deployed"}}}),
            json!({"kind": "PersistentVolume", "metadata": {"name": "pv"}, "spec": {"claimRef": {"namespace": "store-a"}}}),
        ];
        for item in &items {
            listing.add(item);
        }
        listing
    }

    fn judged(listing: &Listing, wanted: &[&str]) -> Vec<(Kind, String)> {
        let wanted = wanted.iter().map(ToString::to_string).collect();
        listing.judge(&wanted).into_iter().map(|finding| (finding.kind, finding.what)).collect()
    }

    #[test]
    fn a_store_that_was_asked_for_is_there_once() {
        assert_eq!(judged(&whole(), &["store-a"]), []);
    }

    #[test]
    fn everything_of_a_store_that_nobody_wants_is_an_orphan() {
        let found = judged(&whole(), &[]);
        assert!(found.iter().all(|(kind, _)| *kind == Kind::Orphaned));
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_store_that_is_not_whole_is_lost() {
        assert_eq!(judged(&Listing::default(), &["store-a"]).len(), 3);
        let mut twice = whole();
        twice.releases.push(("store-a".into(), "2".into(), "pending-upgrade".into()));
        let found = judged(&twice, &["store-a"]);
        assert!(matches!(found.as_slice(), [(Kind::Lost, what)] if what.contains("2 pending-upgrade")), "{found:?}");
    }

    #[test]
    fn a_running_helm_is_an_orphan() {
        let listing = Listing { helms: vec!["helm install".into()], ..whole() };
        assert_eq!(judged(&listing, &["store-a"]), [(Kind::Orphaned, "helm install".to_owned())]);
    }

    #[test]
    fn a_history_may_only_grow() {
        let events = |positions: &[u64]| positions.iter().map(|at| json!({"position": at})).collect::<Vec<_>>();
        assert_eq!(judge_history("a", &events(&[1, 4]), &events(&[1, 4, 5])), None);
        assert!(judge_history("a", &events(&[1, 4]), &events(&[1])).is_some());
        assert!(judge_history("a", &events(&[1, 4]), &events(&[2, 4])).is_some());
        assert!(judge_history("a", &events(&[]), &events(&[4, 2])).is_some());
    }
}
