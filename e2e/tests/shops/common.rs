//! What the tests of shops share.

use std::collections::BTreeSet;
use std::time::Duration;

use e2e::{Api, Kubectl, text, until};
use serde_json::Value;

/// A 1×1 PNG.
pub(crate) const PICTURE: &[u8] = &[
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, 0x49, 0x48, 0x44, 0x52, 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0xf8, 0xcf, 0xc0,
    0xf0, 0x1f, 0, 5, 0, 1, 0xff, 0x56, 0xc7, 0x2f, 0x0d, 0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82,
];

/// Follows the events from the beginning; returns the gates in the order in which they were met.
pub(crate) async fn follow_until_ready(api: &Api, id: &str) -> Vec<String> {
    let mut stream = api.follow(0).await;
    let mut gates = Vec::new();
    let mut last_position = 0;
    while let Some(event) = stream.next().await {
        let position = event["position"].as_u64().expect("a position");
        assert!(position > last_position, "positions only grow");
        last_position = position;
        if event["store_id"] != id {
            continue;
        }
        match event["kind"].as_str() {
            Some("gate_met") => {
                let message = text(&event["message"]);
                gates.push(message.trim_start_matches("gate met: ").to_owned());
            }
            Some("ready") => return gates,
            Some("failed") => panic!("the store failed: {event:#}"),
            _ => {}
        }
    }
    panic!("the stream ended before the store was ready; gates met: {gates:?}");
}

/// Deletes a READY store's pods one component after the other; each time others take their place, and the store stays
/// READY. Whether it was degraded meanwhile is up to how quick they are: less than its grace is no news.
pub(crate) async fn pods_come_back(api: &Api, kubectl: &Kubectl, store: &Value) {
    let (id, namespace) = (text(&store["id"]), text(&store["namespace"]));
    for component in ["database", "server"] {
        let selector = format!("app.kubernetes.io/component={component}");
        let pods = || kubectl.list(&["pods", "-n", &namespace, "-l", &selector]);
        let before: BTreeSet<String> = pods().iter().map(|pod| text(&pod["metadata"]["uid"])).collect();
        kubectl.run(&["delete", "pod", "-n", &namespace, "-l", &selector, "--wait=false"]);
        until(&format!("another pod of the {component} is ready"), Duration::from_mins(4), || async {
            let now = api.store(&id).await;
            assert_eq!(now["status"], "READY", "{now:#}");
            assert!(now["condition"] != "degraded" || now["degraded"]["reason"].is_string(), "{now:#}");
            let pods = pods();
            let is_new = |pod: &Value| {
                !before.contains(&text(&pod["metadata"]["uid"]))
                    && pod["status"]["containerStatuses"][0]["ready"] == true
            };
            if !pods.is_empty() && pods.iter().all(is_new) { Ok(()) } else { Err(now["condition"].to_string()) }
        })
        .await;
        api.until_condition(&id, "healthy").await;
    }
}

/// Deletes a store and waits until nothing of it is left anywhere. Returns the tombstone.
pub(crate) async fn is_gone(api: &Api, kubectl: &Kubectl, store: &Value) -> Value {
    let id = text(&store["id"]);
    assert_eq!(api.delete(&id).await["status"], "DELETING");
    let gone = api.until_status(&id, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&store["namespace"])).await;
    tells_what_was_removed(&gone);
    gone
}

/// The evidence of a READY store's teardown: what there was, and when each part of it had gone.
fn tells_what_was_removed(gone: &Value) {
    let evidence = &gone["teardown"];
    assert!(evidence["namespace_uid"].is_string(), "{gone:#}");
    assert!(evidence["release_revisions"].as_array().is_some_and(|all| !all.is_empty()), "{gone:#}");
    let of = |list: &str, field: &str| -> BTreeSet<String> {
        evidence[list].as_array().into_iter().flatten().map(|entry| text(&entry[field])).collect()
    };
    assert_eq!(of("workloads", "name"), BTreeSet::from(["database", "server"].map(str::to_owned)), "{gone:#}");
    assert_eq!(evidence["volumes"].as_array().map(Vec::len), Some(2), "{gone:#}");
    assert_eq!(of("volumes", "reclaim_policy"), BTreeSet::from(["Delete".to_owned()]), "{gone:#}");
    assert_eq!(of("volumes", "fate"), BTreeSet::from(["deleted".to_owned()]), "{gone:#}");
    let ended = evidence["phases"].as_array().expect("phases");
    let phases: Vec<String> = ended.iter().map(|ended| text(&ended["phase"])).collect();
    assert_eq!(phases, ["release", "namespace", "volumes"], "{gone:#}");
    let moment = |value: &Value| text(value).parse::<jiff::Timestamp>().expect("a time");
    for ended in ended {
        assert!(moment(&ended["started_at"]) <= moment(&ended["ended_at"]), "{gone:#}");
    }
}
