//! How Kubernetes itself shows that something is wrong: questions to watch events, which are `{type, object}`.

use serde_json::Value;

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn containers(event: &Value) -> impl Iterator<Item = &Value> {
    let status = &event["object"]["status"];
    items(&status["initContainerStatuses"]).chain(items(&status["containerStatuses"]))
}

fn condition<'a>(event: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&event["object"]["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

/// An object of this name was deleted.
pub(crate) fn deleted(name: &str) -> impl Fn(&Value) -> bool {
    move |event| event["type"] == "DELETED" && event["object"]["metadata"]["name"] == name
}

/// A pod's container waits because its image cannot be pulled.
pub(crate) fn image_cannot_be_pulled(event: &Value) -> bool {
    containers(event).any(|container| {
        let reason = container["state"]["waiting"]["reason"].as_str().unwrap_or_default();
        matches!(reason, "ErrImagePull" | "ImagePullBackOff")
    })
}

/// A pod's container waits for this reason.
pub(crate) fn waiting(reason: &str) -> impl Fn(&Value) -> bool {
    move |event| containers(event).any(|container| container["state"]["waiting"]["reason"] == reason)
}

/// The end of a container that ended last: of the one before, if it was started again.
fn end(container: &Value) -> &Value {
    let ends = ["state", "lastState"].map(|state| &container[state]["terminated"]);
    ends.into_iter().find(|end| end.is_object()).unwrap_or(&Value::Null)
}

/// A pod's container was killed for using more memory than its limit.
pub(crate) fn killed_for_memory(event: &Value) -> bool {
    containers(event).any(|container| end(container)["reason"] == "OOMKilled")
}

/// A pod's container ended with these words.
pub(crate) fn ended_with(words: &str) -> impl Fn(&Value) -> bool {
    move |event| {
        containers(event).any(|container| end(container)["message"].as_str().is_some_and(|said| said.contains(words)))
    }
}

/// A pod's container has crashed this often.
pub(crate) fn crashed(times: u64) -> impl Fn(&Value) -> bool {
    move |event| containers(event).any(|container| crashes(container) >= times)
}

/// A container that has ended and was not started again yet has crashed once more than it was restarted.
fn crashes(container: &Value) -> u64 {
    let state = &container["state"];
    let ended = state["terminated"]["exitCode"].as_i64().is_some_and(|code| code != 0);
    let backs_off = state["waiting"]["reason"] == "CrashLoopBackOff";
    container["restartCount"].as_u64().unwrap_or_default() + u64::from(ended || backs_off)
}

/// No node can take a pod.
pub(crate) fn no_node_has_room(event: &Value) -> bool {
    condition(event, "PodScheduled").is_some_and(|scheduled| scheduled["reason"] == "Unschedulable")
}

/// A job has failed.
pub(crate) fn job_failed(event: &Value) -> bool {
    condition(event, "Failed").is_some_and(|failed| failed["status"] == "True")
}

/// A namespace that is going says that it cannot, by a condition of this kind.
pub(crate) fn is_held_up(namespace: &str, kind: &str) -> impl Fn(&Value) -> bool {
    move |event| {
        event["object"]["metadata"]["name"] == namespace
            && condition(event, kind).is_some_and(|held| held["status"] == "True")
    }
}

/// An event of this reason whose message contains this.
pub(crate) fn event(reason: &str, message: &str) -> impl Fn(&Value) -> bool {
    move |event| {
        let said = event["object"]["message"].as_str().unwrap_or_default();
        event["object"]["reason"] == reason && said.contains(message)
    }
}
