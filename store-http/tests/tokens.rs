//! Who may do what: every documented route, and its alias, without a token, with a wrong one, as a viewer and as an
//! administrator.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use common::broken::Broken;
use common::{Api, Guarded, request};
use futures::StreamExt as _;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// A route as the document has it, and whether it asks for a token there.
struct Route {
    method: String,
    path: String,
    is_open: bool,
}

/// Every documented route, and its alias without `/api/v1`.
fn routes() -> Vec<Route> {
    let document: Value = serde_json::from_str(&store_http::openapi_text()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let security = operation["security"].as_array().cloned().unwrap_or_default();
            let is_open = security.contains(&json!({}));
            let path = path.replace("{id}", "a123456789");
            let alias = path.strip_prefix("/api/v1").map(str::to_owned);
            for path in [Some(path), alias].into_iter().flatten() {
                routes.push(Route { method: method.to_uppercase(), path, is_open });
            }
        }
    }
    assert!(routes.len() > 20, "{}", routes.len());
    routes
}

/// The beginning of the answer: streams have no end.
async fn begin(api: &Api, method: &str, path: &str, authorization: Option<&str>) -> (StatusCode, HeaderMap, Body) {
    let mut request = request(method, path);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    (parts.status, parts.headers, body)
}

async fn kind(body: Body) -> String {
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    problem["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
}

#[rstest]
#[case::none(None, "Bearer")]
#[case::unknown(Some("Bearer stp_unknown".to_owned()), "Bearer error=\"invalid_token\"")]
#[case::garbled(Some("Bearer".to_owned()), "Bearer error=\"invalid_token\"")]
#[case::other_scheme(Some("Basic Ym9zczpib3Nz".to_owned()), "Bearer error=\"invalid_token\"")]
#[case::endless(Some(format!("Bearer stp_{}", "x".repeat(10_000))), "Bearer error=\"invalid_token\"")]
#[tokio::test]
async fn without_a_token_only_what_is_open_answers(#[case] authorization: Option<String>, #[case] challenge: &str) {
    let guarded = Guarded::new();
    for Route { method, path, is_open } in routes() {
        let (status, headers, body) = begin(&guarded.api, &method, &path, authorization.as_deref()).await;
        if is_open {
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
            continue;
        }
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(headers[header::WWW_AUTHENTICATE], challenge, "{method} {path}");
        assert_eq!(kind(body).await, "unauthenticated");
    }
}

#[tokio::test]
async fn a_viewer_looks_and_changes_nothing() {
    let guarded = Guarded::new();
    let authorization = format!("Bearer {}", guarded.viewer);
    for Route { method, path, .. } in routes() {
        let (status, _, body) = begin(&guarded.api, &method, &path, Some(&authorization)).await;
        if method == "GET" {
            assert!(![401, 403].contains(&status.as_u16()), "{method} {path}: {status}");
        } else {
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
            assert_eq!(kind(body).await, "not-permitted");
        }
    }
}

#[tokio::test]
async fn an_administrator_may_do_everything() {
    let guarded = Guarded::new();
    // The scheme's case does not matter (RFC 9110, 11.1).
    for scheme in ["Bearer", "bearer"] {
        let authorization = format!("{scheme} {}", guarded.admin);
        for Route { method, path, .. } in routes() {
            let (status, ..) = begin(&guarded.api, &method, &path, Some(&authorization)).await;
            assert!(![401, 403].contains(&status.as_u16()), "{method} {path}: {status}");
        }
    }
}

/// The routes that ask for no token, all of them.
#[test]
fn what_is_open_is_known() {
    let mut open: Vec<_> = routes().into_iter().filter(|route| route.is_open).map(|route| route.path).collect();
    open.sort();
    assert_eq!(open, ["/api/v1/health", "/health", "/livez", "/readyz"]);
}

/// What is said of the database, the cluster and other processes is for those who are let in.
#[rstest]
#[case::nobody(None, &["status"])]
#[case::wrong(Some("Bearer stp_unknown"), &["status"])]
#[case::viewer(Some("viewer"), &["cluster", "database", "parked", "reconciler", "status"])]
#[case::admin(Some("admin"), &["cluster", "database", "parked", "reconciler", "status"])]
#[tokio::test]
async fn strangers_learn_only_whether_it_works(#[case] authorization: Option<&str>, #[case] members: &[&str]) {
    let (broken, whole) = (Guarded::on(Arc::new(Broken::Failing)), Guarded::new());
    for (guarded, status, word) in [(broken, 503, "unready"), (whole, 200, "ready")] {
        let authorization = authorization.map(|authorization| match authorization {
            "viewer" => format!("Bearer {}", guarded.viewer),
            "admin" => format!("Bearer {}", guarded.admin),
            other => other.to_owned(),
        });
        let (code, headers, body) = begin(&guarded.api, "GET", "/readyz", authorization.as_deref()).await;
        let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let readiness: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((code.as_u16(), &readiness["status"]), (status, &json!(word)));
        assert_eq!(headers.contains_key(header::RETRY_AFTER), status == 503);
        let told: Vec<_> = readiness.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = members.iter().copied().filter(|member| *member != "database" || status == 503);
        assert_eq!(told, expected.collect::<Vec<_>>());
        for path in ["/health", "/livez"] {
            let (.., body) = begin(&guarded.api, "GET", path, None).await;
            assert_eq!(axum::body::to_bytes(body, 1 << 20).await.unwrap(), r#"{"status":"healthy"}"#);
        }
    }
}

#[rstest]
#[case("GET", "/nothing")]
#[case("GET", "/metrics")]
#[case("GET", "/docs/more")]
#[case("PATCH", "/stores")]
#[case("GET", "/health/../stores")]
#[case("GET", "//stores")]
#[case("GET", "/HEALTH")]
#[tokio::test]
async fn what_is_not_documented_asks_for_a_token_too(#[case] method: &str, #[case] path: &str) {
    let (status, ..) = begin(&Guarded::new().api, method, path, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn two_tokens_are_none() {
    let guarded = Guarded::new();
    let bearer = format!("Bearer {}", guarded.admin);
    let request = request("GET", "/stores").header("authorization", &bearer).header("authorization", &bearer);
    guarded.api.send(request.body(Body::empty()).unwrap()).await.problem(401);
}

#[tokio::test]
async fn a_caller_learns_who_it_is() {
    let guarded = Guarded::new();
    for (token, expected) in [
        (&guarded.admin, json!({"name": "boss", "role": "admin"})),
        (&guarded.viewer, json!({"name": "guest", "role": "viewer"})),
    ] {
        let request = request("GET", "/api/v1/me").header("authorization", format!("Bearer {token}"));
        let answer = guarded.api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected));
    }
    assert_eq!(Api::new().get("/api/v1/me").await.json(), json!({"name": null, "role": "admin"}));
}

#[tokio::test]
async fn clients_learn_what_the_platform_is() {
    let platform = Api::new().get("/api/v1/platform").await.json();
    let expected = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "simulated": false,
        "engines": [{"name": "medusa", "title": "Medusa"}, {"name": "woocommerce", "title": "WooCommerce"}],
        "plans": ["small", "medium", "large"],
        "default_plan": "small",
        "base_domain": "localhost",
        "public_url_template": "http://{name}.localhost",
    });
    assert_eq!(platform, expected);
}

#[tokio::test]
async fn a_token_that_is_taken_away_ends_its_streams() {
    let guarded = Guarded::new();
    let authorization = format!("Bearer {}", guarded.viewer);
    let (status, _, body) = begin(&guarded.api, "GET", "/api/v1/events", Some(&authorization)).await;
    assert_eq!(status, StatusCode::OK);
    let mut stream = body.into_data_stream();
    std::fs::write(&guarded.file, "[]").unwrap();
    guarded.tokens.look();
    assert!(stream.next().await.is_none(), "the stream has ended");
    let (status, ..) = begin(&guarded.api, "GET", "/api/v1/events", Some(&authorization)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
