//! The dashboard in Chromium, on a demo: everything in it is simulated but the browser, the server and its API. The part
//! `shop` takes three of the walks (create, restart, delete) with a shop and a database that are there
//! (`shops/dashboard.rs`).

use std::path::PathBuf;
use std::time::Duration;

use e2e::{Demo, Nginx, new_token, own_name, text, until};
use serde_json::json;

/// Where pictures are left for whoever wants to look at them.
fn pictures() -> PathBuf {
    let folder = std::env::var_os("STORE_TEST_PICTURES").map(PathBuf::from);
    folder.unwrap_or_else(|| std::env::temp_dir().join("store-dashboard"))
}

macro_rules! demo {
    ($dir:ident, $demo:ident) => {
        let $dir = tempfile::tempdir().expect("a folder");
        let $demo = Demo::start($dir.path(), &[]).await;
    };
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_store_is_created_once_and_comes_up_gate_by_gate() {
    demo!(dir, demo);
    let seen = demo.walk("dashboard-create.mjs", &json!({ "name": own_name("walk") }));
    assert_eq!(demo.api().store(&text(&seen["id"])).await["status"], "READY");
    assert!(demo.output().contains("SIMULATED"), "a demo says what it is: {}", demo.output());
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_failed_store_tells_why_and_a_retry_brings_it_up() {
    demo!(dir, demo);
    let seen = demo.walk("dashboard-retry.mjs", &json!({ "name": "fail-flowers" }));
    assert_eq!(seen["ended"], "READY", "{seen}");
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_store_is_deleted_after_its_name_was_typed() {
    demo!(dir, demo);
    demo.walk("dashboard-delete.mjs", &json!({ "name": "tea-house" }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_two_tabs_agree() {
    demo!(dir, demo);
    demo.walk("dashboard-two-tabs.mjs", &json!({ "name": own_name("tabs") }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_page_without_its_stream_polls_until_it_is_back() {
    demo!(dir, demo);
    demo.walk("dashboard-connection.mjs", &json!({}));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_nginx_serves_the_dashboard_beside_the_api() {
    demo!(dir, demo);
    let nginx = Nginx::start(dir.path(), &demo.url()).await;
    let page = nginx.download("/ui/").await;
    assert!(page.contains("<div id=\"app\""), "{page}");
    assert_eq!(nginx.download("/ui/stores/a123456789").await, page, "a page has an address of its own");
    assert_eq!(nginx.get("/ui/assets/gone.js").await.status().as_u16(), 404, "a script is no page");
    assert!(nginx.download("/docs").await.contains("/docs/page.js"));
    has_the_headers_of_the_server(&nginx, &demo).await;
    tells_at_once(&nginx).await;
    // What one tab does, the other sees.
    Demo::walk_at(&nginx.url(), "dashboard-two-tabs.mjs", &json!({ "name": own_name("beside") }));
}

/// A stream says little at a time, and nothing of it is held back until there is more; not for compressing it either.
async fn tells_at_once(nginx: &Nginx) {
    let request = reqwest::Client::new().get(format!("{}/api/v1/events", nginx.url()));
    let mut stream = request.header("accept-encoding", "gzip").send().await.expect("nginx answers");
    let first = tokio::time::timeout(Duration::from_secs(30), stream.chunk()).await;
    let first = first.expect("nothing came of an open stream").expect("it goes on").expect("something");
    let text = String::from_utf8_lossy(&first);
    assert!(text.starts_with(':') || text.starts_with("id:") || text.starts_with("event:"), "{text}");
}

/// What the browser is told about the pages is the same, whoever serves them.
async fn has_the_headers_of_the_server(nginx: &Nginx, demo: &Demo) {
    let of_server = async |path| reqwest::get(format!("{}{path}", demo.url())).await.expect("the demo answers");
    let page = of_server("/ui/").await.text().await.expect("the page");
    let script = page.split('"').find(|text| text.starts_with("/ui/assets/index-"));
    let names = [
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "cross-origin-opener-policy",
        "cache-control",
    ];
    for path in ["/ui/", "/ui/stores/a123456789", script.expect("a page has scripts")] {
        let (answer, server) = (nginx.get(path).await, of_server(path).await);
        for name in names {
            assert!(server.headers().contains_key(name), "the server has no {name}");
            assert_eq!(answer.headers().get(name), server.headers().get(name), "{name} of {path}");
        }
    }
    assert_eq!(nginx.get("/ui/assets/gone.js").await.headers()["cache-control"], "no-cache", "it may come yet");
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_nginx_serves_the_dashboard_at_the_root_of_a_site_as_users_have_it() {
    demo!(dir, demo);
    let nginx = Nginx::of_users(dir.path(), &demo.url()).await;
    let page = nginx.download("/").await;
    assert!(page.contains("<div id=\"app\""), "{page}");
    assert_eq!(nginx.download("/stores/a123456789").await, page, "a page has an address of its own");
    tells_at_once(&nginx).await;
    Demo::walk_at(&nginx.url(), "dashboard-two-tabs.mjs", &json!({ "name": own_name("root"), "base": "" }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_store_that_gets_into_trouble_is_shown_so_as_it_happens() {
    demo!(dir, demo);
    demo.walk("dashboard-condition.mjs", &json!({ "name": own_name("degraded") }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_whoever_has_no_mouse_creates_opens_and_deletes_a_store() {
    demo!(dir, demo);
    demo.walk("dashboard-keyboard.mjs", &json!({ "name": own_name("typed") }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_a_page_recovers_by_itself_when_all_that_it_showed_is_gone() {
    demo!(dir, demo);
    let ready = dir.path().join("ready");
    let input = json!({ "ready": ready, "name": "corner-books" });
    let url = demo.url();
    let walk = std::thread::spawn(move || Demo::walk_at(&url, "dashboard-restart.mjs", &input));
    until("the page is live", Duration::from_mins(1), || async {
        ready.exists().then_some(()).ok_or("not yet".into())
    })
    .await;
    let demo = demo.replaced(dir.path()).await;
    walk.join().expect("the walk ends well");
    drop(demo);
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_html_in_every_free_text_changes_nothing() {
    demo!(dir, demo);
    demo.walk("dashboard-hostile.mjs", &json!({ "name": "corner-books" }));
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_who_has_no_token_sees_nothing_and_a_viewer_changes_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let tokens = dir.path().join("tokens.yaml");
    let (admin, viewer) = (new_token(&tokens, "ada", "admin"), new_token(&tokens, "grace", "viewer"));
    let demo = Demo::start(dir.path(), &["--api-tokens-file", &tokens.display().to_string()]).await;
    demo.walk("dashboard-roles.mjs", &json!({ "token": admin, "viewer_token": viewer }));
    assert!(!demo.output().contains(&admin) && !demo.output().contains(&viewer), "a token is in the log");
}

#[tokio::test]
#[ignore = "needs a browser: cargo xtask test --only dashboard"]
async fn in_a_demo_every_page_is_accessible_in_light_and_dark_and_on_a_phone() {
    let dir = tempfile::tempdir().expect("a folder");
    let tokens = dir.path().join("tokens.yaml");
    let token = new_token(&tokens, "ada", "admin");
    let arguments = ["--demo-stores", "1", "--api-tokens-file", &tokens.display().to_string()];
    let demo = Demo::start(dir.path(), &arguments).await;
    let input = json!({
        "token": token, "screenshots": pictures(), "deletes": "shop-00001", "creates": "slow-orchard"
    });
    let seen = demo.walk("dashboard-look.mjs", &input);
    assert_eq!(seen["violations"], json!([]));
}
