//! Stores that are protected from deletion.

mod common;

use axum::http::{StatusCode, header};
use common::{Answer, Api, with_json};
use rstest::rstest;
use serde_json::json;

async fn patch(api: &Api, id: &str, body: &str) -> Answer {
    api.send(with_json("PATCH", &format!("/api/v1/stores/{id}"), &body)).await
}

#[tokio::test(start_paused = true)]
async fn a_protected_store_is_not_deleted_until_that_is_taken_back() {
    let api = Api::new();
    let _reconciler = api.start();
    let id = api.create("mystore").await;
    let store = api.until(&id, "READY").await;
    assert_eq!(store["protected"], false);

    let answer = patch(&api, &id, r#"{"protected": true}"#).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let protected = answer.json();
    assert_eq!((&protected["protected"], &protected["generation"]), (&json!(true), &store["generation"]));
    assert_eq!(answer.header("etag"), format!("\"{}\"", protected["version"]));
    assert_eq!(patch(&api, &id, r#"{"protected": true}"#).await.json(), protected, "repeated, it is the same");

    let problem = api.delete(&format!("/api/v1/stores/{id}")).await.problem(409);
    assert_eq!(problem["type"], "urn:store-platform:problem:store-protected");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("mystore")), "{problem}");
    assert_eq!(api.get(&format!("/api/v1/stores/{id}")).await.json()["status"], "READY");

    assert_eq!(patch(&api, &id, r#"{"protected": false}"#).await.json()["protected"], false);
    assert_eq!(api.delete(&format!("/api/v1/stores/{id}")).await.status, StatusCode::ACCEPTED);
    let problem = patch(&api, &id, r#"{"protected": true}"#).await.problem(409);
    assert_eq!(problem["type"], "urn:store-platform:problem:wrong-status");

    let events = api.get(&format!("/api/v1/stores/{id}/events")).await.json();
    let kinds: Vec<_> = events["events"].as_array().into_iter().flatten().map(|event| event["kind"].clone()).collect();
    for kind in ["protected", "unprotected"] {
        assert_eq!(kinds.iter().filter(|found| **found == kind).count(), 1, "{kinds:?}");
    }
}

#[tokio::test]
async fn the_version_may_be_named() {
    let api = Api::new();
    let id = api.create("mystore").await;
    let path = format!("/api/v1/stores/{id}");
    let mut request = with_json("PATCH", &path, &r#"{"protected": true}"#);
    request.headers_mut().insert(header::IF_MATCH, "\"7\"".parse().expect("a value"));
    let answer = api.send(request).await;
    answer.problem(412);
    assert_eq!(answer.header("etag"), "\"1\"");
    assert_eq!(api.get(&path).await.json()["protected"], false);
}

#[rstest]
#[case::nothing("{}", "protected")]
#[case::null(r#"{"protected": null}"#, "protected")]
#[case::a_text(r#"{"protected": "true"}"#, "protected")]
#[case::something_else(r#"{"protected": true, "status": "READY"}"#, "status")]
#[tokio::test]
async fn wrong_bodies_name_the_field(#[case] body: &str, #[case] field: &str) {
    let api = Api::new();
    let id = api.create("mystore").await;
    let answer = patch(&api, &id, body).await;
    answer.problem(422);
    assert_eq!(answer.fields(), [field]);
}

#[tokio::test]
async fn nobody_can_be_protected_who_is_not_there() {
    patch(&Api::new(), "aaaaaaaaaa", r#"{"protected": true}"#).await.problem(404);
}
