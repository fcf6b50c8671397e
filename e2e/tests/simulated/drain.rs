//! SIGTERM while installs run: what runs ends, nothing new begins, and the next server goes on.

use std::time::{Duration, Instant};

use e2e::{SimulatedCluster, helm_processes, text, until};

/// As many as run at once, and some that wait for a place.
const RUNNING: usize = 5;
const WAITING: usize = 2;

#[tokio::test]
#[ignore = "needs simulated nodes: cargo xtask test --only chaos"]
async fn a_server_that_is_told_to_end_leaves_no_install_pending_on_simulated_nodes() {
    let cluster = SimulatedCluster::start("drain");
    let kubectl = cluster.lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let gate = dir.path().join("gate");
    std::fs::write(&gate, "").expect("the file can be written");
    let held = cluster.lab.held_helm(dir.path(), &gate);
    let server = cluster.server(dir.path(), &[("HELM_BINARY", &held), ("PROVISIONING_MAX_WORKERS", "5")]).await;
    let api = server.api();
    let mut ids = Vec::new();
    for number in 1..=RUNNING + WAITING {
        ids.push(api.create(&format!("drained-{number}")).await);
    }
    let releases: Vec<String> = ids.iter().map(|id| format!("store-{id}")).collect();
    let running = || releases.iter().filter(|release| !helm_processes(release).is_empty()).count();
    until("five installs run", Duration::from_mins(1), || async {
        let running = running();
        if running == RUNNING { Ok(()) } else { Err(format!("{running} run")) }
    })
    .await;

    let told = Instant::now();
    server.tell_to_end().await;
    std::fs::remove_file(&gate).expect("the file can go");
    assert!(server.ended().await.success());
    println!("ended {:?} after SIGTERM", told.elapsed());
    assert_eq!(running(), 0, "no Helm outlives its server");
    let statuses: Vec<_> = releases.iter().map(|release| kubectl.record_statuses(release)).collect();
    let finished = statuses.iter().filter(|status| **status == ["deployed"]).count();
    let untouched = statuses.iter().filter(|status| status.is_empty()).count();
    assert_eq!((finished, untouched), (RUNNING, WAITING), "{statuses:?}");

    let server = cluster.server(dir.path(), &[]).await;
    for id in &ids {
        let store = server.api().until_status(id, "READY").await;
        assert_eq!(store["attempt"], 1);
        let release = text(&store["helm_release"]);
        assert_eq!(kubectl.revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    }
    assert!(server.terminate().await.success());
}
