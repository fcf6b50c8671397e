//! An API service that does not answer: no namespace of the cluster can go while it is there, so it is there for as short
//! a time as can be.

use e2e::{SmallChart, Watch};
use serde_json::json;

use crate::case::SOON;
use crate::injected::PATIENCE_WITH_TEARDOWNS;
use crate::shown;

const GROUP: &str = "nowhere.store-platform.test";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_api_service_that_does_not_answer_is_named_as_the_blocker() {
    let mut case = case!(Fault);
    let store = case.store("api-service", &SmallChart::new()).await;
    store.ready().await;
    let namespaces = Watch::start(&case.lab, &store.path("namespaces"));
    let api_service = json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": { "name": format!("v1.{GROUP}") },
        "spec": {
            "group": GROUP, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100,
            "insecureSkipTLSVerify": true, "service": { "namespace": "default", "name": "no-such-service" },
        },
    });
    case.make("apiservice", &api_service);
    store.api.delete(&store.id).await;
    let is_shown = shown::is_held_up(&store.namespace, "NamespaceDeletionDiscoveryFailure");
    let shown = namespaces.until("the API cannot be discovered", SOON, is_shown).await;
    let (held_up, told) = store.shows("its blocker", |store| store["blocker"].is_object()).await;
    case.kubectl.run(&["delete", "apiservice", &format!("v1.{GROUP}")]);
    assert_eq!(held_up["status"], "DELETING");
    let blocker = held_up["blocker"].to_string();
    assert!(blocker.contains(GROUP), "it does not name the API service: {blocker}");
    case.detected_when_due("blocker", shown, shown + PATIENCE_WITH_TEARDOWNS, told);
    store.deleted(&case.kubectl).await;
    case.ends_right();
}
