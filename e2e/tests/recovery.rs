//! The server is killed at bad moments, or is away for too long; the store becomes ready without help, once.

use std::time::{Duration, Instant};

use e2e::{Api, Kubectl, Lab, Server, helm_processes, text, until};

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

async fn helm_dies_with_its_server(release: &str) {
    until("Helm dies with its server", Duration::from_secs(5), || async {
        let left = running(release);
        if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
    })
    .await;
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
async fn a_server_killed_before_helm_has_a_record_is_succeeded() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let slow = lab.slow_helm(dir.path());
    let server = Server::start(&lab, dir.path(), &[("HELM_BINARY", &slow)]).await;
    let id = server.api().create("killed-in-helm").await;
    let release = format!("store-{id}");
    until_helm_runs(&release).await;
    server.kill();
    helm_dies_with_its_server(&release).await;
    assert_eq!(lab.kubectl().revisions(&release), Vec::<String>::new(), "it was killed too late");
    let server = Server::start(&lab, dir.path(), &[]).await;
    is_ready_with_one_revision_and_then_gone(&server.api(), &lab.kubectl(), &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_killed_while_the_release_is_pending_is_succeeded() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let slow = lab.slow_helm(dir.path());
    let server = Server::start(&lab, dir.path(), &[("HELM_BINARY", &slow)]).await;
    let id = server.api().create("killed-pending").await;
    let release = format!("store-{id}");
    until("the release is pending", Duration::from_secs(30), || async {
        let statuses = kubectl.record_statuses(&release);
        if statuses == ["pending-install"] { Ok(()) } else { Err(format!("{statuses:?}")) }
    })
    .await;
    assert_eq!(helm_processes(&release).len(), 1, "Helm still runs");
    server.kill();
    helm_dies_with_its_server(&release).await;
    assert_eq!(kubectl.record_statuses(&release), ["pending-install"], "it was killed too late");

    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    api.until_status(&id, "READY").await;
    assert_eq!(helm_processes(&release), Vec::<String>::new());
    let events = api.get(&format!("/stores/{id}/events")).await;
    let kinds: Vec<_> = events["events"].as_array().expect("events").iter().map(|event| text(&event["kind"])).collect();
    assert!(kinds.iter().any(|kind| kind == "recovering"), "{kinds:?}");
    is_ready_with_one_revision_and_then_gone(&api, &kubectl, &id).await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_killed_while_pods_start_is_succeeded() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    let id = api.create("killed-in-start").await;
    until("the release is deployed", Duration::from_mins(1), || async {
        let step = api.store(&id).await["step"].clone();
        if matches!(step.as_str(), Some("database" | "setup" | "application")) { Ok(()) } else { Err(step.to_string()) }
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
    api.until_installed(&id).await;
    let stopped = Instant::now();
    assert!(server.terminate().await.success());
    let namespace = format!("store-{id}");
    until("the setup job completes without a server", Duration::from_mins(4), || async {
        let jobs = kubectl.list(&["jobs", "-n", &namespace]);
        let done = jobs.iter().any(|job| job["status"]["succeeded"] == 1);
        if done && stopped.elapsed() > Duration::from_secs(11) { Ok(()) } else { Err(format!("{} jobs", jobs.len())) }
    })
    .await;
    let server = Server::start(&lab, dir.path(), &short).await;
    is_ready_with_one_revision_and_then_gone(&server.api(), &kubectl, &id).await;
}
