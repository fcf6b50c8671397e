//! The API server goes away in the middle of provisioning, in both ways, for a minute and for five.

use std::time::{Duration, Instant};

use e2e::{Api, Outage, SimulatedCluster, text, until};
use reqwest::Method;
use serde_json::Value;

/// How many are asked for before the outage; one more is asked for in it.
const STORES: usize = 6;
/// Reads go on, and are quick.
const QUICK: Duration = Duration::from_secs(1);

/// One outage.
struct Case {
    what: Outage,
    lasts: Duration,
    /// `PROVISIONING_TIMEOUT_SECONDS`: time out of sight must not count against it.
    timeout: &'static str,
}

const SHORT: Duration = Duration::from_mins(1);
const LONG: Duration = Duration::from_mins(5);

#[tokio::test]
#[ignore = "needs simulated nodes: cargo xtask test --only chaos"]
async fn a_frozen_api_server_fails_no_store_on_simulated_nodes() {
    let cluster = SimulatedCluster::start("frozen");
    goes_away(&cluster, Case { what: Outage::Frozen, lasts: SHORT, timeout: "45" }).await;
    goes_away(&cluster, Case { what: Outage::Frozen, lasts: LONG, timeout: "600" }).await;
}

#[tokio::test]
#[ignore = "needs simulated nodes: cargo xtask test --only chaos"]
async fn a_closed_api_server_fails_no_store_on_simulated_nodes() {
    let cluster = SimulatedCluster::start("closed");
    goes_away(&cluster, Case { what: Outage::Closed, lasts: SHORT, timeout: "45" }).await;
    goes_away(&cluster, Case { what: Outage::Closed, lasts: LONG, timeout: "600" }).await;
}

async fn goes_away(cluster: &SimulatedCluster, case: Case) {
    let dir = tempfile::tempdir().expect("a folder");
    // One action at a time, so that there is a middle.
    let settings = [("PROVISIONING_TIMEOUT_SECONDS", case.timeout), ("PROVISIONING_MAX_WORKERS", "1")];
    let server = cluster.server(dir.path(), &settings).await;
    let api = server.api();
    let mut ids = Vec::new();
    for number in 1..=STORES {
        ids.push(api.create(&format!("outage-{number}")).await);
    }
    let before = until_some_are_under_way(&api).await;
    cluster.begin(case.what);
    ids.push(api.create("outage-late").await);
    let slowest = reads_go_on(&api, case.lasts).await;
    are_parked(&api, &before).await;
    cluster.end(case.what);
    let begun = Instant::now();
    for id in &ids {
        let store = api.until_status(id, "READY").await;
        assert_eq!(store["attempt"], 1, "nobody had to retry");
        let release = text(&store["helm_release"]);
        assert_eq!(cluster.lab.kubectl().revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    }
    println!(
        "{:?} for {:?}: slowest read {slowest:?}, everything READY {:?} after the end",
        case.what,
        case.lasts,
        begun.elapsed()
    );
    all_go(cluster, &api, &ids).await;
    assert!(server.terminate().await.success());
}

/// Waits until Helm is done for some, and gives the stores that are not READY yet.
async fn until_some_are_under_way(api: &Api) -> Vec<String> {
    until("Helm is done for some and not for others", Duration::from_mins(1), || async {
        let stores = stores(api).await;
        let is_before_helm =
            |store: &&Value| matches!(store["step"].as_str(), Some("queued" | "namespace" | "credentials" | "release"));
        let waiting = stores.iter().filter(is_before_helm).count();
        let moving = stores.iter().filter(|store| store["status"] == "PROVISIONING");
        if waiting < STORES && waiting > 1 {
            Ok(moving.map(|store| text(&store["id"])).collect())
        } else {
            Err(format!("{waiting} wait for Helm"))
        }
    })
    .await
}

/// Looks at the list every second; gives the slowest answer.
async fn reads_go_on(api: &Api, lasts: Duration) -> Duration {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    while begun.elapsed() < lasts {
        let asked = Instant::now();
        let stores = stores(api).await;
        let took = asked.elapsed();
        slowest = slowest.max(took);
        assert!(took < QUICK, "GET /stores took {took:?}");
        assert_eq!(stores.len(), STORES + 1);
        for store in stores {
            assert_ne!(store["status"], "FAILED", "{:?} into the outage: {store:#}", begun.elapsed());
        }
        tokio::time::sleep(QUICK.saturating_sub(took)).await;
    }
    slowest
}

/// What cannot go on says why.
async fn are_parked(api: &Api, moving: &[String]) {
    let (status, ready) = api.call(Method::GET, "/readyz", None).await;
    assert_eq!(status, 200, "only the database decides: {ready:#}");
    assert!(ready.to_string().contains("unreachable"), "{ready:#}");
    for id in moving {
        let store = api.store(id).await;
        let is_parked = store["parked"].as_str().is_some_and(|why| why.contains("cannot be reached"));
        assert!(is_parked || store["status"] == "READY", "{store:#}");
    }
}

async fn all_go(cluster: &SimulatedCluster, api: &Api, ids: &[String]) {
    for id in ids {
        api.delete(id).await;
    }
    for id in ids {
        let gone = api.until_status(id, "DELETED").await;
        cluster.lab.kubectl().until_nothing_is_left(&text(&gone["namespace"])).await;
    }
}

async fn stores(api: &Api) -> Vec<Value> {
    api.get("/stores").await["stores"].as_array().cloned().expect("a list")
}
