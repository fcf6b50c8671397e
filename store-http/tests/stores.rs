//! The routes of stores: what they answer, and what they refuse.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use axum::body::Body;
use axum::http::{StatusCode, header};
use common::{Api, PASSWORD, request, wanted, wanted_with, with_json};
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};
use store_core::store::StoreId;

#[rstest]
#[case("/stores")]
#[case("/api/v1/stores")]
#[tokio::test(start_paused = true)]
async fn a_store_comes_up_and_goes(#[case] stores: &str) {
    let api = Api::new();
    let _reconciler = api.start();
    let answer = api.post(stores, wanted("mystore")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let store = answer.json();
    let id = store["id"].as_str().unwrap();
    assert_eq!(answer.header("location"), format!("/api/v1/stores/{id}"));
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!((&store["status"], &store["step"]), (&json!("PROVISIONING"), &json!("queued")));
    assert_eq!(store["store_url"], "http://mystore.localhost");
    assert!(!answer.text.contains(PASSWORD));

    let ready = api.until(id, "READY").await;
    assert_eq!(ready["condition"], "healthy");
    let listed = api.get(stores).await.json();
    assert_eq!(listed["stores"][0], ready);
    assert_eq!(listed["next_page_token"], Value::Null);

    let answer = api.delete(&format!("{stores}/{id}")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("DELETING")));
    let again = api.delete(&format!("{stores}/{id}")).await;
    assert_eq!((again.status, &again.json()["status"]), (StatusCode::ACCEPTED, &json!("DELETING")));
    api.until(id, "DELETED").await;
    assert_eq!(api.get(stores).await.json()["stores"], json!([]));
    let deleted = api.get(&format!("{stores}?status=DELETED")).await.json();
    assert_eq!(deleted["stores"][0]["id"], id);
}

#[rstest]
#[case::name_too_short("name", json!("ab"))]
#[case::name_too_long("name", json!("a".repeat(41)))]
#[case::name_in_upper_case("name", json!("MyStore"))]
#[case::name_begins_with_a_hyphen("name", json!("-store"))]
#[case::name_ends_with_a_hyphen("name", json!("store-"))]
#[case::name_with_dots("name", json!("a..b"))]
#[case::name_with_a_space("name", json!("my store"))]
#[case::name_like_a_flag("name", json!("--post-renderer"))]
#[case::name_like_a_path("name", json!("../etc"))]
#[case::name_like_a_template("name", json!("{{x}}"))]
#[case::name_with_a_line_break("name", json!("my\nstore"))]
#[case::name_reserved("name", json!("admin"))]
#[case::name_missing("name", Value::Null)]
#[case::name_is_a_number("name", json!(5))]
#[case::name_is_an_object("name", json!({"a": "b"}))]
#[case::engine_unknown("engine", json!("shopify"))]
#[case::engine_missing("engine", Value::Null)]
#[case::engine_is_a_boolean("engine", json!(true))]
#[case::plan_unknown("plan", json!("gigantic"))]
#[case::username_missing("admin_username", Value::Null)]
#[case::username_empty("admin_username", json!(""))]
#[case::username_with_a_hidden_character("admin_username", json!("store\u{202e}nimda"))]
#[case::email_missing("admin_email", Value::Null)]
#[case::email_bad("admin_email", json!("not-an-address"))]
#[case::password_missing("admin_password", Value::Null)]
#[case::password_too_short("admin_password", json!("seven77"))]
#[case::password_of_spaces("admin_password", json!(" ".repeat(20)))]
#[case::password_is_a_list("admin_password", json!([PASSWORD]))]
#[case::mass_assignment_of_the_namespace("namespace", json!("kube-system"))]
#[case::mass_assignment_of_the_status("status", json!("READY"))]
#[case::mass_assignment_of_the_owner("owner", json!("me"))]
#[tokio::test]
async fn wrong_fields_are_named(#[case] field: &str, #[case] value: Value) {
    let api = Api::new();
    let answer = api.post("/stores", wanted_with(field, value)).await;
    let problem = answer.problem(422);
    assert_eq!(problem["type"], "urn:store-platform:problem:invalid-fields");
    assert_eq!(answer.fields(), [field]);
    assert_eq!(api.get("/stores").await.json()["stores"], json!([]));
}

