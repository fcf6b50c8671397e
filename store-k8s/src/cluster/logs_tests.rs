//! What is made of pods and of what they say.

use futures::io::Cursor;
use futures::stream::TryStreamExt as _;
use k8s_openapi::api::core::v1::{Pod, PodStatus};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};
use store_core::ports::LogRequest;

use super::{lines, seen, speaker};

async fn read(bytes: &[u8]) -> Vec<String> {
    lines(Cursor::new(bytes.to_vec())).try_collect().await.unwrap()
}

#[tokio::test]
async fn lines_come_one_by_one() {
    assert_eq!(read(b"").await, [""; 0]);
    assert_eq!(read(b"one\ntwo\r\n\nlast").await, ["one", "two", "", "last"]);
    assert_eq!(read(b"caf\xc3\xa9 \xff\n").await, ["caf\u{e9} \u{fffd}"]);
}

#[tokio::test]
async fn an_endless_line_is_cut_and_the_next_one_is_whole() {
    for letter in ["x", "\u{e9}"] {
        let text = format!("{}\nnext\n", letter.repeat(LogRequest::LINE_MAX * 3));
        let found = read(text.as_bytes()).await;
        assert_eq!(found.len(), 2);
        assert!(found[0].len() <= LogRequest::LINE_MAX, "{}", found[0].len());
        assert!(found[0].ends_with("x\u{2026}") || found[0].ends_with("\u{e9}\u{2026}"));
        assert_eq!(found[1], "next");
    }
}

fn status(value: Value) -> PodStatus {
    serde_json::from_value(value).unwrap()
}

fn container(name: &str, state: &Value) -> Value {
    json!({ "name": name, "state": state, "ready": false, "restartCount": 2, "image": "i", "imageID": "i" })
}

#[rstest]
#[case::none_began(json!([]), json!([container("main", &json!({"waiting": {"reason": "ContainerCreating"}}))]), None)]
#[case::the_init_container_runs(
    json!([container("setup", &json!({"running": {}}))]),
    json!([container("main", &json!({"waiting": {"reason": "PodInitializing"}}))]),
    Some("setup")
)]
#[case::the_init_container_failed(
    json!([container("setup", &json!({"terminated": {"exitCode": 1}}))]),
    json!([container("main", &json!({"waiting": {"reason": "PodInitializing"}}))]),
    Some("setup")
)]
#[case::everything_is_done(
    json!([container("setup", &json!({"terminated": {"exitCode": 0}}))]),
    json!([container("verify", &json!({"terminated": {"exitCode": 0}}))]),
    Some("verify")
)]
fn the_container_of_interest_speaks(#[case] init: Value, #[case] main: Value, #[case] expected: Option<&str>) {
    let status = status(json!({ "initContainerStatuses": init, "containerStatuses": main }));
    assert_eq!(speaker(Some(&status)).as_deref(), expected);
}

#[test]
fn a_crashing_container_that_waits_has_a_log() {
    let mut crashed = container("main", &json!({"waiting": {"reason": "CrashLoopBackOff"}}));
    crashed["lastState"] = json!({"terminated": {"exitCode": 3}});
    let status = status(json!({ "containerStatuses": [crashed] }));
    assert_eq!(speaker(Some(&status)).as_deref(), Some("main"));
}

fn pod(component: &str, status: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": { "name": "server-0", "labels": { "app.kubernetes.io/component": component } },
        "status": status,
    }))
    .unwrap()
}

#[test]
fn a_pod_says_why_it_is_not_ready() {
    let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off\n pulling"}});
    let seen = seen(&pod(
        "server",
        &json!({
            "phase": "Pending", "startTime": "2026-03-01T10:00:00Z",
            "conditions": [{ "type": "Ready", "status": "False" }],
            "containerStatuses": [container("main", &waiting)],
        }),
    ))
    .unwrap();
    assert_eq!((seen.phase.as_str(), seen.ready, seen.restarts), ("Pending", false, 2));
    assert_eq!(seen.message.as_deref(), Some("ImagePullBackOff: Back-off pulling"));
    assert_eq!(seen.started_at.unwrap().to_string(), "2026-03-01T10:00:00Z");
}

#[test]
fn a_pod_that_no_node_takes_says_so() {
    let condition = json!({
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available",
    });
    let seen = seen(&pod("database", &json!({ "phase": "Pending", "conditions": [condition] }))).unwrap();
    assert_eq!(seen.message.as_deref(), Some("Unschedulable: 0/1 nodes are available"));
}

#[test]
fn a_pod_that_is_no_part_of_a_store_is_left_out() {
    assert_eq!(seen(&pod("somebody-elses", &json!({}))), None);
}
