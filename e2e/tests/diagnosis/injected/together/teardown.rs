//! Teardowns that are held up: they say by what, go on waiting, and force nothing.

use std::time::Duration;

use e2e::{Kubectl, SmallChart, Watch, own_name, request, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::case::{Case, SOON, Store};
use crate::injected::{PATIENCE_WITH_TEARDOWNS, unreachable_webhook};
use crate::shown;

const FINALIZER: &str = "store-platform.test/hold";
/// The object that has it.
const HELD: &str = "server";

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_finalizer_that_holds_the_namespace_is_named_and_never_forced() {
    let mut case = case!(Fault);
    let store = case.store("finalizer", &SmallChart::new()).await;
    store.ready().await;
    let held = hold(&mut case, &store);
    let namespaces = Watch::start(&case.lab, &store.path("namespaces"));
    store.api.delete(&store.id).await;
    let is_shown = shown::is_held_up(&store.namespace, "NamespaceFinalizersRemaining");
    let shown = namespaces.until("the namespace waits for a finalizer", SOON, is_shown).await;
    let (held_up, told) = store.shows("its blocker", |store| store["blocker"].is_object()).await;
    assert_eq!(held_up["status"], "DELETING");
    let blocker = held_up["blocker"].to_string();
    assert!(blocker.contains(FINALIZER), "it does not name the finalizer: {blocker}");
    case.detected_when_due("blocker", shown, shown + PATIENCE_WITH_TEARDOWNS, told);
    assert_eq!(uid(&case.kubectl, &store, &format!("deployment/{HELD}")), held, "it was forced");
    assert_eq!(held_up["blocker"]["object"], json!({ "kind": "Deployment", "name": HELD }), "{blocker}");
    release(&case.kubectl, &store.namespace);
    store.deleted(&case.kubectl).await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_webhook_that_holds_the_namespace_is_named() {
    let mut case = case!(Fault);
    let store = case.store("hook-held", &SmallChart::new()).await;
    store.ready().await;
    // Every namespace has a ConfigMap, with the cluster's certificates.
    let (webhook, name) = unreachable_webhook("e2e-held", &store, "DELETE", "configmaps");
    case.make("validatingwebhookconfiguration", &webhook);
    let namespaces = Watch::start(&case.lab, &store.path("namespaces"));
    store.api.delete(&store.id).await;
    let is_shown = shown::is_held_up(&store.namespace, "NamespaceDeletionContentFailure");
    let shown = namespaces.until("the namespace's content cannot be deleted", SOON, is_shown).await;
    let (held_up, told) = store.shows("its blocker", |store| store["blocker"].is_object()).await;
    assert_eq!(held_up["status"], "DELETING");
    let blocker = held_up["blocker"].to_string();
    assert!(blocker.contains(&name), "it does not name the webhook: {blocker}");
    case.detected_when_due("blocker", shown, shown + PATIENCE_WITH_TEARDOWNS, told);
    case.kubectl.run(&["delete", "validatingwebhookconfiguration", &text(&webhook["metadata"]["name"])]);
    store.deleted(&case.kubectl).await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_name_used_again_while_the_old_namespace_goes_gets_a_namespace_of_its_own() {
    let mut case = case!(Fault);
    let store = case.store("again", &SmallChart::new()).await;
    store.ready().await;
    hold(&mut case, &store);
    let old = uid(&case.kubectl, &store, &format!("namespace/{}", store.namespace));
    store.api.delete(&store.id).await;
    let namespaces = Watch::start(&case.lab, &store.path("namespaces"));
    let is_going = |event: &Value| event["object"]["status"]["phase"] == "Terminating";
    namespaces.until("the namespace is going", SOON, is_going).await;
    // The name is the old store's until nothing of it is left.
    let asked = request(&own_name("again"));
    let (status, refusal) = store.api.call(Method::POST, "/stores", Some(&asked)).await;
    assert_eq!((status, &refusal["existing_id"]), (409, &json!(store.id)), "{refusal:#}");
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(uid(&case.kubectl, &store, &format!("namespace/{}", store.namespace)), old);
    assert_eq!(store.read().await["status"], "DELETING");
    release(&case.kubectl, &store.namespace);
    store.deleted(&case.kubectl).await;
    let next = case.create(&store.api, "again").await;
    assert_ne!(next.namespace, store.namespace);
    next.ready().await;
    assert_ne!(uid(&case.kubectl, &next, &format!("namespace/{}", next.namespace)), old);
    case.ends_right();
}

/// Puts an object into the store's namespace that does not go. Returns its UID.
fn hold(case: &mut Case, store: &Store) -> String {
    let namespace = store.namespace.clone();
    case.finally(move |kubectl| release(kubectl, &namespace));
    let patch = json!({ "metadata": { "finalizers": [FINALIZER] } }).to_string();
    case.kubectl.run(&["patch", "deployment", HELD, "-n", &store.namespace, "--type=merge", "-p", &patch]);
    uid(&case.kubectl, store, &format!("deployment/{HELD}"))
}

/// Lets it go.
fn release(kubectl: &Kubectl, namespace: &str) {
    let patch = r#"{"metadata": {"finalizers": null}}"#;
    let _ = kubectl.attempt(&["patch", "deployment", HELD, "-n", namespace, "--type=merge", "-p", patch]);
}

fn uid(kubectl: &Kubectl, store: &Store, object: &str) -> String {
    kubectl.run(&["get", object, "-n", &store.namespace, "-o", "jsonpath={.metadata.uid}"])
}
