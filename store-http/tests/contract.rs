//! Every answer that the OpenAPI document promises is given here once, by the server, and is as the document says; and
//! the server gives no other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use common::broken::Broken;
use common::document::Document;
use common::{Answer, Api, Guarded, request, wanted, wanted_with, with_json};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use store_core::ports::StoreRepository;
use store_core::reconcile::ReconcilerSettings;
use store_core::service::{ServiceSettings, StoreRef};
use store_core::store::PublicUrlTemplate;
use store_core::testing::{MemoryRepository, SeededEntropy, TestClock};
use store_demo::{Demo, DemoParts};
use store_http::{App, HostRule, ReconcilerRole, metrics};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

const UNKNOWN: &str = "a123456789";

/// Asks, and has the document judge the answer. Of a stream, only the beginning is read.
async fn ask(document: &mut Document, api: &Api, request: Request<Body>) -> Answer {
    ask_router(document, &api.router, request).await
}

async fn ask_router(document: &mut Document, router: &Router, request: Request<Body>) -> Answer {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let is_stream = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    let bytes = if is_stream { Vec::new() } else { axum::body::to_bytes(body, 1 << 22).await.unwrap().to_vec() };
    let answer = Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes).unwrap() };
    document.judge(&method, &path, &answer);
    answer
}

async fn expect(document: &mut Document, api: &Api, request: Request<Body>, status: u16) -> Answer {
    let what = format!("{} {}", request.method(), request.uri());
    let answer = ask(document, api, request).await;
    assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.text);
    if status >= 400 && answer.header("content-type") != "application/json" {
        answer.problem(status);
    }
    answer
}

fn plain(method: &str, path: &str) -> Request<Body> {
    request(method, path).body(Body::empty()).unwrap()
}

/// A request that the operation would take, had the server no objection.
fn good(method: &str, path: &str) -> Request<Body> {
    let path = path.replace("{id}", UNKNOWN);
    if (method, path.as_str()) == ("POST", "/api/v1/stores") {
        return with_json(method, &path, &wanted("mystore"));
    }
    if method == "PATCH" {
        return with_json(method, &path, &json!({"protected": true}));
    }
    if path.ends_with("/logs") {
        return plain(method, &format!("{path}?component=application"));
    }
    plain(method, &path)
}

fn never() -> Body {
    Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>())
}

fn promises(operation: &Value, status: &str) -> bool {
    !operation["responses"][status].is_null()
}

/// What comes before the route: token, host, origin, and how busy the server is.
async fn at_the_door(document: &mut Document) {
    let guarded = Guarded::new();
    let api = Arc::new(Api::new());
    for (method, path, operation) in document.operations() {
        if promises(&operation, "401") {
            expect(document, &guarded.api, good(&method, &path), 401).await;
        }
        let mut foreign = good(&method, &path);
        foreign.headers_mut().insert(header::ORIGIN, "https://evil.example".parse().unwrap());
        expect(document, &api, foreign, 403).await;
        let mut misdirected = good(&method, &path);
        misdirected.headers_mut().insert(header::HOST, "evil.example".parse().unwrap());
        expect(document, &api, misdirected, 421).await;
    }
    let slow = || {
        let api = Arc::clone(&api);
        let request = request("POST", "/stores").header(header::CONTENT_TYPE, "application/json");
        tokio::spawn(async move { api.send(request.body(never()).unwrap()).await })
    };
    let waiting: Vec<_> = (0..256).map(|_| slow()).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for (method, path, _) in document.operations() {
        let busy = expect(document, &api, good(&method, &path), 503).await;
        assert_eq!(busy.header("retry-after"), "2", "{method} {path}");
    }
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}

/// A database that fails, or never answers. Those that do not ask it answer all the same.
async fn without_a_database(document: &mut Document) {
    for (how, status) in [(Broken::Failing, 500), (Broken::Silent, 504)] {
        let (_, metrics) = metrics::recorder();
        let api = Api::changed(Arc::new(how), |app| app.with_metrics(metrics));
        for (method, path, operation) in document.operations() {
            if promises(&operation, &status.to_string()) {
                expect(document, &api, good(&method, &path), status).await;
            } else {
                let answer = ask(document, &api, good(&method, &path)).await;
                assert!(answer.status.is_success() || path == "/readyz", "{method} {path}: {}", answer.status);
            }
        }
    }
}

async fn of_operation(document: &mut Document) {
    let (recorder, metrics) = metrics::recorder();
    let _guard = ::metrics::set_default_local_recorder(&recorder);
    let repository = MemoryRepository::new(Arc::new(TestClock::new()));
    let api = Api::changed(Arc::new(repository), |app| app.with_metrics(metrics));
    for path in ["/api/v1/health", "/livez", "/readyz", "/openapi.json", "/metrics", "/api/v1/me", "/api/v1/platform"] {
        expect(document, &api, plain("GET", path), 200).await;
    }
    expect(document, &Api::new(), plain("GET", "/metrics"), 404).await;
    expect(document, &api, plain("GET", "/api/v1/events"), 200).await;
    expect(document, &api, plain("GET", "/api/v1/events?position=x"), 400).await;
    expect(document, &api, plain("GET", &format!("/api/v1/events?store={UNKNOWN}")), 404).await;
}

