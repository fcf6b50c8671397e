//! A cluster that is away parks the work. In a file of its own, so that no other test runs meanwhile.

use std::process::Command;
use std::time::Duration;

use e2e::{Lab, Server, request, text, until};
use reqwest::Method;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_cluster_that_is_away_parks_the_work_and_it_goes_on_when_it_is_back() {
    let lab = Lab::open();
    let xtask = |command: &str| {
        let status = Command::new(&lab.xtask_bin).args(["cluster", command]).status().expect("xtask runs");
        assert!(status.success(), "cluster {command}");
    };
    let dir = tempfile::tempdir().expect("a folder");
    xtask("stop-api");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let api = server.api();
    assert_eq!(api.get("/health").await["status"], "healthy");
    let (status, accepted) = api.call(Method::POST, "/stores", Some(&request("away"))).await;
    assert_eq!(status, 202, "{accepted:#}");
    let id = text(&accepted["id"]);
    let parked = until("the store says why it waits", Duration::from_secs(30), || async {
        let store = api.store(&id).await;
        if store["parked"].is_string() { Ok(store) } else { Err(store["parked"].to_string()) }
    })
    .await;
    assert!(text(&parked["parked"]).contains("cannot be reached"), "{parked:#}");
    let (status, ready) = api.call(Method::GET, "/readyz", None).await;
    assert_eq!(status, 200, "only the database decides: {ready:#}");
    assert!(ready.to_string().contains("unreachable"), "{ready:#}");
    xtask("start-api");
    let ready = api.until_status(&id, "READY").await;
    api.delete(&id).await;
    api.until_status(&id, "DELETED").await;
    lab.kubectl().until_nothing_is_left(&text(&ready["namespace"])).await;
}
