//! A store that is deleted while it is brought up is gone, whatever was under way, and what was removed is on record.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Api, Kubectl, Lab, Server, VolumeWatch, helm_processes, text, until};
use serde_json::Value;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_deleted_while_helm_runs_is_gone() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let volumes = VolumeWatch::start(&lab);
    let slow = lab.slow_helm(dir.path());
    let server = Server::start(&lab, dir.path(), &[("HELM_BINARY", &slow)]).await;
    let api = server.api();
    let id = api.create("deleted-in-helm").await;
    let namespace = format!("store-{id}");
    until("the release is pending", Duration::from_secs(30), || async {
        let statuses = kubectl.record_statuses(&namespace);
        if statuses == ["pending-install"] { Ok(()) } else { Err(format!("{statuses:?}")) }
    })
    .await;
    assert_eq!(helm_processes(&namespace).len(), 1, "Helm still runs");
    is_deleted_with_evidence(&api, &kubectl, &volumes, &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_deleted_while_its_claims_are_bound_is_gone() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let volumes = VolumeWatch::start(&lab);
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create("deleted-in-start").await;
    let namespace = format!("store-{id}");
    until("a volume is being made for a claim", Duration::from_mins(1), || async {
        let claims = kubectl.list(&["persistentvolumeclaims", "-n", &namespace]);
        let is_being_bound = |claim: &Value| {
            let node = &claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"];
            claim["status"]["phase"] == "Pending" && node.is_string()
        };
        if claims.iter().any(is_being_bound) { Ok(()) } else { Err(format!("{} claims", claims.len())) }
    })
    .await;
    is_deleted_with_evidence(&api, &kubectl, &volumes, &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_deleted_while_its_pods_start_is_gone() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let volumes = VolumeWatch::start(&lab);
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create("deleted-in-pods").await;
    let namespace = format!("store-{id}");
    until("a volume is bound", Duration::from_mins(1), || async {
        if volumes.bound_to(&namespace).is_empty() { Err("none is".to_owned()) } else { Ok(()) }
    })
    .await;
    is_deleted_with_evidence(&api, &kubectl, &volumes, &id).await;
    assert!(!volumes.bound_to(&namespace).is_empty());
}

async fn is_deleted_with_evidence(api: &Api, kubectl: &Kubectl, volumes: &VolumeWatch, id: &str) {
    let before = api.delete(id).await;
    assert_eq!(before["status"], "DELETING");
    let gone = api.until_status(id, "DELETED").await;
    let namespace = text(&gone["namespace"]);
    kubectl.until_nothing_is_left(&namespace).await;
    assert!(gone["teardown"]["namespace_uid"].is_string(), "{gone:#}");
    let bound = volumes.bound_to(&namespace);
    let recorded = names(&gone["teardown"]["volumes"]);
    println!("{namespace}: bound {bound:?}, recorded {recorded:?}");
    assert!(recorded.is_superset(&bound), "bound were {bound:?}, on record are {recorded:?}");
}

fn names(volumes: &Value) -> BTreeSet<String> {
    volumes.as_array().into_iter().flatten().map(|volume| text(&volume["name"])).collect()
}