async fn of_stores(document: &mut Document) {
    let api = Api::new();
    let _reconciler = api.start();
    let created = expect(document, &api, with_json("POST", "/api/v1/stores", &wanted("mystore")), 202).await;
    let id = created.json()["id"].as_str().unwrap().to_owned();
    expect(document, &api, with_json("POST", "/api/v1/stores", &wanted("mystore")), 409).await;
    for _ in 0..2 {
        let mut keyed = with_json("POST", "/api/v1/stores", &wanted("twice"));
        keyed.headers_mut().insert("idempotency-key", "key-1".parse().unwrap());
        expect(document, &api, keyed, 202).await;
    }
    wrong_bodies(document, &api, ("POST", "/api/v1/stores"), &wanted_with("name", 5)).await;

    expect(document, &api, plain("GET", "/api/v1/stores"), 200).await;
    expect(document, &api, plain("GET", "/api/v1/stores?status=BROKEN"), 400).await;
    let store = format!("/api/v1/stores/{id}");
    expect(document, &api, plain("GET", &format!("{store}/events")), 200).await;
    expect(document, &api, plain("GET", &format!("{store}/events?limit=0")), 400).await;
    let ends = [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/events"),
        ("POST", "/retry"),
        ("GET", "/pods"),
        ("GET", "/logs?component=setup"),
    ];
    for (method, end) in ends {
        expect(document, &api, plain(method, &format!("/api/v1/stores/{UNKNOWN}{end}")), 404).await;
    }
    expect(document, &api, good("PATCH", "/api/v1/stores/{id}"), 404).await;
    api.until(&id, "READY").await;
    expect(document, &api, plain("GET", &store), 200).await;
    retries(document, &api).await;
    expect(document, &api, stale("DELETE", &store), 412).await;
    let mut untagged = plain("DELETE", &store);
    untagged.headers_mut().insert(header::IF_MATCH, "14".parse().unwrap());
    expect(document, &api, untagged, 400).await;
    protection(document, &api, &store).await;
    expect(document, &api, plain("DELETE", &store), 202).await;
    expect(document, &api, with_json("PATCH", &store, &json!({"protected": true})), 409).await;
    api.until(&id, "DELETED").await;
    expect(document, &api, plain("GET", &store), 200).await;
}

async fn protection(document: &mut Document, api: &Api, store: &str) {
    let protect = |wanted: bool| with_json("PATCH", store, &json!({"protected": wanted}));
    expect(document, api, protect(true), 200).await;
    expect(document, api, plain("DELETE", store), 409).await;
    let mut stale = protect(false);
    stale.headers_mut().insert(header::IF_MATCH, "\"0\"".parse().unwrap());
    expect(document, api, stale, 412).await;
    wrong_bodies(document, api, ("PATCH", store), &json!({"protected": "perhaps"})).await;
    expect(document, api, protect(false), 200).await;
}

/// On the simulated cluster of the demo, which has pods.
async fn of_pods(document: &mut Document) {
    let template = PublicUrlTemplate::parse("http://{name}.localhost").unwrap();
    let settings = ServiceSettings::new(template, ReconcilerSettings::new("demo"));
    let (clock, entropy) = (Arc::new(TestClock::new()), Arc::new(SeededEntropy::new(1)));
    let demo = Demo::start(DemoParts { clock, entropy, settings, stores: 0 }).await.unwrap();
    let hosts = HostRule::new("127.0.0.1:5000".parse().unwrap(), &[]);
    let (_role, roles) = watch::channel(ReconcilerRole::Working);
    let router = App::new(demo.service().clone(), roles, CancellationToken::new()).into_router(hosts);
    let id = demo.service().get(&StoreRef::parse("tea-house").unwrap()).await.unwrap().id;
    for (end, status) in [("pods", 200), ("logs?component=application", 200), ("logs", 400)] {
        let answer = ask_router(document, &router, plain("GET", &format!("/api/v1/stores/{id}/{end}"))).await;
        assert_eq!(answer.status.as_u16(), status, "{end}: {}", answer.text);
    }
    demo.shutdown(Duration::from_secs(1)).await;
}

async fn retries(document: &mut Document, api: &Api) {
    let id = api.create("failing").await;
    let (store, retry) = (store_core::store::StoreId::parse(&id).unwrap(), format!("/api/v1/stores/{id}/retry"));
    api.cluster.set_image_broken(&store, true);
    expect(document, api, plain("POST", &retry), 409).await;
    api.until(&id, "FAILED").await;
    expect(document, api, plain("GET", &format!("/api/v1/stores/{id}")), 200).await;
    wrong_bodies(document, api, ("POST", &retry), &json!({"admin_password": 5})).await;
    expect(document, api, stale("POST", &retry), 412).await;
    api.cluster.set_image_broken(&store, false);
    expect(document, api, plain("POST", &retry), 202).await;
}

