//! What is kept of objects, as tables.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::testing::object;

fn workload<K: Fold + serde::de::DeserializeOwned>(desired: i32, status: &Value) -> WorkloadFact {
    let metadata = json!({
        "name": "w", "uid": "u", "generation": 3,
        "labels": {"app.kubernetes.io/component": "database"},
    });
    let spec = json!({
        "replicas": desired, "selector": {}, "serviceName": "x", "template": {"metadata": {}, "spec": {"containers": []}},
    });
    let whole: K = object(json!({"metadata": metadata, "spec": spec, "status": status}));
    match whole.fact() {
        Fact::Workload(fact) => fact,
        other => panic!("{other:?}"),
    }
}

fn counts(observed: i64, replicas: i32, updated: i32, ready: i32) -> Value {
    json!({"observedGeneration": observed, "replicas": replicas, "updatedReplicas": updated, "readyReplicas": ready})
}

#[rstest]
#[case::ready(1, counts(3, 1, 1, 1), true)]
#[case::several(2, counts(3, 2, 2, 2), true)]
#[case::one_of_two(2, counts(3, 2, 2, 1), false)]
#[case::stale(1, counts(2, 1, 1, 1), false)]
#[case::old_replica_still_ready(1, counts(3, 2, 0, 1), false)]
#[case::scaled_to_nothing(0, counts(3, 0, 0, 0), false)]
#[case::nothing_said(1, json!({"replicas": 0}), false)]
fn readiness(#[case] desired: i32, #[case] status: Value, #[case] ready: bool) {
    assert_eq!(workload::<StatefulSet>(desired, &status).ready, ready);
    assert_eq!(workload::<Deployment>(desired, &status).ready, ready);
}

#[test]
fn a_workload_without_any_pod_is_mute_unless_it_says_why() {
    assert!(workload::<StatefulSet>(1, &counts(3, 0, 0, 0)).mute);
    assert!(!workload::<StatefulSet>(1, &counts(3, 1, 1, 0)).mute);
    assert!(workload::<Deployment>(1, &counts(3, 0, 0, 0)).mute);
    let mut status = counts(3, 0, 0, 0);
    status["conditions"] = json!([
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
    ]);
    let fact = workload::<Deployment>(1, &status);
    assert!(!fact.mute);
    assert_eq!(fact.trouble.unwrap().said, "exceeded quota");
}

#[rstest]
#[case::fresh(json!({}), true, false, false)]
#[case::active(json!({"active": 1}), false, false, false)]
#[case::complete(json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}), false, true, false)]
#[case::not_yet_complete(
    json!({"succeeded": 1, "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}), false, false, false
)]
#[case::failed(
    json!({"failed": 2, "conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}),
    false, false, true
)]
fn jobs(#[case] status: Value, #[case] mute: bool, #[case] complete: bool, #[case] failed: bool) {
    let job: Job = object(json!({"metadata": {"name": "j"}, "status": status}));
    let Fact::Job(fact) = job.fact() else { panic!() };
    assert_eq!((fact.mute, fact.complete, fact.failed.is_some()), (mute, complete, failed));
}

#[rstest]
#[case::none(json!({}), false)]
#[case::no_address(json!({"loadBalancer": {"ingress": []}}), false)]
#[case::address(json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}), true)]
fn ingresses(#[case] status: Value, #[case] addressed: bool) {
    let ingress: Ingress = object(json!({"metadata": {"name": "i"}, "status": status}));
    assert_eq!(ingress.fact(), Fact::Ingress(IngressFact { addressed, class: None }));
}

#[test]
fn claims_know_their_volume() {
    let claim: PersistentVolumeClaim = object(json!({
        "metadata": {"name": "data", "uid": "u"}, "spec": {"volumeName": "pv-1"}, "status": {"phase": "Bound"},
    }));
    let Fact::Claim(fact) = claim.fact() else { panic!() };
    assert_eq!((fact.volume.as_deref(), fact.pending, fact.trouble), (Some("pv-1"), false, None));
    let claim: PersistentVolumeClaim = object(json!({"metadata": {"name": "data"}, "status": {"phase": "Lost"}}));
    let Fact::Claim(fact) = claim.fact() else { panic!() };
    assert!(fact.trouble.is_some());
}

#[test]
fn a_namespace_that_goes_names_what_holds_it_up() {
    let namespace: Namespace = object(json!({
        "metadata": {"name": "n", "uid": "u", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "status": {"phase": "Terminating", "conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "all fine"},
            {"type": "NamespaceContentRemaining", "status": "True", "message": "configmaps. has 1 resource instances"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "nobody.example/never in 1"},
        ]},
    }));
    let Fact::Namespace(fact) = namespace.fact() else { panic!() };
    assert!(fact.terminating);
    let blocker = fact.blocker.unwrap();
    let named = "wait for their finalizers (nobody.example/never in 1; configmaps. has 1 resource instances)";
    assert!(blocker.message.contains(named), "{}", blocker.message);
}
