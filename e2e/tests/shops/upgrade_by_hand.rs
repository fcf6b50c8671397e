//! An operator upgrades a store's release by hand, and rolls it back: the platform respects it.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use e2e::{Api, Containerd, Kubectl, Lab, Server, Site, own_name, text, until};
use serde_json::Value;

use crate::common::is_gone;

const IMAGE: &str = "docker.io/library/store-medusa";
const BY_HAND: &str = "by-hand";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn an_upgrade_and_a_rollback_by_hand_are_respected() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let containerd = Containerd::open();
    let version = env!("CARGO_PKG_VERSION");
    containerd.untag(&format!("{IMAGE}:{BY_HAND}"));
    containerd.tag(&format!("{IMAGE}:{version}"), &format!("{IMAGE}:{BY_HAND}"));
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create(&own_name("by-hand")).await;
    let store = api.until_status(&id, "READY").await;
    let release = text(&store["helm_release"]);

    let chart = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../charts/store")
        .display()
        .to_string();
    let tag = format!("medusa.image.tag={BY_HAND}");
    let refused = helm(&lab, &release, &["upgrade", &release, &chart, "--set", &tag]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "an upgrade that loses the platform's values was accepted");
    assert!(told.contains("--reuse-values"), "{told:.2000}");
    assert_eq!(kubectl.revisions(&release).len(), 1, "the refusal left a revision");

    must(&helm(&lab, &release, &["upgrade", &release, &chart, "--reuse-values", "--set", &tag]));
    is_served_by(&api, &kubectl, &lab, &store, BY_HAND).await;
    is_revision(&api, &kubectl, &store, 2).await;
    must(&helm(&lab, &release, &["rollback", &release, "1"]));
    is_served_by(&api, &kubectl, &lab, &store, version).await;
    is_revision(&api, &kubectl, &store, 3).await;

    is_gone(&api, &kubectl, &store).await;
    containerd.untag(&format!("{IMAGE}:{BY_HAND}"));
    assert!(server.terminate().await.success());
}

fn helm(lab: &Lab, release: &str, arguments: &[&str]) -> Output {
    let mut helm = Command::new(&lab.helm);
    helm.args(arguments).args(["-n", release, "--kubeconfig"]).arg(&lab.kubeconfig).output().expect("helm runs")
}

fn must(output: &Output) {
    // Helm repeats whole objects.
    assert!(output.status.success(), "{:.2000}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until the server's pod runs this tag and the store is healthy and answers; it never stops being READY.
async fn is_served_by(api: &Api, kubectl: &Kubectl, lab: &Lab, store: &Value, tag: &str) {
    let (id, namespace) = (text(&store["id"]), text(&store["namespace"]));
    until(&format!("the store is served by {tag}"), Duration::from_mins(2), || async {
        let now = api.store(&id).await;
        assert_eq!(now["status"], "READY", "{now:#}");
        let pods = kubectl.list(&["pods", "-n", &namespace, "-l", "app.kubernetes.io/component=server"]);
        let runs = |pod: &Value| {
            text(&pod["spec"]["containers"][0]["image"]).ends_with(&format!(":{tag}"))
                && pod["status"]["containerStatuses"][0]["ready"] == true
        };
        let served = !pods.is_empty() && pods.iter().all(runs);
        if served && now["condition"] == "healthy" { Ok(()) } else { Err(format!("{served}, {}", now["condition"])) }
    })
    .await;
    let site = Site::of(lab, store);
    until("the store answers", Duration::from_secs(20), || site.download("/health")).await;
}

/// The operator's revision is the last one, deployed; ours would be one more. The store stays READY.
async fn is_revision(api: &Api, kubectl: &Kubectl, store: &Value, revision: u64) {
    let (id, release) = (text(&store["id"]), text(&store["helm_release"]));
    let statuses = kubectl.record_statuses(&release);
    assert_eq!(statuses.len() as u64, revision, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| *status == "deployed").count(), 1, "{statuses:?}");
    let now = api.store(&id).await;
    assert_eq!(now["status"], "READY", "{now:#}");
}
