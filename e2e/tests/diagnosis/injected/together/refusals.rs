//! Pods and names that are refused.

use e2e::{SmallChart, Watch, own_name, request, text, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::case::SOON;
use crate::expect::failure;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn pods_that_a_quota_forbids_fail_the_store() {
    let mut case = case!(Fault);
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "no-pods" },
        "spec": { "hard": { "pods": "0" } },
    });
    let store = case.store("quota", &SmallChart::new().object("quota", &quota)).await;
    let events = Watch::start(&case.lab, &store.path("events"));
    let shown = events.until("pods are refused", SOON, shown::event("FailedCreate", "quota")).await;
    // Pods of all three are refused, all at once.
    failure("pods_refused")
        .blaming_any(&["StatefulSet", "Deployment", "Job"])
        .saying("no-pods")
        .of_failed(&store.failed().await);
    case.detected("pods_refused", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_pod_that_pod_security_refuses_fails_the_store() {
    let mut case = case!(Fault);
    let chart = SmallChart::new().pod("server", &json!({ "hostNetwork": true }));
    let store = case.store("host-network", &chart).await;
    let events = Watch::start(&case.lab, &store.path("events"));
    let shown = events.until("a pod is refused", SOON, shown::event("FailedCreate", "violates PodSecurity")).await;
    failure("pods_refused")
        .blaming("Deployment", "server")
        .beginning("Medusa pod not ready")
        .saying("violates PodSecurity")
        .of_failed(&store.failed().await);
    case.detected("pods_refused", shown, store.told("failed", "").await);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_host_that_is_taken_is_refused_before_anything_is_made() {
    let mut case = case!(Fault);
    let api = case.serve(&SmallChart::new().ingress("nginx"), &[]).await;
    let store = case.create(&api, "same-host").await;
    let namespace = until("the store has its namespace", SOON, || async {
        case.kubectl.attempt(&["get", "namespace", &store.namespace, "-o", "json"])
    })
    .await;
    let namespace: Value = serde_json::from_str(&namespace).expect("kubectl prints JSON");
    let installation = text(&namespace["metadata"]["labels"]["store-platform/installation"]);
    for _ in 0..3 {
        let (status, refusal) = api.call(Method::POST, "/stores", Some(&request(&own_name("same-host")))).await;
        assert_eq!((status, &refusal["existing_id"]), (409, &json!(store.id)), "{refusal:#}");
    }
    store.ready().await;
    let selector = format!("store-platform/installation={installation}");
    let namespaces = case.kubectl.list(&["namespaces", "-l", &selector]);
    assert_eq!(namespaces.len(), 1, "{namespaces:#?}");
    case.ends_right();
}
