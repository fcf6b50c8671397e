//! READY stores that lose something, or cannot be reached from outside: they stay READY and say so.

use std::process::Command;
use std::time::Duration;

use e2e::{SmallChart, Watch, own_name};
use serde_json::json;

use crate::case::{Case, SOON, Store};
use crate::expect::failure;
use crate::injected::absent_image;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_deployment_deleted_by_hand_is_drift() {
    let mut case = case!(Fault);
    let store = case.store("drift", &SmallChart::new()).await;
    store.ready().await;
    let deployments = Watch::start(&case.lab, &store.path("deployments"));
    case.kubectl.run(&["delete", "deployment", "server", "-n", &store.namespace, "--wait=false"]);
    let shown = deployments.until("the deployment is gone", SOON, shown::deleted("server")).await;
    let (degraded, told) = store.degraded().await;
    failure("drift").blaming("Deployment", "server").of_degraded(&degraded);
    case.detected("drift", shown, told);
    assert_eq!(store.read().await["status"], "READY");
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_deployment_deleted_by_hand_is_repaired_when_asked_for() {
    let mut case = case!(Fault);
    let store = case.store("repair", &SmallChart::new()).await;
    store.ready().await;
    case.kubectl.run(&["delete", "deployment", "server", "-n", &store.namespace]);
    let (degraded, _) = store.degraded().await;
    failure("drift").blaming("Deployment", "server").of_degraded(&degraded);
    // What the hint says: an operator rolls back to the revision that is deployed.
    assert!(degraded["degraded"]["hint"].as_str().is_some_and(|hint| hint.contains("helm rollback")), "{degraded:#}");
    let mut helm = Command::new(&case.lab.helm);
    helm.args(["rollback", &store.namespace, "1", "--namespace", &store.namespace, "--kubeconfig"]);
    let output = helm.arg(&case.lab.kubeconfig).output().expect("helm runs");
    assert!(output.status.success(), "{:.2000}", String::from_utf8_lossy(&output.stderr));
    store.api.until_condition(&store.id, "healthy").await;
    case.kubectl.run(&["get", "deployment", "server", "-n", &store.namespace]);
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_ready_store_whose_image_cannot_be_pulled_any_more_is_degraded() {
    let mut case = case!(Fault);
    let store = case.store("new-image", &SmallChart::new()).await;
    store.ready().await;
    let pods = Watch::start(&case.lab, &store.path("pods"));
    let image = absent_image();
    set_image(&case, &store, &image);
    let shown = pods.until("the image cannot be pulled", SOON, shown::image_cannot_be_pulled).await;
    let (degraded, told) = store.shows("an image that cannot be pulled", is_degraded_by("image_pull")).await;
    failure("image_pull")
        .blaming("Pod", "server-")
        .beginning("Medusa pod not ready")
        .saying(&image)
        .of_degraded(&degraded);
    case.detected("image_pull", shown, told);
    set_image(&case, &store, "busybox:latest");
    store.api.until_condition(&store.id, "healthy").await;
    case.ends_right();
}

fn is_degraded_by(code: &str) -> impl Fn(&serde_json::Value) -> bool {
    move |store| store["condition"] == "degraded" && store["degraded"]["code"] == code
}

fn set_image(case: &Case, store: &Store, image: &str) {
    let change = format!("main={image}");
    case.kubectl.run(&["set", "image", "deployment/server", &change, "-n", &store.namespace]);
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_ingress_whose_class_is_missing_is_not_published() {
    let mut case = case!(Fault);
    let store = case.store("no-ingress", &SmallChart::new().ingress("no-such-class")).await;
    is_not_published(&mut case, &store, "ingress_class_missing", "no-such-class").await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_ingress_without_an_address_is_not_published() {
    let mut case = case!(Fault);
    let class = own_name("e2e-unattended");
    let ingress_class = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": { "name": class },
        "spec": { "controller": "store-platform.test/nobody" },
    });
    case.make("ingressclass", &ingress_class);
    let store = case.store("no-address", &SmallChart::new().ingress(&class)).await;
    is_not_published(&mut case, &store, "ingress_no_address", &class).await;
    case.ends_right();
}

/// It becomes READY, and says at once that and why its URL cannot answer.
async fn is_not_published(case: &mut Case, store: &Store, code: &str, class: &str) {
    store.ready().await;
    let ready = store.told("ready", "").await;
    let (found, told) = store.shows(code, |store| store["unpublished"]["code"] == code).await;
    assert_eq!((&found["published"], &found["status"]), (&json!("no"), &json!("READY")), "{found:#}");
    let expected = failure(code).blaming("Ingress", "storefront").saying(class);
    expected.is(&found["unpublished"], &found["unpublished"]["reason"]);
    case.detected(code, ready, told);
    // An address is best effort: a store is not worse for it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(store.read().await["condition"], "healthy");
}
