//! Pods that cannot start, or do not stay.

use e2e::{SmallChart, Watch, listening};
use serde_json::json;

use crate::case::{Case, SOON, least_times};
use crate::expect::failure;
use crate::injected::absent_image;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_image_that_cannot_be_pulled_fails_the_store() {
    let mut case = case!(Fault);
    let image = absent_image();
    let store = case.store("no-image", &SmallChart::new().server(&json!({ "image": image }))).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let shown = pods.until("an image cannot be pulled", SOON, shown::image_cannot_be_pulled).await;
    failure("image_pull")
        .blaming("Pod", "server-")
        .beginning("Medusa pod not ready")
        .saying(&image)
        .of_failed(&store.failed().await);
    case.detected("image_pull", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_postgresql_that_keeps_crashing_fails_the_store() {
    let mut case = case!(Fault);
    a_database_that_keeps_crashing_is_named(&mut case, "medusa", "PostgreSQL pod not ready").await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_mysql_that_keeps_crashing_fails_the_store() {
    let mut case = case!(Fault);
    a_database_that_keeps_crashing_is_named(&mut case, "woocommerce", "MySQL pod not ready").await;
    case.ends_right();
}

async fn a_database_that_keeps_crashing_is_named(case: &mut Case, engine: &str, begins: &str) {
    let chart = SmallChart::new().database(&listening("echo 'the data directory is no database'; exit 7", 5432));
    let api = case.serve(&chart, &[]).await;
    let store = case.create_of(&api, "crashes", engine).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let shown = pods.until("the database crashes", SOON, shown::crashed(1)).await;
    let failed = store.failed().await;
    let expected = failure("crash_loop").blaming("Pod", "database-0").beginning(begins);
    expected.saying("the data directory is no database").of_failed(&failed);
    let repeated = pods.first(shown::crashed(least_times("crash_loop"))).expect("it crashed often enough");
    case.detected_after("crash_loop", shown, repeated, store.told("failed", "").await);
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_container_that_is_killed_for_its_memory_fails_the_store() {
    let mut case = case!(Fault);
    let mut greedy = listening("x=0123456789abcdef; while :; do x=$x$x; done", 9000);
    greedy["resources"] = json!({ "limits": { "memory": "32Mi" } });
    let store = case.store("greedy", &SmallChart::new().server(&greedy)).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let shown = pods.until("a container is killed for its memory", SOON, shown::killed_for_memory).await;
    let expected = failure("out_of_memory").blaming("Pod", "server-").beginning("Medusa pod not ready");
    expected.of_failed(&store.failed().await);
    let repeated = pods.first(shown::crashed(least_times("out_of_memory"))).expect("it was killed often enough");
    case.detected_after("out_of_memory", shown, repeated, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_pod_that_no_node_has_room_for_fails_the_store() {
    let mut case = case!(Fault);
    let huge = json!({ "resources": { "requests": { "cpu": "1000" } } });
    let store = case.store("huge", &SmallChart::new().server(&huge)).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let shown = pods.until("no node has room", SOON, shown::no_node_has_room).await;
    failure("unschedulable")
        .blaming("Pod", "server-")
        .beginning("Medusa pod not ready")
        .saying("Insufficient cpu")
        .of_failed(&store.failed().await);
    case.detected("unschedulable", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_container_whose_secret_is_missing_fails_the_store() {
    let mut case = case!(Fault);
    let key = json!({ "name": "no-such-secret", "key": "password" });
    let server = json!({ "env": [{ "name": "PASSWORD", "valueFrom": { "secretKeyRef": key } }] });
    let store = case.store("no-secret", &SmallChart::new().server(&server)).await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let is_shown = shown::waiting("CreateContainerConfigError");
    let shown = pods.until("a container cannot be created", SOON, is_shown).await;
    failure("container_config")
        .blaming("Pod", "server-")
        .beginning("Medusa pod not ready")
        .saying("no-such-secret")
        .of_failed(&store.failed().await);
    case.detected("container_config", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn time_that_runs_out_names_the_gate_and_the_prime_suspect_of_a_real_store() {
    let mut case = case!(Fault);
    let huge = json!({ "resources": { "requests": { "cpu": "1000" } } });
    let chart = SmallChart::new().server(&huge);
    let api = case.serve(&chart, &[("PROVISIONING_TIMEOUT_SECONDS", "60")]).await;
    let store = case.create(&api, "slow").await;
    let failed = store.failed().await;
    failure("timed_out")
        .blaming("Pod", "server-")
        .beginning("Provisioning timed out")
        .saying("application")
        .saying("Insufficient cpu")
        .of_failed(&failed);
    let over = store.told("attempt_started", "").await + std::time::Duration::from_mins(1);
    case.detected("timed_out", over, store.told("failed", "").await);
    case.ends_right();
}
