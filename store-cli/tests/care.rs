//! `store protect`, `store unprotect` and `store logs` against a server.

mod support;

use predicates::prelude::*;
use predicates::str::contains;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use support::{Cli, id_of, list, merge, problem, store};

fn protected(protected: bool) -> Value {
    let mut document = store("demo", "READY");
    merge(&mut document, json!({ "protected": protected }));
    document
}

/// A server with one READY store.
async fn server(is_protected: bool) -> MockServer {
    let server = MockServer::start().await;
    let found = ResponseTemplate::new(200).set_body_json(list(&[protected(is_protected)]));
    Mock::given(method("GET")).and(path("/api/v1/stores")).respond_with(found).mount(&server).await;
    server
}

fn at(rest: &str) -> String {
    format!("/api/v1/stores/{}{rest}", id_of("demo"))
}

#[tokio::test]
async fn protection_is_given_and_taken() {
    for (command, wanted, said) in [("protect", true, "is protected"), ("unprotect", false, "can be deleted")] {
        let server = server(!wanted).await;
        let answer = ResponseTemplate::new(200).set_body_json(protected(wanted));
        let asked = Mock::given(method("PATCH")).and(path(at(""))).and(body_json(json!({ "protected": wanted })));
        asked.respond_with(answer).expect(1).mount(&server).await;
        Cli::new().on(&server, &[command, "demo"]).assert().success().stderr(contains(said));
    }
}

#[tokio::test]
async fn a_protected_store_is_not_even_asked_about() {
    let server = server(true).await;
    let expected = contains("demo is protected from deletion").and(contains("store unprotect demo"));
    Cli::new().on(&server, &["delete", "demo", "--yes"]).assert().code(1).stderr(expected);
    let requests = server.received_requests().await.expect("requests");
    assert!(requests.iter().all(|request| request.method.as_str() == "GET"));
}

#[tokio::test]
async fn a_log_is_printed_as_it_is_but_steers_no_terminal() {
    let server = server(false).await;
    let body = "one\n\ttwo\n\u{1b}[31mred\n";
    let asked = Mock::given(method("GET")).and(path(at("/logs")));
    let asked = asked.and(query_param("component", "database")).and(query_param("tail", "7"));
    let asked = asked.and(query_param("follow", "true"));
    asked.respond_with(ResponseTemplate::new(200).set_body_raw(body, "text/plain")).mount(&server).await;
    let arguments = ["logs", "demo", "-f", "--component", "database", "--tail", "7"];
    let expected = "one\n    two\n\u{fffd}[31mred\n";
    Cli::new().on(&server, &arguments).assert().success().stdout(expected);
}

#[tokio::test]
async fn without_a_pod_the_server_says_so() {
    let server = server(false).await;
    let refused = ResponseTemplate::new(404)
        .set_body_raw(problem(404, "demo has no pod").to_string(), "application/problem+json");
    Mock::given(method("GET")).and(path(at("/logs"))).respond_with(refused).mount(&server).await;
    Cli::new().on(&server, &["logs", "demo"]).assert().code(1).stderr(contains("demo has no pod"));
    Cli::new().on(&server, &["logs", "demo", "-o", "json"]).assert().code(2).stderr(contains("no other format"));
    Cli::new().on(&server, &["logs", "demo", "--tail", "5001"]).assert().code(2);
}
