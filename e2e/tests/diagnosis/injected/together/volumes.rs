//! Volumes that are not made, are full, or are to be kept.

use e2e::{Kubectl, SmallChart, Watch, listening, own_name, text, until};
use serde_json::{Value, json};

use crate::case::{SOON, least_times};
use crate::expect::failure;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_claim_whose_storage_class_is_missing_fails_the_store() {
    let mut case = case!(Fault);
    let store = case.store("no-class", &SmallChart::new().database_claim("no-such-class")).await;
    let events = Watch::start(&case.lab, &store.path("events"));
    let is_shown = shown::event("ProvisioningFailed", "no-such-class");
    let shown = events.until("the claim cannot be bound", SOON, is_shown).await;
    failure("volume_claim")
        .blaming("PersistentVolumeClaim", "data-database-0")
        .beginning("PostgreSQL pod not ready")
        .saying("no-such-class")
        .of_failed(&store.failed().await);
    case.detected("volume_claim", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_volume_that_is_full_fails_the_store() {
    let mut case = case!(Fault);
    // A volume of a size that is kept: one in memory.
    let volume = json!({ "name": "data", "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } });
    let mut database = listening("dd if=/dev/zero of=/data/log bs=64k count=64", 5432);
    database["volumeMounts"] = json!([{ "name": "data", "mountPath": "/data" }]);
    let chart = SmallChart::new().database(&database).pod("database", &json!({ "volumes": [volume] }));
    let store = case.store("full", &chart).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let shown = pods.until("the database has no space left", SOON, shown::ended_with("No space left on device")).await;
    failure("volume_full")
        .blaming("Pod", "database-0")
        .beginning("PostgreSQL pod not ready")
        .saying("No space left on device")
        .of_failed(&store.failed().await);
    let repeated = pods.first(shown::crashed(least_times("volume_full"))).expect("it crashed often enough");
    case.detected_after("volume_full", shown, repeated, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_volume_that_is_to_be_kept_is_listed_and_kept() {
    let mut case = case!(Fault);
    let class = own_name("e2e-retained");
    let storage_class = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": class },
        "provisioner": "rancher.io/local-path", "volumeBindingMode": "WaitForFirstConsumer",
        "reclaimPolicy": "Retain",
    });
    case.make("storageclass", &storage_class);
    let of_class = class.clone();
    case.finally(move |kubectl| give_up_volumes(kubectl, &of_class));
    let store = case.store("kept", &SmallChart::new().database_claim(&class)).await;
    store.ready().await;
    let kept = volumes(&case.kubectl, &class);
    let [volume] = kept.as_slice() else { panic!("one volume was expected: {kept:?}") };

    store.api.delete(&store.id).await;
    let gone = store.api.until_status(&store.id, "DELETED").await;
    let listed = &gone["teardown"]["volumes"];
    let expected = |entry: &Value| {
        entry["name"] == volume.as_str() && entry["claim"] == "data-database-0" && entry["fate"] == "retained"
    };
    assert!(listed.as_array().is_some_and(|all| all.len() == 1 && all.iter().all(expected)), "{gone:#}");
    assert_eq!(volumes(&case.kubectl, &class), kept, "the volume is gone");
    give_up_volumes(&case.kubectl, &class);
    until("the volume goes once it is not kept any more", SOON, || async {
        let left = volumes(&case.kubectl, &class);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    case.ends_right();
}

fn volumes(kubectl: &Kubectl, class: &str) -> Vec<String> {
    let all = kubectl.list(&["persistentvolumes"]);
    let of_class = all.iter().filter(|volume| volume["spec"]["storageClassName"] == class);
    of_class.map(|volume| text(&volume["metadata"]["name"])).collect()
}

/// Their provisioner removes them, and what is in them.
fn give_up_volumes(kubectl: &Kubectl, class: &str) {
    for volume in volumes(kubectl, class) {
        let patch = r#"{"spec": {"persistentVolumeReclaimPolicy": "Delete"}}"#;
        let _ = kubectl.attempt(&["patch", "persistentvolume", &volume, "-p", patch]);
    }
}
