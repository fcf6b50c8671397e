//! The server is killed at bad moments, or is away for too long; the store becomes ready without help, once.

use std::time::{Duration, Instant};

use e2e::{Api, Kubectl, Lab, Server, until};
use serde_json::Value;

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

async fn is_ready_with_one_revision_and_then_gone(api: &Api, kubectl: &Kubectl, id: &str) {
    let store = api.until_status(id, "READY").await;
    let release = text(&store["helm_release"]);
    assert_eq!(kubectl.revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    assert_eq!(store["attempt"], 1, "nobody had to retry");
    api.delete(id).await;
    api.until_status(id, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&store["namespace"])).await;
}

/// Returns as soon as a Helm process works on this release.
async fn until_helm_runs(release: &str) {
    let began = Instant::now();
    loop {
        let lines = running(release);
        if !lines.is_empty() {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no Helm was seen for {release}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn running(release: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok())
        .filter(|line| line.contains("helm") && line.contains("install") && line.contains(release))
        .collect()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_killed_while_helm_runs_is_succeeded() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let id = server.api().create("killed-in-helm").await;
    let release = format!("store-{id}");
    until_helm_runs(&release).await;
    server.kill();
    until("Helm dies with its server", Duration::from_secs(5), || async {
        let left = running(&release);
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    })
    .await;
    let server = Server::start(&lab, dir.path(), &[]).await;
    is_ready_with_one_revision_and_then_gone(&server.api(), &lab.kubectl(), &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_killed_while_pods_start_is_succeeded() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create("killed-in-start").await;
    until("the release is deployed", Duration::from_secs(60), || async {
        let step = text(&api.store(&id).await["step"]);
        if matches!(step.as_str(), "database" | "setup" | "application") { Ok(()) } else { Err(step) }
    })
    .await;
    server.kill();
    let server = Server::start(&lab, dir.path(), &[]).await;
    is_ready_with_one_revision_and_then_gone(&server.api(), &lab.kubectl(), &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_that_was_away_for_longer_than_the_timeout_finds_the_store_ready() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    // Less than a start takes; the server is away while the store starts, so that it must not count.
    let short = [("PROVISIONING_TIMEOUT_SECONDS", "10")];
    let server = Server::start(&lab, dir.path(), &short).await;
    let api = server.api();
    let id = api.create("away-for-long").await;
    until("the release is deployed", Duration::from_secs(60), || async {
        let step = text(&api.store(&id).await["step"]);
        if step == "database" { Ok(()) } else { Err(step) }
    })
    .await;
    let stopped = Instant::now();
    assert!(server.terminate().await.success());
    let namespace = format!("store-{id}");
    until("the setup job completes without a server", Duration::from_secs(240), || async {
        let jobs = kubectl.list(&["jobs", "-n", &namespace]);
        let done = jobs.iter().any(|job| job["status"]["succeeded"] == 1);
        if done && stopped.elapsed() > Duration::from_secs(11) { Ok(()) } else { Err(format!("{} jobs", jobs.len())) }
    })
    .await;
    let server = Server::start(&lab, dir.path(), &short).await;
    is_ready_with_one_revision_and_then_gone(&server.api(), &kubectl, &id).await;
}
