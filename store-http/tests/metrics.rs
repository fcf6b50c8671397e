//! What is measured, and that nobody can make more of it than there is.

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::{Api, request};
use pretty_assertions::assert_eq;
use store_core::testing::{MemoryRepository, TestClock};
use store_http::metrics;

/// An API that is measured for as long as the guard lives, on this thread alone.
macro_rules! measured {
    ($api:ident) => {
        let (recorder, metrics) = metrics::recorder();
        let _guard = ::metrics::set_default_local_recorder(&recorder);
        let repository = MemoryRepository::new(std::sync::Arc::new(TestClock::new()));
        let $api = Api::changed(std::sync::Arc::new(repository), |app| app.with_metrics(metrics));
    };
}

async fn lines(api: &Api) -> Vec<String> {
    let answer = api.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    answer.text.lines().map(str::to_owned).collect()
}

/// Reads until there is a line like this; time is simulated.
async fn until(api: &Api, expected: &str) -> Vec<String> {
    for _ in 0..1000 {
        let lines = lines(api).await;
        if lines.iter().any(|line| line == expected) {
            return lines;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("no {expected:?} in {:#?}", lines(api).await);
}

fn value(lines: &[String], series: &str) -> u64 {
    let line = lines.iter().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in {lines:#?}")).parse().expect("a number")
}

#[tokio::test(start_paused = true)]
async fn stores_are_counted_and_their_way_is_measured() {
    measured!(api);
    until(&api, "store_platform_stores{status=\"READY\"} 0").await;
    let id = api.create("mystore").await;
    let waiting = until(&api, "store_platform_stores{status=\"PROVISIONING\"} 1").await;
    assert_eq!(value(&waiting, "store_platform_queue_length"), 1);
    let _reconciler = api.start();
    api.until(&id, "READY").await;
    let ready = until(&api, "store_platform_ready_seconds_count{engine=\"medusa\"} 1").await;
    assert_eq!(value(&ready, "store_platform_stores{status=\"READY\"}"), 1);
    assert_eq!(value(&ready, "store_platform_stores{status=\"PROVISIONING\"}"), 0);
    assert_eq!(value(&ready, "store_platform_queue_length"), 0);
    for gate in ["queued", "namespace", "credentials", "release", "database", "setup", "application", "storefront"] {
        let series = format!("store_platform_gate_seconds_count{{engine=\"medusa\",gate=\"{gate}\"}}");
        assert_eq!(value(&ready, &series), 1);
    }
    assert_eq!(value(&ready, "store_platform_events_total{kind=\"ready\"}"), 1);
    let runs = "store_platform_action_seconds_count{action=\"install\",result=\"done\"}";
    assert_eq!(value(&ready, runs), 1);
    assert_eq!(value(&ready, "store_platform_cluster_up"), 1);
    api.delete(&format!("/stores/{id}")).await;
    api.until(&id, "DELETED").await;
    let gone = until(&api, "store_platform_events_total{kind=\"deleted\"} 1").await;
    assert_eq!(value(&gone, "store_platform_stores{status=\"DELETING\"}"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_there_before_is_counted_too() {
    let (recorder, metrics) = metrics::recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let repository = std::sync::Arc::new(MemoryRepository::new(std::sync::Arc::new(TestClock::new())));
    let before = Api::on(repository.clone());
    for name in ["one", "two", "three"] {
        before.create(name).await;
    }
    let api = Api::changed(repository, |app| app.with_metrics(metrics));
    until(&api, "store_platform_stores{status=\"PROVISIONING\"} 3").await;
}

#[tokio::test]
async fn requests_are_counted_by_their_routes() {
    measured!(api);
    for path in ["/api/v1/stores/a123456789", "/api/v1/stores/b123456789", "/made/up", "/made/up/too"] {
        api.get(path).await;
    }
    api.send(request("BREW", "/api/v1/stores").body(Body::empty()).expect("a request")).await;
    let lines = lines(&api).await;
    let requests = "http_requests_total{route=\"/api/v1/stores/{id}\",method=\"GET\",status=\"404\"}";
    assert_eq!(value(&lines, requests), 2);
    assert_eq!(value(&lines, "http_requests_total{route=\"none\",method=\"GET\",status=\"404\"}"), 2);
    assert_eq!(value(&lines, "http_requests_total{route=\"/api/v1/stores\",method=\"other\",status=\"405\"}"), 1);
    assert_eq!(value(&lines, "http_request_duration_seconds_count{route=\"/api/v1/stores/{id}\",method=\"GET\"}"), 2);
    assert!(!lines.iter().any(|line| line.contains("made") || line.contains("a123456789")), "{lines:#?}");
    assert_eq!(value(&lines, "store_platform_database_up"), 1);
}

#[tokio::test]
async fn without_a_recorder_there_are_none() {
    Api::new().get("/metrics").await.problem(404);
}
