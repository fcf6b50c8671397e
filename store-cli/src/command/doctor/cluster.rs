//! The cluster: whether it answers and is ours, what we may do there, what stores need of it, and what nobody knows.

use std::collections::{BTreeMap, BTreeSet};

use store_core::lifecycle::{Gate, Status};
use store_core::ports::{HealthProbe, PortError};
use store_core::service::StoreDocument;
use store_core::store::StoreId;
use store_k8s::doctor::{self, IngressClassFact, Right, StorageClassFact};
use store_k8s::{Cluster, KubeProbe};

use super::local::Known;
use super::report::Report;
use super::values::Wanted;

/// Looks at the cluster; returns the address at which its ingress controller answers, if it is known.
pub(super) async fn examine(
    cluster: &Cluster,
    known: Option<&Known>,
    wanted: &Wanted,
    report: &mut Report,
) -> Option<String> {
    if !identity(cluster, known, report).await {
        return None;
    }
    tell(report, "rights", doctor::rights(cluster).await, rights);
    tell(report, "storage", doctor::storage_classes(cluster).await, |classes, report| {
        storage(&classes, wanted, report);
    });
    let classes = doctor::ingress_classes(cluster).await;
    let address = classes.as_ref().ok().and_then(|classes| address(classes, wanted));
    tell(report, "ingress", classes, |classes, report| ingress(&classes, wanted, report));
    images(cluster, wanted, report).await;
    if let Some(known) = known {
        orphans(cluster, known, report).await;
        missing(cluster, known, report).await;
    }
    address
}

/// What cannot be read does not end the examination: rights to look may be narrower than those to work.
fn tell<T>(report: &mut Report, check: &'static str, fact: Result<T, PortError>, judge: impl FnOnce(T, &mut Report)) {
    match fact {
        Ok(fact) => judge(fact, report),
        Err(error) => report.warn(check, error.to_string(), "ask the cluster's administrator, or look there yourself"),
    }
}

async fn identity(cluster: &Cluster, known: Option<&Known>, report: &mut Report) -> bool {
    let identity = match doctor::identity(cluster).await {
        Ok(identity) => identity,
        Err(error) => {
            report.fail("cluster", error.to_string(), "start it, or correct KUBECONFIG or --kube-context");
            return false;
        }
    };
    let found = format!("Kubernetes {}", identity.version);
    match known.and_then(|known| known.cluster_uid.as_ref()) {
        Some(bound) if *bound != identity.uid => {
            let found = format!("{found}, but the database belongs to another cluster ({bound}, not {})", identity.uid);
            report.fail("cluster", found, "use the kubeconfig of that cluster, or another database for this one");
            false
        }
        Some(_) => {
            report.ok("cluster", format!("{found}; the database belongs to it"));
            true
        }
        None => {
            report.ok("cluster", format!("{found}; the first store binds the database to it"));
            true
        }
    }
}

fn rights(rights: Vec<Right>, report: &mut Report) {
    let mut refused: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let count = rights.len();
    for right in rights.into_iter().filter(|right| !right.allowed) {
        let resource =
            if right.group.is_empty() { right.resource } else { format!("{}.{}", right.resource, right.group) };
        refused.entry(resource).or_default().push(right.verb);
    }
    if refused.is_empty() {
        report.ok("rights", format!("all {count} that are needed"));
        return;
    }
    let lines: Vec<_> = refused.iter().map(|(resource, verbs)| format!("{} {resource}", verbs.join(", "))).collect();
    let found = format!("these are missing:\n{}", lines.join("\n"));
    report.fail("rights", found, "have the cluster's administrator grant them to the account of the kubeconfig");
}

fn storage(classes: &[StorageClassFact], wanted: &Wanted, report: &mut Report) {
    let names: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
    let default = classes.iter().find(|class| class.is_default);
    let find = |name: &String| match name.as_str() {
        "" => default,
        name => classes.iter().find(|class| class.name == name),
    };
    let lacking: Vec<_> = wanted.storage_classes.iter().filter(|name| find(name).is_none()).collect();
    if let Some(name) = lacking.first() {
        let found = match name.as_str() {
            "" => "the cluster has no default storage class".to_owned(),
            name => format!("the chart wants the storage class {name}, which the cluster does not have"),
        };
        let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return report.fail("storage", found, format!("name one of those that are there in a values file: {there}"));
    }
    let used: BTreeSet<_> = wanted.storage_classes.iter().filter_map(find).map(|class| class.name.as_str()).collect();
    let retained = classes.iter().find(|class| used.contains(class.name.as_str()) && class.reclaim_policy == "Retain");
    if let Some(class) = retained {
        let found = format!("volumes of the class {} outlive their stores (reclaim policy Retain)", class.name);
        return report.warn("storage", found, "remove them by hand after a deletion, or use a class with Delete");
    }
    let used: Vec<_> = used.into_iter().collect();
    report.ok("storage", if used.is_empty() { names.join(", ") } else { format!("class {}", used.join(", ")) });
}

