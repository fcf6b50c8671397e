//! What looks wrong with a pod, as a table.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::testing::object;

/// A container's status with these fields besides those that are always there.
fn container(fields: &Value) -> Value {
    let mut status = json!({"name": "main", "image": "postgres:17", "imageID": "", "ready": false, "restartCount": 0});
    for (key, value) in fields.as_object().unwrap() {
        status[key] = value.clone();
    }
    status
}

#[expect(clippy::needless_pass_by_value, reason = "callers make it in place")]
fn pod(status: Value) -> Pod {
    object(json!({"metadata": {"name": "database-0"}, "status": status}))
}

fn codes(pod: &Pod) -> Vec<(FailureCode, u32)> {
    of_pod(pod, Some(Component::Database)).iter().map(|trouble| (trouble.code, trouble.times)).collect()
}

fn waiting(reason: &str) -> Value {
    json!({"state": {"waiting": {"reason": reason, "message": "said"}}})
}

fn crashed(reason: &str, restarts: i32) -> Value {
    json!({
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": reason}},
    })
}

#[rstest]
#[case::creating(waiting("ContainerCreating"), None)]
#[case::initialising(waiting("PodInitializing"), None)]
#[case::running(json!({"state": {"running": {}}}), None)]
#[case::ready_after_a_crash(
    json!({"ready": true, "restartCount": 4, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}), None
)]
#[case::init_container_done(json!({"ready": true, "state": {"terminated": {"exitCode": 0}}}), None)]
#[case::pull(waiting("ErrImagePull"), Some((FailureCode::ImagePull, 1)))]
#[case::pull_back_off(waiting("ImagePullBackOff"), Some((FailureCode::ImagePull, 1)))]
#[case::image_name(waiting("InvalidImageName"), Some((FailureCode::ImagePull, 1)))]
#[case::config(waiting("CreateContainerConfigError"), Some((FailureCode::ContainerConfig, 1)))]
#[case::crash_loop(crashed("Error", 3), Some((FailureCode::CrashLoop, 3)))]
#[case::first_crash(json!({"state": {"terminated": {"exitCode": 2}}}), Some((FailureCode::CrashLoop, 1)))]
#[case::running_between_crashes(
    json!({"restartCount": 2, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}),
    Some((FailureCode::CrashLoop, 2))
)]
#[case::memory(crashed("OOMKilled", 2), Some((FailureCode::OutOfMemory, 2)))]
fn containers(#[case] fields: Value, #[case] expected: Option<(FailureCode, u32)>) {
    let status = container(&fields);
    let expected: Vec<_> = expected.into_iter().collect();
    assert_eq!(codes(&pod(json!({"phase": "Pending", "containerStatuses": [status]}))), expected);
    assert_eq!(codes(&pod(json!({"phase": "Pending", "initContainerStatuses": [status]}))), expected);
}

#[test]
fn pods_that_ended_or_go_are_no_trouble() {
    let crashed = container(&crashed("Error", 3));
    assert_eq!(codes(&pod(json!({"phase": "Failed", "containerStatuses": [crashed]}))), []);
    let mut going = pod(json!({"phase": "Running", "containerStatuses": [crashed]}));
    assert_eq!(codes(&going).len(), 1);
    going.metadata.deletion_timestamp = Some(object(json!("2026-01-01T00:00:00Z")));
    assert_eq!(codes(&going), []);
}

#[rstest]
#[case("False", "Unschedulable", 1)]
#[case("False", "SchedulingGated", 0)]
#[case("True", "", 0)]
fn scheduling(#[case] status: &str, #[case] reason: &str, #[case] found: usize) {
    let condition = json!({"type": "PodScheduled", "status": status, "reason": reason, "message": "0/1 nodes"});
    assert_eq!(codes(&pod(json!({"phase": "Pending", "conditions": [condition]}))).len(), found);
}

#[rstest]
#[case(Component::Database, Gate::Database, "PostgreSQL pod not ready: its image postgres:17 cannot be pulled")]
#[case(Component::Server, Gate::Application, "Medusa pod not ready: its image postgres:17 cannot be pulled")]
#[case(Component::Setup, Gate::Setup, "Setup job did not complete: its image postgres:17 cannot be pulled")]
fn failures_speak_the_users_words(#[case] component: Component, #[case] gate: Gate, #[case] message: &str) {
    let status = container(&json!({"state": {"waiting": {"reason": "ErrImagePull", "message": "not\nfound"}}}));
    let troubles = of_pod(&pod(json!({"containerStatuses": [status]})), Some(component));
    let failure = troubles[0].failure(Engine::Medusa);
    assert_eq!((failure.message.as_str(), failure.event.as_deref()), (message, Some("not found")));
    assert_eq!(failure.object, Some(ObjectRef::new("Pod", "database-0")));
    assert_eq!(troubles[0].gate(), gate);
}

#[test]
fn the_cause_of_the_other_conditions_is_the_blocker() {
    let conditions =
        [("NamespaceContentRemaining", "some"), ("NamespaceDeletionDiscoveryFailure", "metrics.k8s.io/v1")];
    let blocker = blocker(conditions.into_iter()).unwrap();
    assert!(blocker.message.contains("API service") && blocker.message.contains("metrics.k8s.io/v1"));
}

#[rstest]
#[case::nodes_are_full("Unschedulable", "0/1 nodes are available: 1 Insufficient cpu.", &["data-database-0"])]
#[case::no_volume_fits("Unschedulable", "1 node(s) didn't find available persistent volumes to bind.", &["data-database-0"])]
#[case::the_claim_comes_first("Unschedulable", "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", &[])]
#[case::no_class("Unschedulable", "storageclass.storage.k8s.io \"x\" not found", &[])]
#[case::the_scheduler_is_lost("SchedulerError", "binding volumes: context deadline exceeded", &[])]
fn claims_wait_for_a_pod_that_no_node_can_take(#[case] reason: &str, #[case] message: &str, #[case] expected: &[&str]) {
    let pod: Pod = object(json!({
        "metadata": {"name": "database-0"},
        "spec": {"containers": [], "volumes": [
            {"name": "data", "persistentVolumeClaim": {"claimName": "data-database-0"}}, {"name": "tmp", "emptyDir": {}},
        ]},
        "status": {"conditions": [{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}]},
    }));
    assert_eq!(held_up(&pod), expected);
}
