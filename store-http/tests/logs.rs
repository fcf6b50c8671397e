//! Pods and logs of stores, on the simulated cluster of the demo and in paused time.

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::StatusCode;
use axum::response::Response;
use common::{Api, request};
use futures::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use rstest::rstest;
use serde_json::Value;
use store_core::ports::ClusterIdentity;
use store_core::reconcile::ReconcilerSettings;
use store_core::service::{ServiceSettings, StoreRef};
use store_core::store::PublicUrlTemplate;
use store_core::testing::{MemoryRepository, MockHealthProbe, SeededEntropy, TestClock};
use store_demo::{Demo, DemoParts};
use store_http::{App, HostRule, ReconcilerRole};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How many logs the server reads at once.
const PLACES: usize = 64;

struct Shop {
    demo: Demo,
    router: Router,
    stop: CancellationToken,
}

impl Shop {
    async fn new() -> Self {
        let template = PublicUrlTemplate::parse("http://{name}.localhost").expect("a template");
        let settings = ServiceSettings::new(template, ReconcilerSettings::new("demo"));
        let (clock, entropy) = (Arc::new(TestClock::new()), Arc::new(SeededEntropy::new(1)));
        let demo = Demo::start(DemoParts { clock, entropy, settings, stores: 0 }).await.expect("a demo");
        let stop = CancellationToken::new();
        let hosts = HostRule::new("127.0.0.1:5000".parse().expect("an address"), &[]);
        let (_, roles) = watch::channel(ReconcilerRole::Working);
        let router = App::new(demo.service().clone(), roles, stop.clone()).into_router(hosts);
        Self { demo, router, stop }
    }