#[tokio::test]
async fn all_wrong_fields_are_named_at_once() {
    let api = Api::new();
    let answer = api.post("/stores", "{}").await;
    answer.problem(422);
    assert_eq!(answer.fields(), ["name", "engine", "admin_username", "admin_email", "admin_password"]);
    let answer = api.post("/stores", r#"{"name": 1, "name": 2, "x": 3, "engine": null}"#).await;
    answer.problem(422);
    assert_eq!(answer.fields(), ["name", "name", "x"]);
}

/// As a sentence that names the field once.
#[rstest]
#[case(
    "POST",
    "/stores",
    Some(wanted_with("engine", "shopify")),
    "engine is not known: \"shopify\"; allowed: medusa, woocommerce"
)]
#[case(
    "POST",
    "/stores",
    Some(wanted_with("plan", "huge")),
    "plan is not known: \"huge\"; allowed: small, medium, large"
)]
#[case("PATCH", "/stores/a123456789", Some(json!({"status": "READY"})),
    "status is not known; the only one here is protected")]
#[case("GET", "/stores?status=LOST", None, "status is not known: \"LOST\"; allowed: ")]
#[case("GET", "/stores?page_token=x", None, "page_token is not one that this server made; start again without it")]
#[case("GET", "/stores/a123456789/logs?component=server", None, "component is not known: \"server\"; allowed: ")]
#[case(
    "GET",
    "/stores/a123456789/logs?component=setup&since=1",
    None,
    "since is not known; known are component, follow, tail"
)]
#[case("GET", "/events?store=ABC", None, "store must be a store's id: ")]
#[case("GET", "/stores/%ff%fe", None, "there is no such store: what stands for its id is not UTF-8")]
#[tokio::test]
async fn what_is_wrong_is_said_clearly(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: Option<Value>,
    #[case] expected: &str,
) {
    let request = match body {
        Some(body) => with_json(method, path, &body),
        None => request(method, path).body(Body::empty()).unwrap(),
    };
    let problem = Api::new().send(request).await.json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with(expected), "{detail}");
}

#[rstest]
#[case::cut_off(r#"{"name": "#)]
#[case::no_json("name=mystore")]
#[case::empty("")]
#[case::two_documents("{} {}")]
#[case::too_deep(&format!("{{\"name\": {}", "[".repeat(5000)))]
#[tokio::test]
async fn malformed_json_is_400(#[case] body: &str) {
    let problem = Api::new().post("/stores", body).await.problem(400);
    assert_eq!(problem["type"], "urn:store-platform:problem:malformed-body");
}

#[rstest]
#[case::list("[]")]
#[case::text(r#""mystore""#)]
#[case::null("null")]
#[tokio::test]
async fn json_that_is_no_object_is_422(#[case] body: &str) {
    let problem = Api::new().post("/stores", body).await.problem(422);
    assert_eq!(problem["detail"], "the body must be a JSON object");
}

#[tokio::test]
async fn bodies_over_64_kib_are_413() {
    let api = Api::new();
    let body = wanted_with("admin_username", "x".repeat(64 * 1024));
    let problem = api.post("/stores", body).await.problem(413);
    assert_eq!(problem["detail"], "the body may have at most 65536 bytes");
    let mut exactly = wanted("mystore").to_string();
    exactly.push_str(&" ".repeat(65_536 - exactly.len()));
    assert_eq!(api.post("/stores", exactly).await.status, StatusCode::ACCEPTED);
}

