//! What only looks like a fault: the store becomes READY in its first attempt.

use std::time::Duration;

use e2e::{Containerd, SmallChart, Watch, listening};
use serde_json::json;

use crate::case::SOON;
use crate::shown;

/// How long an image is missing: longer than a first and a second try.
const MISSING_FOR: Duration = Duration::from_secs(30);

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_image_pull_that_recovers_is_no_failure() {
    let mut case = case!(Control);
    let (containerd, image) = (Containerd::open(), format!("registry.invalid/late:{}", std::process::id()));
    let (runtime, name) = (containerd.clone(), image.clone());
    case.finally(move |_| runtime.untag(&name));
    let store = case.store("late-image", &SmallChart::new().server(&json!({ "image": image }))).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    pods.until("the image cannot be pulled", SOON, shown::image_cannot_be_pulled).await;
    tokio::time::sleep(MISSING_FOR).await;
    containerd.tag("docker.io/library/busybox:latest", &image);
    store.ready_at_once().await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_slow_database_is_no_failure() {
    let mut case = case!(Control);
    let database = listening("sleep 75; exec httpd -f -p 5432", 5432);
    let store = case.store("slow-data", &SmallChart::new().database(&database)).await;
    store.ready_at_once().await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_single_crash_is_no_failure() {
    let mut case = case!(Control);
    // After its crash it takes longer to start than a crash loop has to last.
    let script = "[ -e /scratch/crashed ] || { touch /scratch/crashed; exit 1; }; sleep 65; exec httpd -f -p 9000";
    let mut server = listening(script, 9000);
    server["volumeMounts"] = json!([{ "name": "scratch", "mountPath": "/scratch" }]);
    let scratch = json!({ "volumes": [{ "name": "scratch", "emptyDir": {} }] });
    let store = case.store("one-crash", &SmallChart::new().server(&server).pod("server", &scratch)).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    pods.until("the server crashes", SOON, shown::crashed(1)).await;
    store.ready_at_once().await;
    assert_eq!(pods.first(shown::crashed(2)), None, "it crashed more than once");
    case.ends_right();
}
