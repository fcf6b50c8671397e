//! What holds for every route: ids, hosts, methods, health, and what happens without a database or a cluster.

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use common::{Api, request};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::json;
use store_core::ports::RepositoryError;
use store_core::testing::MockStoreRepository;
use store_http::ReconcilerRole;

#[rstest]
#[case("/health")]
#[case("/api/v1/health")]
#[case("/livez")]
#[tokio::test]
async fn it_is_healthy(#[case] path: &str) {
    let answer = Api::new().get(path).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"status":"healthy"}"#));
}

#[tokio::test(start_paused = true)]
async fn readiness_tells_why_work_is_parked() {
    let api = Api::new();
    let before = api.get("/readyz").await;
    assert_eq!((before.status, &before.json()["cluster"]["state"]), (StatusCode::OK, &json!("unchecked")));
    api.cluster.set_reachable(false);
    let _reconciler = api.start();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let parked = api.get("/readyz").await;
    assert_eq!((parked.status, &parked.json()["status"]), (StatusCode::OK, &json!("ready")));
    assert_eq!(parked.json()["cluster"]["state"], "unreachable");
    assert!(parked.json()["parked"].as_str().unwrap().starts_with("the cluster cannot be reached"));
    let id = api.create("mystore").await;
    let store = api.get(&format!("/stores/{id}")).await.json();
    assert!(store["parked"].as_str().unwrap().starts_with("the cluster cannot be reached"), "reads and wishes go on");
    api.cluster.set_reachable(true);
    api.until(&id, "READY").await;
    assert_eq!(api.get("/readyz").await.json()["parked"], json!(null));
}

#[tokio::test]
async fn readiness_tells_of_a_standby() {
    let api = Api::new();
    api.role.send_replace(ReconcilerRole::Standby { reason: "another process works".to_owned() });
    let answer = api.get("/readyz").await;
    assert_eq!((answer.status, &answer.json()["reconciler"]["state"]), (StatusCode::OK, &json!("standby")));
    assert_eq!(answer.json()["parked"], "another process works");
}

fn broken() -> Api {
    fn away<T>() -> Result<T, RepositoryError> {
        Err(RepositoryError::Unavailable { reason: "disk I/O error".to_owned() })
    }
    let mut repository = MockStoreRepository::new();
    repository.expect_positions().returning(away);
    repository.expect_list().returning(|_| away());
    repository.expect_get().returning(|_| away());
    repository.expect_installation().returning(away);
    Api::on(Arc::new(repository))
}

#[tokio::test]
async fn without_its_database_it_lives_but_is_not_ready() {
    let api = broken();
    let ready = api.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["status"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("unready")));
    assert!(ready.json()["database"].as_str().unwrap().contains("disk I/O error"));
    assert_eq!(api.get("/livez").await.status, StatusCode::OK);
    assert_eq!(api.get("/health").await.status, StatusCode::OK);
}

#[rstest]
#[case("GET", "/stores")]
#[case("GET", "/stores/a123456789")]
#[case("DELETE", "/stores/a123456789")]
#[case("GET", "/events")]
#[tokio::test]
async fn without_its_database_it_answers_503(#[case] method: &str, #[case] path: &str) {
    let answer = broken().send(request(method, path).body(Body::empty()).unwrap()).await;
    let problem = answer.problem(503);
    assert!(problem["detail"].as_str().unwrap().contains("the database cannot be used right now"));
    assert_eq!(answer.header("retry-after"), "2");
}

#[tokio::test]
async fn creating_without_a_database_is_503() {
    let answer = broken().post("/stores", common::wanted("mystore")).await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "2");
}

#[rstest]
#[case("/nothing")]
#[case("/api/v1")]
#[case("/api/v2/stores")]
#[case("/stores/a123456789/nothing")]
#[case("/stores/")]
#[tokio::test]
async fn other_paths_are_404(#[case] path: &str) {
    let problem = Api::new().get(path).await.problem(404);
    assert_eq!(problem["type"], "urn:store-platform:problem:unknown-route");
    assert_eq!(problem["instance"], path);
}