    /// What a path of this store answers.
    async fn get(&self, name: &str, path: &str) -> Response {
        let which = StoreRef::parse(name).expect("a name");
        let id = self.demo.service().get(&which).await.expect("a store").id;
        let request = request("GET", &format!("/api/v1/stores/{id}/{path}")).body(Body::empty()).expect("a request");
        self.router.clone().oneshot(request).await.expect("the router never fails")
    }
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

async fn problem(response: Response) -> Value {
    serde_json::from_str(&text(response).await).expect("JSON")
}

/// How many lines come before the stream ends; each comes by itself.
async fn count(stream: BodyDataStream) -> usize {
    stream.map(|part| part.expect("a line")).collect::<Vec<_>>().await.len()
}

#[tokio::test(start_paused = true)]
async fn pods_are_listed_with_their_component() {
    let shop = Shop::new().await;
    let pods = problem(shop.get("tea-house", "pods").await).await;
    let found: Vec<_> = pods["pods"].as_array().expect("pods").iter().map(|pod| pod["component"].clone()).collect();
    assert_eq!(found, ["setup", "application", "database"]);
    assert_eq!(pods["pods"][1]["ready"], true);
    assert!(pods["pods"][1]["started_at"].is_string());
    let pods = problem(shop.get("fail-flowers", "pods").await).await;
    assert!(pods["pods"][0]["message"].as_str().is_some_and(|said| said.contains("Setup job")), "{pods}");
    let pods = problem(shop.get("slow-bakery", "pods").await).await;
    assert_eq!(pods["pods"], Value::Array(Vec::new()), "nothing is installed yet");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_text_with_the_last_lines() {
    let shop = Shop::new().await;
    let answer = shop.get("tea-house", "logs?component=database&tail=3").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let said = text(answer).await;
    assert_eq!(said.lines().count(), 3, "{said}");
    assert!(said.ends_with('\n') && said.contains("PostgreSQL"), "{said}");
    assert_eq!(text(shop.get("tea-house", "logs?component=application").await).await.lines().count(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_followed_log_goes_on_until_the_server_stops() {
    let shop = Shop::new().await;
    let answer = shop.get("tea-house", "logs?component=application&tail=1&follow=true").await;
    let mut lines = answer.into_body().into_data_stream();
    for _ in 0..5 {
        lines.next().await.expect("a line").expect("a part");
    }
    shop.stop.cancel();
    // At most one line was on its way already.
    let rest: Vec<_> = lines.take(3).collect().await;
    let (last, before) = rest.split_last().expect("it does not just end, as if the pod had");
    assert!(last.is_err() && before.len() <= 1 && before.iter().all(Result::is_ok), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_followed_log_ends_after_an_hour() {
    let shop = Shop::new().await;
    let answer = shop.get("tea-house", "logs?component=application&tail=1&follow=true").await;
    let lines = count(answer.into_body().into_data_stream()).await;
    assert!((3_590..=3_601).contains(&lines), "{lines}");
}

/// A cluster whose every log says one line and then nothing more, without an end.
fn stalling() -> MockHealthProbe {
    let mut probe = MockHealthProbe::new();
    let identity = || ClusterIdentity { uid: "stalling".to_owned(), version: "stalling".to_owned() };
    probe.expect_cluster().returning(move || Ok(identity()));
    probe.expect_changes().returning(|| stream::pending().boxed());
    let said = || stream::iter([Ok("a line".to_owned())]).chain(stream::pending()).boxed();
    probe.expect_logs().returning(move |_, _| Ok(Some(said())));
    probe
}

#[rstest]
#[case::it_takes_too_long(false, 30)]
#[case::the_server_stops(true, 5)]
#[tokio::test(start_paused = true)]
async fn a_log_that_is_cut_off_is_not_taken_for_a_whole_one(#[case] stops: bool, #[case] seconds: u64) {
    let api = Api::seeing(Arc::new(MemoryRepository::new(Arc::new(TestClock::new()))), Arc::new(stalling()));
    let id = api.create("mystore").await;
    let read = async |query: &str| {
        let path = format!("/api/v1/stores/{id}/logs?component=setup{query}");
        let request = request("GET", &path).body(Body::empty()).expect("a request");
        let answer = api.router.clone().oneshot(request).await.expect("the router never fails");
        assert_eq!(answer.status(), StatusCode::OK);
        let mut body = answer.into_body().into_data_stream();
        assert_eq!(body.next().await.expect("a line").expect("a part"), "a line\n");
        body
    };
    let (mut read_once, mut followed) = (read("").await, read("&follow=true").await);
    if stops {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        api.stop.cancel();
    }
    let began = Instant::now();
    let cut = read_once.next().await.expect("it does not just end").expect_err("it breaks off");
    assert!(format!("{cut:?}").contains("cut off"), "{cut:?}");
    assert!(stops || began.elapsed() == Duration::from_secs(seconds), "{:?}", began.elapsed());
    if stops {
        let cut = followed.next().await.expect("it does not just end, as if the pod had").expect_err("it breaks off");
        assert!(format!("{cut:?}").contains("the server stops"), "{cut:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn there_are_only_so_many_places() {
    let shop = Shop::new().await;
    let path = "logs?component=application&follow=true";
    let mut held = Vec::new();
    for _ in 0..PLACES {
        let answer = shop.get("tea-house", path).await;
        assert_eq!(answer.status(), StatusCode::OK);
        held.push(answer);
    }
    let refused = shop.get("tea-house", path).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused).await["type"], "urn:store-platform:problem:overloaded");
    held.pop();
    assert_eq!(shop.get("tea-house", path).await.status(), StatusCode::OK, "a place is free again");
}

#[rstest]
#[case::no_component("logs", "component")]
#[case::unknown_component("logs?component=server", "component")]
#[case::no_lines("logs?component=setup&tail=0", "tail")]
#[case::too_many_lines("logs?component=setup&tail=5001", "tail")]
#[case::neither_yes_nor_no("logs?component=setup&follow=perhaps", "follow")]
#[tokio::test(start_paused = true)]
async fn wrong_parameters_are_named(#[case] path: &str, #[case] field: &str) {
    let answer = Shop::new().await.get("tea-house", path).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(problem(answer).await["errors"][0]["field"], field);
}

#[tokio::test(start_paused = true)]
async fn without_a_pod_there_is_no_log() {
    let answer = Shop::new().await.get("slow-bakery", "logs?component=database").await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert_eq!(problem(answer).await["type"], "urn:store-platform:problem:no-pod");
}

#[tokio::test(start_paused = true)]
async fn while_the_cluster_is_away_one_is_told_to_come_again() {
    let api = Api::new();
    let id = api.create("mystore").await;
    api.cluster.set_reachable(false);
    for path in ["pods", "logs?component=setup"] {
        let answer = api.get(&format!("/api/v1/stores/{id}/{path}")).await;
        answer.problem(503);
        assert!(answer.headers.contains_key("retry-after"));
    }
}
