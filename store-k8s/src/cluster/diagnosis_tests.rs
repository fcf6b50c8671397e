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
#[case::ready_after_a_crash(
    json!({"ready": true, "restartCount": 4, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}), None
)]
#[case::init_container_done(json!({"ready": true, "state": {"terminated": {"exitCode": 0}}}), None)]
#[case::pull(waiting("ErrImagePull"), Some((FailureCode::ImagePull, 1)))]
#[case::pull_back_off(waiting("ImagePullBackOff"), Some((FailureCode::ImagePull, 1)))]
#[case::image_name(waiting("InvalidImageName"), Some((FailureCode::ImagePull, 1)))]
#[case::config(waiting("CreateContainerConfigError"), Some((FailureCode::ContainerConfig, 1)))]
#[case::crash_loop(crashed("Error", 3), Some((FailureCode::CrashLoop, 4)))]
#[case::first_crash(json!({"state": {"terminated": {"exitCode": 2}}}), Some((FailureCode::CrashLoop, 1)))]
#[case::running_between_crashes(
    json!({"restartCount": 2, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}),
    Some((FailureCode::CrashLoop, 2))
)]
#[case::memory(crashed("OOMKilled", 2), Some((FailureCode::OutOfMemory, 3)))]
#[case::disk(
    json!({"restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "message": "write: No space left on device"}}}),
    Some((FailureCode::VolumeFull, 3))
)]
fn containers(#[case] fields: Value, #[case] expected: Option<(FailureCode, u32)>) {
    let status = container(&fields);
    let expected: Vec<_> = expected.into_iter().collect();
    assert_eq!(codes(&pod(json!({"phase": "Pending", "containerStatuses": [status]}))), expected);
    assert_eq!(codes(&pod(json!({"phase": "Pending", "initContainerStatuses": [status]}))), expected);
}

#[rstest]
#[case::starting(false, json!(false), Some("startup"))]
#[case::started(false, json!(true), Some("readiness"))]
#[case::ready(true, json!(true), None)]
fn a_container_that_runs_without_getting_ready_fails_its_probe(
    #[case] ready: bool,
    #[case] started: Value,
    #[case] expected: Option<&str>,
) {
    let status = container(&json!({"ready": ready, "started": started, "state": {"running": {}}}));
    let found = of_pod(&pod(json!({"phase": "Running", "containerStatuses": [status]})), Some(Component::Server));
    assert_eq!(found.first().map(|trouble| trouble.code), expected.map(|_| FailureCode::ProbeFailing));
    assert!(expected.is_none_or(|probe| found[0].what.contains(probe)), "{found:?}");
    let init = pod(json!({"phase": "Pending", "initContainerStatuses": [status]}));
    assert_eq!(codes(&init), [], "an init container is ready once it has ended");
}

#[rstest]
#[case("Evicted", "Usage of EmptyDir volume \"tmp\" exceeds the limit \"1Mi\".", 1)]
#[case("Evicted", "The node was low on resource: memory.", 0)]
#[case("NodeShutdown", "EmptyDir", 0)]
fn a_pod_that_filled_its_volume_is_told(#[case] reason: &str, #[case] message: &str, #[case] found: usize) {
    let pod = pod(json!({"phase": "Failed", "reason": reason, "message": message}));
    assert_eq!(codes(&pod), vec![(FailureCode::VolumeFull, 1); found]);
}

#[rstest]
#[case("exceeded quota: store", FailureCode::PodsRefused)]
#[case(
    "Internal error occurred: failed calling webhook \"v.example.com\": connection refused",
    FailureCode::WebhookDown
)]
fn a_webhook_that_does_not_answer_is_no_refusal(#[case] said: &str, #[case] code: FailureCode) {
    assert_eq!(refused(Component::Database, Kind::StatefulSet, "database", said).code, code);
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
#[case::api_service(
    "NamespaceDeletionDiscoveryFailure",
    "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: \
     metrics.k8s.io/v1beta1: stale GroupVersion discovery: metrics.k8s.io/v1beta1",
    Some(("APIService", "v1beta1.metrics.k8s.io"))
)]
#[case::webhook(
    "NamespaceDeletionContentFailure",
    "Failed to delete all resource types, 1 remaining: admission webhook \"keep.example.com\" denied the request",
    Some(("Webhook", "keep.example.com"))
)]
#[case::finalizer(
    "NamespaceFinalizersRemaining",
    "Some content has finalizers: example.com/hold in 1 resource instances",
    None
)]
fn a_blocker_names_its_object(#[case] condition: &str, #[case] said: &str, #[case] expected: Option<(&str, &str)>) {
    let left = (REMAINING, "Some resources are remaining: configmaps. has 1 resource instances");
    let blocker = blocker([left, (condition, said)].into_iter()).unwrap();
    assert_eq!(blocker.object, expected.map(|(kind, name)| ObjectRef::new(kind, name)));
    assert!(blocker.message.contains("configmaps. has 1"), "what is left is listed: {}", blocker.message);
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