#[rstest]
#[case("PATCH", "/stores", "GET,HEAD,POST")]
#[case("PUT", "/api/v1/stores/a123456789", "GET,HEAD,PATCH,DELETE")]
#[case("GET", "/stores/a123456789/retry", "POST")]
#[case("DELETE", "/health", "GET,HEAD")]
#[case("OPTIONS", "/stores", "GET,HEAD,POST")]
#[tokio::test]
async fn other_methods_are_405_with_those_allowed(#[case] method: &str, #[case] path: &str, #[case] allowed: &str) {
    let answer = Api::new().send(request(method, path).body(Body::empty()).unwrap()).await;
    answer.problem(405);
    let mut found: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
    let mut expected: Vec<_> = allowed.split(',').collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn request_ids_are_taken_over_or_made() {
    let api = Api::new();
    let theirs = request("GET", "/health").header("x-request-id", "my-id.1").body(Body::empty()).unwrap();
    assert_eq!(api.send(theirs).await.header("x-request-id"), "my-id.1");
    let (first, second) = (api.get("/health").await, api.get("/health").await);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    for odd in ["", "a b", "\"", &"x".repeat(129)] {
        let request = request("GET", "/health").header("x-request-id", odd).body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await.header("x-request-id").len(), 36, "{odd:?} is replaced");
    }
}

#[rstest]
#[case::loopback_name("localhost", 200)]
#[case::loopback_with_port("127.0.0.1:9999", 200)]
#[case::loopback_v6("[::1]:5000", 200)]
#[case::upper_case("LOCALHOST:5000", 200)]
#[case::allowed("api.shops.example:443", 200)]
#[case::rebound("evil.example", 421)]
#[case::looks_alike("localhost.evil.example", 421)]
#[case::no_host("", 421)]
#[case::garbage("a:b:c", 421)]
#[tokio::test]
async fn the_host_must_be_known(#[case] host: &str, #[case] status: u16) {
    let request = Request::builder().uri("/stores").header(header::HOST, host).body(Body::empty()).unwrap();
    let answer = Api::new().send(request).await;
    assert_eq!(answer.status.as_u16(), status);
    if status == 421 {
        assert!(answer.problem(421)["detail"].as_str().unwrap().contains("ALLOWED_HOSTS"));
    }
}

#[tokio::test]
async fn one_host_must_be_named() {
    let api = Api::new();
    let none = Request::builder().uri("/stores").body(Body::empty()).unwrap();
    api.send(none).await.problem(400);
    let two = request("GET", "/stores").header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    api.send(two).await.problem(400);
    let contradiction = request("GET", "http://evil.example/stores").body(Body::empty()).unwrap();
    api.send(contradiction).await.problem(400);
}

#[rstest]
#[case::own_page("localhost:5000", "http://localhost:5000", 200)]
#[case::a_proxy_that_drops_the_port("localhost", "http://localhost:3000", 200)]
#[case::allowed("localhost:5000", "https://admin.shops.example", 200)]
#[case::another_program_on_this_machine("localhost:5000", "http://localhost:3000", 403)]
#[case::a_shop_of_a_local_cluster("localhost", "http://tea-house.localhost", 403)]
#[case::foreign("localhost:5000", "https://evil.example", 403)]
#[case::sandboxed("localhost:5000", "null", 403)]
#[case::looks_alike("localhost:5000", "http://localhost:5000.evil.example", 403)]
#[tokio::test]
async fn the_origin_must_be_known(#[case] host: &'static str, #[case] origin: &'static str, #[case] status: u16) {
    let api = Api::new();
    let from_page = |mut request: Request<Body>| {
        request.headers_mut().insert(header::HOST, HeaderValue::from_static(host));
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(origin));
        request
    };
    let answer = api.send(from_page(request("GET", "/stores").body(Body::empty()).unwrap())).await;
    assert_eq!(answer.status.as_u16(), status);
    assert!(!answer.headers.contains_key("access-control-allow-origin"), "no page of another origin may read answers");
    if status == 403 {
        assert!(answer.problem(403)["detail"].as_str().unwrap().contains("ALLOWED_HOSTS"));
        let post = common::with_json("POST", "/stores", &common::wanted("mystore"));
        api.send(from_page(post)).await.problem(403);
        assert_eq!(api.get("/stores").await.json()["stores"], json!([]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up_on() {
    let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
    let request = request("POST", "/stores").header(header::CONTENT_TYPE, "application/json");
    let answer = Api::new().send(request.body(Body::from_stream(never)).unwrap()).await;
    answer.problem(408);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_at_once_are_refused() {
    let api = Arc::new(Api::new());
    let slow = || {
        let never = futures::stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let request = request("POST", "/stores").header(header::CONTENT_TYPE, "application/json");
        request.body(Body::from_stream(never)).unwrap()
    };
    let waiting: Vec<_> = (0..256)
        .map(|_| {
            let api = Arc::clone(&api);
            tokio::spawn(async move { api.send(slow()).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = api.get("/stores").await;
    answer.problem(503);
    assert_eq!(answer.header("retry-after"), "2");
    for task in waiting {
        task.await.unwrap().problem(408);
    }
    assert_eq!(api.get("/stores").await.status, StatusCode::OK);
}
