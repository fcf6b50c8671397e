//! A store that fails says why and keeps no password; mended, a retry brings it up. A database of another cluster
//! touches nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{
    Api, Canaries, Customer, Kubectl, Lab, Server, own_name, password, sealed_password, sealed_passwords, text, until,
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_whose_image_cannot_be_pulled_fails_with_the_culprit_and_a_retry_mends_it() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let chart = dir.path().join("chart");
    copy(&concat_path("../charts/store"), &chart);
    let values = std::fs::read_to_string(chart.join("values-local.yaml")).expect("the chart has local values");
    let broken = format!("{values}\nmedusa:\n  image:\n    tag: no-such-tag\n");
    let broken = if values.contains("\nmedusa:") { patch_tag(&values) } else { broken };
    std::fs::write(chart.join("values-broken.yaml"), broken).expect("it can be written");
    let chart = chart.display().to_string();
    let changes = [("HELM_CHART_PATH", chart.as_str()), ("HELM_ENV_VALUES_FILE", "values-broken.yaml")];
    let (id, sealed) = asked_for_without_a_cluster(&lab, dir.path(), &own_name("broken-image")).await;
    let server = Server::start(&lab, dir.path(), &changes).await;
    let failed = server.api().until_status(&id, "FAILED").await;
    assert_eq!(failed["failure"]["code"], "image_pull", "{failed:#}");
    assert!(text(&failed["failure_reason"]).contains("no-such-tag"), "{}", failed["failure_reason"]);
    assert!(text(&failed["failure"]["object"]["kind"]).contains("Pod"));
    let canaries = canaries(&kubectl, dir.path(), &failed, &sealed);
    is_erased(dir.path(), &canaries);
    is_not_told(&server.api(), &id, &canaries).await;
    assert!(server.terminate().await.success());

    let server = Server::start(&lab, dir.path(), &[]).await;
    let (status, body) = server.api().call(Method::POST, &format!("/stores/{id}/retry"), None).await;
    assert_eq!(status, 202, "{body:#}");
    let ready = server.api().until_status(&id, "READY").await;
    assert_eq!(ready["attempt"], 2);
    let customer = Customer::of(&lab, &ready);
    customer.place_order().await;
    customer.log_in(&text(&ready["admin_email"])).await;
    is_erased(dir.path(), &canaries);
    is_not_told(&server.api(), &id, &canaries).await;
    server.api().delete(&id).await;
    server.api().until_status(&id, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&ready["namespace"])).await;
    is_erased(dir.path(), &canaries);
}

/// Asks a server for a store that it cannot begin to bring up, and stops it. Returns the store's id and how its
/// password lies in the database.
async fn asked_for_without_a_cluster(lab: &Lab, dir: &Path, name: &str) -> (String, Vec<u8>) {
    let nowhere = dir.join("nowhere.yaml");
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        // Nothing listens on the first port of a machine.
        "clusters": [{ "name": "nowhere", "cluster": { "server": "https://127.0.0.1:1" } }],
        "users": [{ "name": "nobody", "user": {} }],
        "contexts": [{ "name": "nowhere", "context": { "cluster": "nowhere", "user": "nobody" } }],
    });
    std::fs::write(&nowhere, kubeconfig.to_string()).expect("the file can be written");
    let server = Server::start(lab, dir, &[("KUBECONFIG", &nowhere.display().to_string())]).await;
    let id = server.api().create(name).await;
    let sealed = sealed_password(dir, &id).expect("a password waits for its Secret");
    let mut canaries = Canaries::new([]);
    canaries.add("the sealed password", &sealed);
    assert_ne!(canaries.found_below(dir), Vec::<String>::new(), "the search does not find what is there");
    assert!(server.terminate().await.success());
    (id, sealed)
}

/// Everything of a store that must be nowhere now, the sealed password included.
fn canaries(kubectl: &Kubectl, dir: &Path, store: &Value, sealed: &[u8]) -> Canaries {
    let secret = kubectl.secrets(&text(&store["namespace"]), &text(&store["credentials_secret"]));
    let expected = password(&text(&store["name"]));
    assert!(secret.iter().any(|(key, value)| key == "admin-password" && *value == expected));
    let secret = secret.into_iter().filter(|(key, _)| !matches!(key.as_str(), "admin-username" | "admin-email"));
    let mut canaries = Canaries::new(secret);
    canaries.add("the sealed password", sealed);
    canaries.add_keys(&dir.join("stores.db.credentials-key"));
    canaries
}

/// Nothing of the password is in the database, the write-ahead log, the log files or the output.
fn is_erased(dir: &Path, canaries: &Canaries) {
    assert_eq!(sealed_passwords(dir), 0, "the Secret exists");
    canaries.assert_absent_below(dir);
}

async fn is_not_told(api: &Api, id: &str, canaries: &Canaries) {
    for path in ["/stores".to_owned(), format!("/stores/{id}"), format!("/stores/{id}/events"), "/readyz".to_owned()] {
        canaries.assert_absent(&path, api.get(&path).await.to_string().as_bytes());
    }
}

fn concat_path(relative: &str) -> PathBuf {
    Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join(relative)
}

/// Adds the tag to the `medusa.image` that the values have already.
fn patch_tag(values: &str) -> String {
    values.replacen("\nmedusa:\n", "\nmedusa:\n  image:\n    tag: no-such-tag\n", 1)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the folder can be made");
    for entry in std::fs::read_dir(from).expect("the chart is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_database_of_another_cluster_parks_all_work_and_nothing_is_deleted() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let id = server.api().create("other-cluster").await;
    server.api().until_installed(&id).await;
    assert!(server.terminate().await.success());
    let before = uid_of(&kubectl, &id);
    bind_elsewhere(&dir.path().join("stores.db"));

    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let parked = until("the work is parked", Duration::from_secs(20), || async {
        let store = api.store(&id).await;
        if store["parked"].is_string() { Ok(store) } else { Err(store["parked"].to_string()) }
    })
    .await;
    assert!(text(&parked["parked"]).contains("belongs to the cluster"), "{parked:#}");
    let (_, ready) = api.call(Method::GET, "/readyz", None).await;
    assert!(ready.to_string().contains("other_cluster"), "{ready:#}");
    assert_eq!(api.delete(&id).await["status"], "DELETING");
    // Long enough for several rounds of the loop.
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(api.store(&id).await["status"], "DELETING");
    }
    assert_eq!(uid_of(&kubectl, &id), before, "the namespace was touched");
    drop(server);
    kubectl.run(&["delete", "namespace", &format!("store-{id}"), "--wait=false"]);
}

fn uid_of(kubectl: &Kubectl, id: &str) -> String {
    kubectl.run(&["get", "namespace", &format!("store-{id}"), "-o", "jsonpath={.metadata.uid}"])
}

fn bind_elsewhere(database: &Path) {
    let status = Command::new("sqlite3")
        .arg(database)
        .arg("UPDATE installation SET cluster_uid = 'the-uid-of-another-cluster'")
        .status()
        .expect("sqlite3 runs");
    assert!(status.success());
}
