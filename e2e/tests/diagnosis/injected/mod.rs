//! The faults. Those that touch nothing but their own namespaces are injected together.

mod alone;
mod together;

use std::time::Duration;

use serde_json::{Value, json};

use crate::case::Store;

/// How long a teardown may be held up before it has to say by what.
const PATIENCE_WITH_TEARDOWNS: Duration = Duration::from_mins(1);

/// An image of a registry that cannot exist (RFC 6761, section 6.4).
fn absent_image() -> String {
    format!("registry.invalid/absent:{}", std::process::id())
}

/// A webhook that nobody answers, for one operation on one kind of objects of one store; and its name.
fn unreachable_webhook(word: &str, store: &Store, operation: &str, resource: &str) -> (Value, String) {
    let name = format!("{word}.store-platform.test");
    let nowhere = json!({ "service": { "namespace": "default", "name": "no-such-service", "path": "/" } });
    let group = if resource == "configmaps" { "" } else { "apps" };
    let rule = json!({
        "operations": [operation], "apiGroups": [group], "apiVersions": ["v1"], "resources": [resource],
    });
    let webhook = json!({
        "name": name, "clientConfig": nowhere, "rules": [rule], "failurePolicy": "Fail", "timeoutSeconds": 2,
        "namespaceSelector": { "matchLabels": { "store-platform/store": store.id } },
        "admissionReviewVersions": ["v1"], "sideEffects": "None",
    });
    let configuration = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": e2e::own_name(word) }, "webhooks": [webhook],
    });
    (configuration, name)
}
