//! What is compressed for whom, and what never is.

mod common;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use common::{Api, request};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// Headers and body of what is answered to somebody who reads gzip.
async fn for_gzip(api: &Api, path: &str) -> (HeaderMap, Vec<u8>) {
    let request = request("GET", path).header(header::ACCEPT_ENCODING, "gzip").body(Body::empty()).expect("a request");
    let (head, body) = api.router.clone().oneshot(request).await.expect("an answer").into_parts();
    (head.headers, body.collect().await.expect("a whole body").to_bytes().to_vec())
}

#[tokio::test]
async fn a_long_list_is_compressed_for_whoever_reads_that() {
    let api = Api::new();
    for number in 0..20 {
        api.create(&format!("store{number}")).await;
    }
    let plain = api.get("/api/v1/stores").await;
    assert!(!plain.headers.contains_key(header::CONTENT_ENCODING));
    let (headers, body) = for_gzip(&api, "/api/v1/stores").await;
    assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
    assert!(headers[header::VARY].to_str().unwrap().contains("accept-encoding"), "caches keep them apart");
    assert_eq!(body[..2], [0x1f, 0x8b], "the mark of RFC 1952");
    assert!(body.len() * 4 < plain.text.len(), "{} of {}", body.len(), plain.text.len());
}

#[tokio::test]
async fn what_has_a_strong_tag_or_is_short_is_not_compressed() {
    let api = Api::new();
    let id = api.create("mystore").await;
    for path in [&format!("/api/v1/stores/{id}"), "/api/v1/health"] {
        let (headers, _) = for_gzip(&api, path).await;
        assert!(!headers.contains_key(header::CONTENT_ENCODING), "{path}");
    }
}

#[tokio::test]
async fn a_stream_of_events_is_not_compressed() {
    let api = Api::new();
    let request = request("GET", "/api/v1/events").header(header::ACCEPT_ENCODING, "gzip");
    let answer = api.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    assert!(!answer.headers().contains_key(header::CONTENT_ENCODING));
}
