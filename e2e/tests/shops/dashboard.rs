//! The dashboard with a shop that is there: created in Chromium, opened, the server started anew under the open page, and
//! deleted with its evidence.

use e2e::{Lab, Server, Site, own_name, run_script, text};
use serde_json::json;

const PATIENCE_MS: u64 = 600_000;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_store_is_created_opened_and_deleted_in_the_dashboard() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let (api, url) = (server.api(), server.url());
    let name = own_name("clicked");
    let input = json!({ "url": url, "name": name, "engine": "medusa", "patience_ms": PATIENCE_MS });
    let seen = run_script(&lab, "dashboard-create.mjs", &input);
    let store = api.store(&text(&seen["id"])).await;
    assert_eq!(store["status"], "READY", "{store:#}");
    Site::of(&lab, &store).download("/").await.expect("the link leads to a shop");

    run_script(&lab, "dashboard-delete.mjs", &json!({ "url": url, "name": name, "patience_ms": PATIENCE_MS }));
    lab.kubectl().until_nothing_is_left(&text(&store["namespace"])).await;
    assert!(server.terminate().await.success());
}
