//! The dashboard with a shop that is there: created in Chromium, opened and its products seen, the server started anew
//! under an open page, and deleted with its evidence.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Lab, Server, own_name, run_script, text, until};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE_MS: u64 = 600_000;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_is_created_opened_kept_over_a_restart_and_deleted_in_the_dashboard() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let (api, url) = (server.api(), server.url());
    let name = own_name("clicked");
    let input = json!({ "url": url, "name": name, "engine": "medusa", "patience_ms": PATIENCE_MS });
    let seen = run_script(&lab, "dashboard-create.mjs", &input);
    let store = api.store(&text(&seen["id"])).await;
    assert_eq!(store["status"], "READY", "{store:#}");
    assert!(seen["products"].as_u64().is_some_and(|count| count > 0), "the link leads to no products: {seen}");

    let successor = is_started_anew_under_a_page(&lab, dir.path(), server, &store).await;

    run_script(&lab, "dashboard-delete.mjs", &json!({ "url": url, "name": name, "patience_ms": PATIENCE_MS }));
    lab.kubectl().until_nothing_is_left(&text(&store["namespace"])).await;
    drop(successor);
}

/// Ends the server and starts another one on its database, at its address, while a page is open. The page goes on with
/// its stream of events where that broke off, and misses nothing that happened meanwhile.
async fn is_started_anew_under_a_page(lab: &Lab, dir: &Path, server: Server, store: &Value) -> Server {
    let (api, url) = (server.api(), server.url());
    let (ready, changed) = (dir.join("ready"), dir.join("changed"));
    let input = json!({
        "url": url, "name": store["name"], "ready": ready, "changed": changed, "patience_ms": PATIENCE_MS,
    });
    let walk = std::thread::spawn(move || run_script(&Lab::open(), "dashboard-restart.mjs", &input));
    until("the page is live", Duration::from_mins(1), || async {
        if ready.exists() { Ok(()) } else { Err("not yet".to_owned()) }
    })
    .await;
    let successor = server.replaced(lab, dir).await;
    // The page comes back only after this, so it has to be told by the stream.
    let path = format!("/api/v1/stores/{}", text(&store["id"]));
    for protected in [true, false] {
        let (status, body) = api.call(Method::PATCH, &path, Some(&json!({ "protected": protected }))).await;
        assert_eq!(status, 200, "{body:#}");
    }
    fs::write(&changed, "").expect("a file");
    let seen = walk.join().expect("the walk ends well");
    assert_eq!(seen["resumed_with"], json!(["protected", "unprotected"]), "{seen}");
    successor
}