#[rstest]
#[case(None, 415)]
#[case(Some("text/plain"), 415)]
#[case(Some("application/x-www-form-urlencoded"), 415)]
#[case(Some("application/json; charset=utf-8"), 202)]
#[case(Some("application/vnd.shop+json"), 202)]
#[tokio::test]
async fn bodies_must_be_declared_as_json(#[case] media_type: Option<&str>, #[case] status: u16) {
    let mut request = request("POST", "/stores");
    if let Some(media_type) = media_type {
        request = request.header(header::CONTENT_TYPE, media_type);
    }
    let answer = Api::new().send(request.body(Body::from(wanted("mystore").to_string())).unwrap()).await;
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
}

#[tokio::test]
async fn a_taken_name_names_the_store_that_has_it() {
    let api = Api::new();
    let id = api.create("mystore").await;
    let answer = api.post("/stores", wanted("mystore")).await;
    let problem = answer.problem(409);
    assert_eq!(problem["existing_id"], id);
    assert_eq!(answer.header("location"), format!("/api/v1/stores/{id}"));
    assert_eq!(answer.fields(), ["name"]);
}

fn keyed(key: &str, body: &Value) -> axum::http::Request<Body> {
    let mut request = with_json("POST", "/stores", &body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    request
}

#[tokio::test]
async fn the_same_key_and_request_are_the_same_store() {
    let api = Api::new();
    let first = api.send(keyed("key-1", &wanted("mystore"))).await;
    assert!(!first.headers.contains_key("idempotency-replayed"));
    let again = api.send(keyed("key-1", &wanted("mystore"))).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(again.header("location"), first.header("location"));
    let problem = api.send(keyed("key-1", &wanted("another"))).await.problem(422);
    assert_eq!(problem["type"], "urn:store-platform:problem:key-reused");
}

#[rstest]
#[case::empty("")]
#[case::too_long(&"k".repeat(256))]
#[case::with_a_space("a key")]
#[tokio::test]
async fn a_key_that_cannot_be_one_is_named(#[case] key: &str) {
    let answer = Api::new().send(keyed(key, &wanted("mystore"))).await;
    answer.problem(422);
    assert_eq!(answer.fields(), ["Idempotency-Key"]);
}

#[rstest]
#[case("GET", "/stores/a123456789")]
#[case("GET", "/stores/a123456789/events")]
#[case("GET", "/stores/NOT-AN-ID")]
#[case("GET", "/stores/%ff%fe")]
#[case("GET", "/stores/..%2f..%2fetc")]
#[case("GET", "/api/v1/stores/a123456789")]
#[case("DELETE", "/stores/a123456789")]
#[case("DELETE", "/stores/x")]
#[case("POST", "/stores/a123456789/retry")]
#[case("POST", "/stores/x/retry")]
#[case("GET", "/events?store=a123456789")]
#[tokio::test]
async fn unknown_stores_are_404(#[case] method: &str, #[case] path: &str) {
    let answer = Api::new().send(request(method, path).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.problem(404)["type"], "urn:store-platform:problem:unknown-store");
}

#[rstest]
#[case("status=BROKEN", &["status"])]
#[case("status=READY&status=BROKEN,WORSE", &["status", "status"])]
#[case("engine=shopify", &["engine"])]
#[case("name=-x", &["name"])]
#[case("page_size=0", &["page_size"])]
#[case("page_size=1001", &["page_size"])]
#[case("page_size=abc", &["page_size"])]
#[case("page_size=1&page_size=2", &["page_size"])]
#[case("page_token=garbage", &["page_token"])]
#[case("pagesize=1", &["pagesize"])]
#[case("status=X&engine=Y&name=Z&page_size=-1", &["status", "engine", "name", "page_size"])]
#[tokio::test]
async fn wrong_filters_are_named(#[case] query: &str, #[case] fields: &[&str]) {
    let answer = Api::new().get(&format!("/stores?{query}")).await;
    assert_eq!(answer.problem(400)["type"], "urn:store-platform:problem:invalid-parameter");
    assert_eq!(answer.fields(), fields);
}

#[rstest]
#[case("", &["one", "two", "three"])]
#[case("status=PROVISIONING", &["one", "three"])]
#[case("status=DELETING", &["two"])]
#[case("status=provisioning,DELETING", &["one", "two", "three"])]
#[case("status=READY&status=DELETING", &["two"])]
#[case("engine=medusa", &["one", "two", "three"])]
#[case("engine=woocommerce", &[])]
#[case("name=two", &["two"])]
#[case("name=four", &[])]
#[tokio::test]
async fn filters_pick(#[case] query: &str, #[case] expected: &[&str]) {
    let api = Api::new();
    for name in ["one", "two", "three"] {
        let id = api.create(name).await;
        if name == "two" {
            api.delete(&format!("/stores/{id}")).await;
        }
    }
    let list = api.get(&format!("/stores?{query}")).await.json();
    let mut names: Vec<_> =
        list["stores"].as_array().unwrap().iter().map(|store| store["name"].as_str().unwrap()).collect();
    let mut expected = expected.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let api = Api::new();
    for number in 0..5 {
        api.create(&format!("store{number}")).await;
    }
    let mut names = Vec::new();
    let mut path = "/stores?page_size=2".to_owned();
    for size in [2, 2, 1] {
        let page = api.get(&path).await.json();
        let stores = page["stores"].as_array().unwrap();
        assert_eq!(stores.len(), size);
        names.extend(stores.iter().map(|store| store["name"].as_str().unwrap().to_owned()));
        path = format!("/stores?page_size=2&page_token={}", page["next_page_token"].as_str().unwrap_or_default());
    }
    names.sort();
    assert_eq!(names, ["store0", "store1", "store2", "store3", "store4"]);
    assert!(path.ends_with("page_token="), "the last page has no token");
}

#[rstest]
#[case::no_condition(None, 202)]
#[case::current(Some("\"1\""), 202)]
#[case::one_of_several(Some("\"7\", \"1\""), 202)]
#[case::anything(Some("*"), 202)]
#[case::older(Some("\"0\""), 412)]
#[case::weak(Some("W/\"1\""), 412)]
#[case::foreign(Some("\"abc\""), 412)]
#[case::none_of_several(Some("\"7\", \"8\""), 412)]
#[tokio::test]
async fn if_match_guards_a_deletion(#[case] tag: Option<&str>, #[case] status: u16) {
    let api = Api::new();
    let id = api.create("mystore").await;
    let mut request = request("DELETE", &format!("/stores/{id}"));
    if let Some(tag) = tag {
        request = request.header(header::IF_MATCH, tag);
    }
    let answer = api.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    if status == 412 {
        answer.problem(412);
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_eq!(api.get(&format!("/stores/{id}")).await.json()["status"], "PROVISIONING");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_store_can_be_retried() {
    let api = Api::new();
    let _reconciler = api.start();
    let id = api.create("mystore").await;
    let retry = format!("/stores/{id}/retry");
    let problem = api.send(request("POST", &retry).body(Body::empty()).unwrap()).await.problem(409);
    assert_eq!(problem["type"], "urn:store-platform:problem:wrong-status");

    let store = store_core::store::StoreId::parse(&id).unwrap();
    api.cluster.set_image_broken(&store, true);
    let failed = api.until(&id, "FAILED").await;
    assert_eq!(failed["failure"]["code"], "image_pull");
    assert!(failed["failure_reason"].as_str().is_some_and(|reason| !reason.is_empty()));

    let stale = request("POST", &retry).header(header::IF_MATCH, "\"1\"").body(Body::empty()).unwrap();
    api.send(stale).await.problem(412);
    let answer = api.post(&retry, json!({"admin_password": "short"})).await;
    answer.problem(422);
    assert_eq!(answer.fields(), ["admin_password"]);
    let answer = api.post(&retry, json!({"password": PASSWORD})).await;
    answer.problem(422);
    assert_eq!(answer.fields(), ["password"]);

    api.cluster.set_image_broken(&store, false);
    let answer = api.send(request("POST", &retry).body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, &answer.json()["status"]), (StatusCode::ACCEPTED, &json!("PROVISIONING")));
    assert_eq!(answer.json()["attempt"], 2);
    api.until(&id, "READY").await;
}

#[tokio::test(start_paused = true)]
async fn history_is_paged() {
    let api = Api::new();
    let _reconciler = api.start();
    let id = api.create("mystore").await;
    api.until(&id, "READY").await;
    let whole = api.get(&format!("/stores/{id}/events")).await.json();
    assert_eq!(whole["next_after"], Value::Null);
    let whole = whole["events"].as_array().unwrap().clone();
    assert_eq!((&whole[0]["kind"], &whole.last().unwrap()["kind"]), (&json!("created"), &json!("ready")));
    let mut pieces = Vec::new();
    let mut after = json!(0);
    while !after.is_null() {
        let page = api.get(&format!("/stores/{id}/events?after={after}&limit=3")).await.json();
        pieces.extend(page["events"].as_array().unwrap().clone());
        after = page["next_after"].clone();
    }
    assert_eq!(pieces, whole);
    let answer = api.get(&format!("/stores/{id}/events?after=x&limit=0&more=1")).await;
    answer.problem(400);
    assert_eq!(answer.fields(), ["after", "limit", "more"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_was_just_read_shows_what_came_after_it() {
    let api = Api::new();
    let names = async || {
        let list = api.get("/api/v1/stores").await.json();
        let stores = list["stores"].as_array().unwrap().clone();
        stores.iter().map(|store| store["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, [""; 0]);
    for known in [&["one"][..], &["one", "two"]] {
        api.create(known.last().unwrap()).await;
        assert_eq!(names().await, known);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_was_just_read_shows_what_came_to_its_stores() {
    let api = Api::new();
    let _reconciler = api.start();
    let mut ids = Vec::new();
    for name in ["one", "two", "three"] {
        ids.push(api.create(name).await);
        api.until(&ids[ids.len() - 1], "READY").await;
    }
    let page = async || {
        let page = api.get("/api/v1/stores?page_size=2").await.json();
        let store = |index: usize| {
            let store = &page["stores"][index];
            (store["name"].as_str().unwrap().to_owned(), store["protected"].as_bool().unwrap())
        };
        (store(0), store(1))
    };
    let named = |name: &str, protected| (name.to_owned(), protected);
    assert_eq!(page().await, (named("one", false), named("two", false)));
    api.create("four").await;
    assert_eq!(page().await, (named("one", false), named("two", false)));
    let protect = common::with_json("PATCH", &format!("/api/v1/stores/{}", ids[1]), &r#"{"protected":true}"#);
    assert_eq!(api.send(protect).await.status, 200);
    assert_eq!(page().await, (named("one", false), named("two", true)));
    api.delete(&format!("/api/v1/stores/{}", ids[0])).await;
    while page().await.0 != named("two", true) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(page().await, (named("two", true), named("three", false)));
}

#[tokio::test(start_paused = true)]
async fn a_list_shows_a_change_in_the_cluster_within_a_moment() {
    let api = Api::new();
    let _reconciler = api.start();
    let id = api.create("mystore").await;
    api.until(&id, "READY").await;
    let condition = async || api.get("/api/v1/stores").await.json()["stores"][0]["condition"].clone();
    assert_eq!(condition().await, "healthy");
    api.cluster.set_image_broken(&StoreId::parse(&id).unwrap(), true);
    let began = tokio::time::Instant::now();
    while api.get(&format!("/api/v1/stores/{id}")).await.json()["condition"] != "degraded" {
        assert!(began.elapsed() < Duration::from_mins(1), "it never showed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(condition().await, "degraded", "nobody read a list in between");
}
