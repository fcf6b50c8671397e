//! The disk under the database is full: what cannot be written down is refused or waits, and no Helm runs that the
//! database does not know.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::{Api, Outage, SimulatedCluster, helm_processes, request, text, until};
use reqwest::Method;

/// Room for a new database and little more.
const SIZE: &str = "size=1m";
/// How long is watched that nothing begins, with the cluster in sight.
const WATCHED: Duration = Duration::from_secs(15);

/// A small file system of its own, unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts it, or says why not.
    fn mount(at: PathBuf) -> Result<Self, String> {
        fs::create_dir(&at).expect("a folder can be made");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(&at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self { at }),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a file can be made");
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }

    fn empty(&self) {
        fs::remove_file(self.filler()).expect("the filler can be removed");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

#[tokio::test]
#[ignore = "needs simulated nodes: cargo xtask test --only chaos"]
async fn a_full_disk_refuses_requests_and_begins_nothing_on_simulated_nodes() {
    let dir = tempfile::tempdir().expect("a folder");
    let disk = SmallDisk::mount(dir.path().join("disk"));
    let disk = disk.unwrap_or_else(|why| panic!("a small file system cannot be mounted here (it takes root): {why}"));
    let cluster = SimulatedCluster::start("disk-full");
    let url = format!("sqlite:///{}", disk.at.join("stores.db").display());
    let server = cluster.server(dir.path(), &[("DATABASE_URL", &url)]).await;
    let api = server.api();
    // Accepted while nothing can be done for it, so that everything is still to be done when the disk is full.
    cluster.begin(Outage::Closed);
    let waiting = api.create("before-the-disk-was-full").await;
    until("the work is parked", Duration::from_secs(30), || async {
        let store = api.store(&waiting).await;
        if store["parked"].is_string() { Ok(()) } else { Err(store["parked"].to_string()) }
    })
    .await;
    disk.fill();
    let refused = until_refused(&api).await;
    let refusals = || server.output().lines().filter(|line| line.contains("database or disk is full")).count();
    let before = refusals();
    cluster.end(Outage::Closed);
    until("the cluster is in sight", Duration::from_secs(30), || async {
        let state = api.get("/readyz").await["cluster"]["state"].clone();
        if state == "open" { Ok(()) } else { Err(state.to_string()) }
    })
    .await;
    nothing_begins(&cluster, &api, &disk.at.join("stores.db")).await;
    assert!(refusals() > before, "nobody even tried:\n{}", server.output());

    disk.empty();
    api.create(&refused).await;
    // Those that were accepted while the disk was filling up are among them.
    let stores = api.get("/stores").await["stores"].as_array().cloned().expect("a list");
    assert!(stores.iter().any(|store| store["id"] == waiting.as_str()));
    for id in stores.iter().map(|store| text(&store["id"])) {
        let store = api.until_status(&id, "READY").await;
        let release = text(&store["helm_release"]);
        assert_eq!(cluster.lab.kubectl().revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    }
    assert!(server.terminate().await.success());
}

/// Asks for stores until one is refused: the log may have room for a few more. Gives the name that was refused.
async fn until_refused(api: &Api) -> String {
    for number in 0..50 {
        let name = format!("full-{number}");
        let (status, body) = api.call(Method::POST, "/stores", Some(&request(&name))).await;
        if status == 202 {
            continue;
        }
        println!("refused after {number} more: {body}");
        assert_eq!(status, 503, "{body:#}");
        assert!(text(&body["detail"]).contains("full"), "the reason is named: {body:#}");
        assert_eq!(api.get(&format!("/stores?name={name}")).await["stores"], serde_json::json!([]));
        return name;
    }
    panic!("50 stores were accepted on a full disk");
}

/// Watches every store that was accepted for a while: any Helm that runs is one that was written down.
async fn nothing_begins(cluster: &SimulatedCluster, api: &Api, database: &Path) {
    let begun = std::time::Instant::now();
    let stores = api.get("/stores").await["stores"].as_array().cloned().expect("a list");
    let ids: Vec<String> = stores.iter().map(|store| text(&store["id"])).collect();
    while begun.elapsed() < WATCHED {
        for id in &ids {
            let running = || helm_processes(&format!("store-{id}"));
            // One that has ended since is forgotten by both.
            if !running().is_empty() && in_flight(database, id).is_empty() {
                let running = running();
                assert!(running.is_empty(), "not written down, and yet it runs: {running:?}");
            }
        }
        assert_eq!(api.get("/health").await["status"], "healthy");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun: Vec<_> = ids.iter().map(|id| cluster.lab.kubectl().record_statuses(&format!("store-{id}"))).collect();
    println!("after {WATCHED:?} on a full disk: {begun:?}");
}

/// What the database has of an action of this store.
fn in_flight(database: &Path, id: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-readonly", "-cmd", ".timeout 5000"])
        .arg(database)
        .arg(format!("SELECT in_flight FROM stores WHERE id = '{id}'"))
        .output()
        .expect("sqlite3 runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