fn stale(method: &str, path: &str) -> Request<Body> {
    request(method, path).header(header::IF_MATCH, "\"0\"").body(Body::empty()).unwrap()
}

async fn wrong_bodies(document: &mut Document, api: &Api, (method, path): (&str, &str), wrong: &Value) {
    expect(document, api, with_json(method, path, &"{"), 400).await;
    let slow = request(method, path).header(header::CONTENT_TYPE, "application/json").body(never()).unwrap();
    expect(document, api, slow, 408).await;
    expect(document, api, with_json(method, path, &"x".repeat(70_000)), 413).await;
    let undeclared = request(method, path).header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}")).unwrap();
    expect(document, api, undeclared, 415).await;
    expect(document, api, with_json(method, path, wrong), 422).await;
}

#[tokio::test(start_paused = true)]
async fn every_documented_answer_is_given_and_no_other() {
    let mut document = Document::new();
    at_the_door(&mut document).await;
    without_a_database(&mut document).await;
    of_operation(&mut document).await;
    of_stores(&mut document).await;
    of_pods(&mut document).await;
    let missing: Vec<_> = document.documented().difference(document.seen()).cloned().collect();
    assert_eq!(missing, [""; 0], "documented, but never seen");
}

/// Through references, parts of a whole, choices, and maps.
#[test]
fn what_is_not_documented_is_noticed() {
    let document = Document::new();
    let failure = json!({"code": "not_ready", "message": "", "object": null, "event": null, "hint": "", "reason": ""});
    let condition =
        |degraded: &Value| json!({"store_id": "", "condition": "", "degraded": degraded, "published": "no"});
    let whole = condition(&failure);
    assert_eq!(document.judge_value("ConditionDocument", &whole), Ok(()));
    assert_eq!(document.judge_value("ConditionDocument", &condition(&Value::Null)), Ok(()));
    let (mut more, mut more_inside) = (whole, failure);
    more["more"] = json!(null);
    more_inside["more"] = json!(null);
    for value in [more, condition(&more_inside)] {
        let verdict = document.judge_value("ConditionDocument", &value).unwrap_err();
        assert!(verdict.contains("more is not documented"), "{verdict}");
    }
    let cluster = json!({"state": "open", "version": "1", "reason": ""});
    assert!(document.judge_value("ClusterState", &cluster).is_err(), "it fits none of the choices");
}

#[test]
fn the_document_holds_together() {
    let document = Document::new();
    assert_eq!(document.broken_references(), [""; 0]);
    let mut ids: Vec<_> =
        document.operations().iter().map(|(_, _, operation)| operation["operationId"].clone()).collect();
    let count = ids.len();
    ids.sort_by_key(ToString::to_string);
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
    for (method, path, operation) in document.operations() {
        let named = |place: &str| -> Vec<String> {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let of_place = parameters.filter(|parameter| parameter["in"] == place);
            of_place.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
        };
        let in_path: Vec<_> = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(named("path"), in_path, "{method} {path}");
        for response in operation["responses"].as_object().unwrap().values() {
            assert!(response["description"].is_string(), "{method} {path}");
        }
    }
}

/// The same key at the same time makes one store; whoever comes second gets the same answer.
#[tokio::test]
async fn the_same_key_at_once_makes_one_store() {
    let api = Arc::new(Api::new());
    let post = || {
        let api = Arc::clone(&api);
        let mut request = with_json("POST", "/api/v1/stores", &wanted("mystore"));
        request.headers_mut().insert("idempotency-key", "key-1".parse().unwrap());
        tokio::spawn(async move { api.send(request).await })
    };
    let asked: Vec<_> = (0..20).map(|_| post()).collect();
    let mut ids = Vec::new();
    let mut replayed = 0;
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        ids.push(answer.json()["id"].clone());
        replayed += usize::from(answer.headers.contains_key("idempotency-replayed"));
    }
    ids.dedup();
    assert_eq!((ids.len(), replayed), (1, 19));
    assert_eq!(api.get("/stores").await.json()["stores"].as_array().unwrap().len(), 1);
}

/// A repository in memory, for tests that share it.
#[tokio::test]
async fn the_same_key_on_two_servers_makes_one_store() {
    let memory: Arc<dyn StoreRepository> = Arc::new(MemoryRepository::new(Arc::new(TestClock::new())));
    let servers = [Api::on(Arc::clone(&memory)), Api::on(memory)];
    let mut ids = Vec::new();
    for server in &servers {
        let mut request = with_json("POST", "/api/v1/stores", &wanted("mystore"));
        request.headers_mut().insert("idempotency-key", "key-1".parse().unwrap());
        ids.push(server.send(request).await.json()["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
}