fn class_of<'a>(classes: &'a [IngressClassFact], wanted: &Wanted) -> Option<&'a IngressClassFact> {
    match wanted.ingress_class.as_deref() {
        None | Some("") => classes.iter().find(|class| class.is_default).or(classes.first()),
        Some(name) => classes.iter().find(|class| class.name == name),
    }
}

fn address(classes: &[IngressClassFact], wanted: &Wanted) -> Option<String> {
    class_of(classes, wanted)?.addresses.first().cloned()
}

fn ingress(classes: &[IngressClassFact], wanted: &Wanted, report: &mut Report) {
    let Some(class) = class_of(classes, wanted) else {
        let name = wanted.ingress_class.as_deref().unwrap_or_default();
        let there: Vec<_> = classes.iter().map(|class| class.name.as_str()).collect();
        let there = if there.is_empty() { "none".to_owned() } else { there.join(", ") };
        let found = format!("the chart wants the ingress class {name:?}; there is {there}");
        let mend = "install an ingress controller, or name its class as ingress.className in a values file";
        // Stores become READY without one; only nobody reaches them from outside.
        return report.warn("ingress", found, mend);
    };
    match class.addresses.first() {
        Some(address) => report.ok("ingress", format!("class {} at {address}", class.name)),
        None => report.ok("ingress", format!("class {}; no ingress has got an address yet", class.name)),
    }
}

async fn images(cluster: &Cluster, wanted: &Wanted, report: &mut Report) {
    if wanted.images.is_empty() {
        return;
    }
    let facts = doctor::images(cluster, &wanted.images).await;
    tell(report, "images", facts, |facts, report| {
        let absent: Vec<_> =
            facts.iter().filter(|fact| fact.nodes.is_empty()).map(|fact| fact.image.as_str()).collect();
        if absent.is_empty() {
            let present: Vec<_> = facts
                .iter()
                .map(|fact| format!("{} on {} of {} nodes", fact.image, fact.nodes.len(), fact.of))
                .collect();
            return report.ok("images", present.join("\n"));
        }
        let found = format!("no node reports {}", absent.join(" or "));
        let mend = "nodes pull what a registry has; others must be brought there first (cargo xtask images), or set \
                    image.registry in a values file";
        report.warn("images", found, mend);
    });
}

/// What the cluster has and the database does not know.
async fn orphans(cluster: &Cluster, known: &Known, report: &mut Report) {
    let ids: BTreeSet<_> = known.stores.iter().filter_map(|store| StoreId::parse(&store.id).ok()).collect();
    let found = doctor::orphans(cluster, known.installation, &ids).await;
    tell(report, "orphans", found, |orphans, report| {
        let namespaces = orphans.namespaces.iter().map(|namespace| format!("namespace {}", namespace.name));
        let volumes = orphans.volumes.iter().map(|volume| format!("volume {} ({})", volume.name, volume.claim));
        let all: Vec<_> = namespaces.chain(volumes).collect();
        if all.is_empty() {
            return report.ok("orphans", "none: the database knows all that is there");
        }
        let found = format!("the database knows nothing of:\n{}", all.join("\n"));
        let mend = "another database may know them; if none does, look into them and remove them with kubectl";
        report.warn("orphans", found, mend);
    });
}

/// What the database knows and the cluster does not have.
async fn missing(cluster: &Cluster, known: &Known, report: &mut Report) {
    let probe = KubeProbe::start(cluster.clone(), known.installation);
    tell(report, "stores", probe.namespaces().await, |namespaces, report| {
        let there: BTreeSet<_> = namespaces.iter().map(|(_, name)| name.as_str()).collect();
        let lost: Vec<_> = known
            .stores
            .iter()
            .filter(|store| must_be_there(store) && !there.contains(store.namespace.as_str()))
            .map(|store| format!("{} ({})", store.name, store.namespace))
            .collect();
        if lost.is_empty() {
            return report.ok("stores", "every store has its namespace");
        }
        let found = format!("the namespaces of these stores are gone:\n{}", lost.join("\n"));
        report.fail("stores", found, "delete these stores: what was in them is lost, unless there is a backup");
    });
}

fn must_be_there(store: &StoreDocument) -> bool {
    let had_one = store.gates.iter().any(|record| record.gate == Gate::Namespace && record.ended_at.is_some());
    had_one && matches!(store.status, Status::Ready | Status::Failed | Status::Provisioning)
}
