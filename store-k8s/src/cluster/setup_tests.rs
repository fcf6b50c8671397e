//! How far the setup job is, as a table.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::cluster::facts::{Fact, Fold as _};
use crate::testing::object;

#[expect(clippy::needless_pass_by_value, reason = "callers make it in place")]
fn job(status: Value) -> JobFact {
    let job: k8s_openapi::api::batch::v1::Job =
        object(json!({"metadata": {"name": "j", "uid": "u"}, "status": status}));
    match job.fact() {
        Fact::Job(fact) => fact,
        other => panic!("{other:?}"),
    }
}

fn pod(phase: &str, init: Value, main: Value) -> PodFact {
    let container = |name: &str, state: Value| json!({"name": name, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state});
    let pod: Pod = object(json!({
        "metadata": {"name": "p", "labels": {"batch.kubernetes.io/job-name": "j"}},
        "status": {
            "phase": phase,
            "initContainerStatuses": [container("setup", init)],
            "containerStatuses": [container("verify", main)],
        },
    }));
    match pod.fact() {
        Fact::Pod(fact) => fact,
        other => panic!("{other:?}"),
    }
}

fn ended(code: i32, message: &str) -> Value {
    json!({"terminated": {"exitCode": code, "message": message, "finishedAt": "2026-01-01T00:00:00Z"}})
}

fn running() -> Value {
    json!({"running": {}})
}

fn complete() -> JobFact {
    job(json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]}))
}

const REPORT: &str = r#"{"details":{"publishable_api_key":"pk_1"},"products":4}"#;

fn succeeded(key: &str) -> SetupSeen {
    let details = [("publishable_api_key".to_owned(), key.to_owned())].into_iter().filter(|(_, key)| !key.is_empty());
    SetupSeen::Succeeded(SetupReport { details: details.collect() })
}

#[rstest]
#[case::nothing(None, vec![], SetupSeen::Absent)]
#[case::no_pod_yet(Some(job(json!({}))), vec![], SetupSeen::Waiting)]
#[case::at_work(Some(job(json!({"active": 1}))), vec![pod("Pending", running(), json!({}))], SetupSeen::Waiting)]
#[case::verifying(
    Some(job(json!({"active": 1}))), vec![pod("Running", ended(0, ""), running())], SetupSeen::Initialised
)]
#[case::a_failed_try_is_no_end(
    Some(job(json!({"failed": 1}))), vec![pod("Failed", ended(1, "x"), json!({}))], SetupSeen::Waiting
)]
#[case::done(Some(complete()), vec![pod("Succeeded", ended(0, ""), ended(0, REPORT))], succeeded("pk_1"))]
#[case::done_at_the_second_try(
    Some(complete()),
    vec![pod("Failed", ended(0, ""), ended(1, "no")), pod("Succeeded", ended(0, ""), ended(0, REPORT))],
    succeeded("pk_1")
)]
#[case::the_pods_end_is_not_known_yet(
    Some(complete()), vec![pod("Running", ended(0, ""), running())], SetupSeen::Initialised
)]
#[case::done_without_a_report(
    Some(complete()), vec![pod("Succeeded", ended(0, ""), ended(0, ""))], succeeded("")
)]
#[case::pod_and_report_are_gone(Some(complete()), vec![], SetupSeen::Failed(report_gone("j")))]
#[case::only_a_failed_try_is_left(
    Some(complete()), vec![pod("Failed", ended(1, "no"), json!({}))], SetupSeen::Failed(report_gone("j"))
)]
fn seen_as(#[case] job: Option<JobFact>, #[case] pods: Vec<PodFact>, #[case] expected: SetupSeen) {
    let pods: Vec<_> = pods.iter().collect();
    assert_eq!(seen("j", job.as_ref(), &pods, None), expected);
}

#[rstest]
#[case::json_after_noise("warning: x\n{\"details\":{\"a\":1}}\n", Some(("a", "1")))]
#[case::no_json("done", None)]
#[case::no_details("{\"products\":4}", None)]
fn reports_are_read_with_care(#[case] message: &str, #[case] expected: Option<(&str, &str)>) {
    let report = pod("Succeeded", ended(0, ""), ended(0, message)).report.unwrap_or_default();
    let found = report.iter().next().map(|(key, value)| (key.as_str(), value.as_str()));
    assert_eq!(found, expected);
}

#[rstest]
#[case::tries("BackoffLimitExceeded", "no such table", "it failed 2 times: no such table")]
#[case::time("DeadlineExceeded", "", "its time was over: container setup ended with exit code 1")]
#[case::pointless("PodFailurePolicy", "x", "it cannot succeed: x")]
#[case::other("FailedIndexes", "x", "it ended with FailedIndexes: x")]
fn giving_up_is_quoted(#[case] reason: &str, #[case] words: &str, #[case] expected: &str) {
    let failed = json!({"type": "Failed", "status": "True", "reason": reason, "message": "Kubernetes' own"});
    let job = job(json!({"failed": 2, "conditions": [failed]}));
    let pods = [pod("Failed", ended(1, words), json!({}))];
    let SetupSeen::Failed(failure) = seen("j", Some(&job), &[&pods[0]], None) else { panic!() };
    let reason = failure.reason();
    assert!(reason.starts_with(&format!("Setup job did not complete: {expected} [Job j]. ")), "{reason}");
}

#[test]
fn without_a_pod_kubernetes_itself_is_quoted() {
    let failed = json!({"type": "Failed", "status": "True", "reason": "DeadlineExceeded", "message": "was too long"});
    let SetupSeen::Failed(failure) = seen("j", Some(&job(json!({"conditions": [failed]}))), &[], None) else {
        panic!()
    };
    assert_eq!(failure.event.as_deref(), Some("was too long"));
}

#[test]
fn a_report_that_was_kept_counts_when_the_pod_is_gone() {
    let kept = Details::from([("publishable_api_key".to_owned(), "pk_1".to_owned())]);
    assert_eq!(seen("j", Some(&complete()), &[], Some(&kept)), succeeded("pk_1"));
    // But it ends nothing by itself.
    assert_eq!(seen("j", Some(&job(json!({"active": 1}))), &[], Some(&kept)), SetupSeen::Waiting);
}
