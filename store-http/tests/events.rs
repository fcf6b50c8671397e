//! The stream of changes.

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use common::Api;
use common::stream::{Message, Reader};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::json;
use store_core::ports::StoreRepository;
use store_core::testing::{MemoryRepository, TestClock};

#[tokio::test(start_paused = true)]
async fn a_reader_sees_what_happens_from_now_on() {
    let api = Api::new();
    api.create("before").await;
    let mut reader = Reader::open(&api, "/events", None).await;
    assert_eq!(reader.status, StatusCode::OK);
    assert_eq!(reader.headers["content-type"], "text/event-stream");
    assert_eq!(reader.headers["cache-control"], "no-store");
    assert_eq!(reader.headers["x-accel-buffering"], "no");
    let id = api.create("mystore").await;
    let message = reader.message().await.unwrap();
    assert_eq!((message.id.as_str(), message.event.as_str()), ("2", "created"));
    assert_eq!(message.data["store_id"], id);
    assert_eq!(message.data["position"], 2);
    let history = api.get(&format!("/stores/{id}/events")).await.json();
    assert_eq!(history["events"][0], message.data, "the data is the event as everywhere else");
}

#[tokio::test(start_paused = true)]
async fn the_way_to_ready_is_told_in_order_without_gaps() {
    let api = Api::new();
    let position = api.get("/stores").await.json()["position"].clone();
    let mut reader = Reader::open(&api, &format!("/api/v1/events?position={position}"), None).await;
    let _reconciler = api.start();
    api.create("mystore").await;
    let mut kinds = Vec::new();
    for expected in 1.. {
        let message = reader.message().await.unwrap();
        assert_eq!(message.id, expected.to_string());
        kinds.push(message.event.clone());
        if message.event == "ready" {
            break;
        }
    }
    assert_eq!(&kinds[..2], ["created", "attempt_started"]);
}

#[rstest]
#[case::by_position("/events?position=1", None)]
#[case::by_last_event_id("/events", Some("1"))]
#[case::the_header_wins("/events?position=3", Some("1"))]
#[tokio::test(start_paused = true)]
async fn a_reader_resumes_where_it_was(#[case] path: &str, #[case] last_event_id: Option<&str>) {
    let api = Api::new();
    for name in ["one", "two", "three"] {
        api.create(name).await;
    }
    let mut reader = Reader::open(&api, path, last_event_id).await;
    let ids: Vec<_> = reader.messages(2).await.into_iter().map(|message| message.id).collect();
    assert_eq!(ids, ["2", "3"]);
}

#[rstest]
#[case::ahead_of_the_last("/events?position=99", None)]
#[case::header_ahead_of_the_last("/events", Some("99"))]
#[case::no_number("/events", Some("abc"))]
#[case::negative("/events?position=1", Some("-1"))]
#[tokio::test(start_paused = true)]
async fn an_unknown_position_is_reset_and_goes_on(#[case] path: &str, #[case] last_event_id: Option<&str>) {
    let api = Api::new();
    api.create("one").await;
    let mut reader = Reader::open(&api, path, last_event_id).await;
    let reset = Message { id: "1".into(), event: "reset".into(), data: json!({"position": 1}) };
    assert_eq!(reader.message().await, Some(reset));
    api.create("two").await;
    let next = reader.message().await.unwrap();
    assert_eq!((next.id.as_str(), next.event.as_str()), ("2", "created"));
}

#[tokio::test(start_paused = true)]
async fn a_reader_can_follow_one_store() {
    let api = Api::new();
    let first = api.create("one").await;
    let mut reader = Reader::open(&api, &format!("/events?store={first}"), None).await;
    api.create("two").await;
    api.delete(&format!("/stores/{first}")).await;
    let message = reader.message().await.unwrap();
    assert_eq!((message.id.as_str(), message.event.as_str()), ("3", "deletion_requested"));
}

#[rstest]
#[case("position=abc", "position")]
#[case("position=-1", "position")]
#[case("store=NOT-AN-ID", "store")]
#[case("since=1", "since")]
#[tokio::test]
async fn wrong_parameters_are_named(#[case] query: &str, #[case] field: &str) {
    let answer = Api::new().get(&format!("/events?{query}")).await;
    answer.problem(400);
    assert_eq!(answer.fields(), [field]);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_stream_beats() {
    let api = Api::new();
    let mut reader = Reader::open(&api, "/events", None).await;
    let began = tokio::time::Instant::now();
    assert_eq!(reader.block().await.as_deref(), Some(": heartbeat"));
    assert_eq!(began.elapsed().as_secs(), 15);
}

#[tokio::test(start_paused = true)]
async fn streams_end_when_the_server_stops() {
    let api = Api::new();
    let mut reader = Reader::open(&api, "/events", None).await;
    api.stop.cancel();
    assert_eq!(reader.message().await, None);
}

#[tokio::test(start_paused = true)]
async fn what_another_process_writes_is_seen_within_a_second() {
    let memory = Arc::new(MemoryRepository::new(Arc::new(TestClock::new())));
    let api = Api::on(Arc::clone(&memory) as Arc<dyn StoreRepository>);
    let (other, _) = common::service(memory);
    let mut reader = Reader::open(&api, "/events", None).await;
    let request: store_core::service::CreateStore = serde_json::from_value(common::wanted("mystore")).unwrap();
    other.create(request, None).await.unwrap();
    let message = tokio::time::timeout(Duration::from_millis(1100), reader.message()).await.unwrap().unwrap();
    assert_eq!(message.event, "created");
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_away_for_long_reads_from_the_database() {
    let api = Api::new();
    let mut reader = Reader::open(&api, "/events?position=0", None).await;
    for number in 0..1500 {
        api.create(&format!("store{number}")).await;
    }
    let ids: Vec<_> = reader.messages(1500).await.into_iter().map(|message| message.id).collect();
    let expected: Vec<_> = (1..=1500).map(|id: u32| id.to_string()).collect();
    assert_eq!(ids, expected);
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_readers() {
    let api = Api::new();
    let mut readers = Vec::new();
    for _ in 0..512 {
        readers.push(Reader::open(&api, "/events", None).await);
    }
    let answer = api.get("/events?position=0").await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "2");
    readers.pop();
    assert_eq!(Reader::open(&api, "/events", None).await.status, StatusCode::OK);
}
