//! The command against a server: what it sends, what it prints, and what it says when the server refuses.

mod support;

use std::time::Duration;

use predicates::prelude::*;
use predicates::str::contains;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{body_json, header, header_exists, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use support::{Cli, PASSWORD, event, history, id_of, list, problem, store};

const NEW: [&str; 9] = [
    "create",
    "demo",
    "--engine",
    "medusa",
    "--admin-username",
    "owner",
    "--admin-email",
    "owner@example.com",
    "--password-stdin",
];

#[expect(clippy::needless_pass_by_value, reason = "callers write the value down on the spot")]
fn json_answer(status: u16, body: Value) -> ResponseTemplate {
    let kind = if status < 400 { "application/json" } else { "application/problem+json" };
    ResponseTemplate::new(status).set_body_raw(body.to_string(), kind)
}

async fn mount(server: &MockServer, verb: &str, at: &str, answer: ResponseTemplate) {
    Mock::given(method(verb)).and(path(format!("/api/v1{at}"))).respond_with(answer).mount(server).await;
}

/// A server with one store, found by name and by id.
async fn with_store(status: &str) -> MockServer {
    let server = MockServer::start().await;
    let document = store("demo", status);
    mount(&server, "GET", &format!("/stores/{}", id_of("demo")), json_answer(200, document.clone())).await;
    mount(&server, "GET", "/stores", json_answer(200, list(&[document]))).await;
    let at = format!("/api/v1/stores/{}/events", id_of("demo"));
    let no_events = Mock::given(method("GET")).and(path(at)).respond_with(json_answer(200, history(&[])));
    no_events.with_priority(u8::MAX).mount(&server).await;
    server
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn list_as_a_table() {
    let server = MockServer::start().await;
    let stores = ["PROVISIONING", "READY", "FAILED", "DELETING"].map(|status| store(&status.to_lowercase(), status));
    mount(&server, "GET", "/stores", json_answer(200, list(&stores))).await;
    let output = Cli::new().on(&server, &["list"]).assert().success().stderr("").get_output().stdout.clone();
    let output = text(&output);
    // All but the age, which goes on.
    let rows: Vec<Vec<&str>> = output.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["NAME", "ENGINE", "STATUS", "DETAIL", "AGE", "URL"]);
    assert_eq!(rows[1][..4], ["provisioning", "medusa", "PROVISIONING", "database"]);
    assert_eq!(rows[2][..4], ["ready", "medusa", "READY", "healthy"]);
    assert_eq!(rows[3][..4], ["failed", "medusa", "FAILED", "image_pull"]);
    assert_eq!(rows[4][..4], ["deleting", "medusa", "DELETING", "-"]);
    assert_eq!(rows[2][5], "http://ready.localhost/");
    assert!(output.lines().all(|line| line.trim_end() == line), "no blanks at the ends of lines");
    assert!(!output.contains('\u{1b}'), "no colours where nobody sees them");
}

#[rstest]
#[case("wide", &["s000000000", "small", "store-sdemo00000", "owner@example.com", "ATTEMPT"][1..])]
#[case("name", &["demo\n"])]
#[case("yaml", &["stores:\n- id: sdemo00000\n  name: demo\n", "status: READY"])]
#[case("json", &["\"id\": \"sdemo00000\"", "\"next_page_token\": null"])]
#[tokio::test]
async fn list_in_other_formats(#[case] format: &str, #[case] expected: &[&str]) {
    let server = with_store("READY").await;
    let output = Cli::new().on(&server, &["list", "-o", format]).assert().success().get_output().stdout.clone();
    for expected in expected {
        assert!(text(&output).contains(expected), "{expected:?} is not in\n{}", text(&output));
    }
}

#[tokio::test]
async fn colours_are_forced_and_forbidden_by_the_environment() {
    let server = with_store("READY").await;
    let cli = Cli::new();
    cli.on(&server, &["list"]).env("FORCE_COLOR", "1").assert().success().stdout(contains("\u{1b}["));
    let both = cli.on(&server, &["list"]).env("FORCE_COLOR", "1").env("NO_COLOR", "1").assert().success();
    both.stdout(contains("\u{1b}[").not());
}

#[tokio::test]
async fn list_reads_all_pages_and_sends_the_filters() {
    let server = MockServer::start().await;
    let first = json!({ "stores": [store("one", "READY")], "next_page_token": "more", "position": 3 });
    Mock::given(method("GET"))
        .and(query_param("page_token", "more"))
        .and(query_param("status", "READY"))
        .respond_with(json_answer(200, list(&[store("two", "READY")])))
        .expect(1)
        .with_priority(1)
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .and(query_param("status", "READY"))
        .and(query_param("engine", "medusa"))
        .respond_with(json_answer(200, first))
        .expect(1)
        .mount(&server)
        .await;
    let arguments = ["list", "--status", "ready", "--engine", "medusa", "-o", "name"];
    Cli::new().on(&server, &arguments).assert().success().stdout("one\ntwo\n");
}

#[tokio::test]
async fn no_stores_are_no_output() {
    let server = MockServer::start().await;
    mount(&server, "GET", "/stores", json_answer(200, list(&[]))).await;
    Cli::new().on(&server, &["list"]).assert().success().stdout("").stderr(contains("no stores"));
    Cli::new().on(&server, &["list", "--quiet"]).assert().success().stdout("").stderr("");
}

#[rstest]
#[case::by_name("demo")]
#[case::by_id("sdemo00000")]
#[tokio::test]
async fn get_shows_one_store(#[case] which: &str) {
    let server = with_store("READY").await;
    let output = Cli::new().on(&server, &["get", which]).assert().success().get_output().stdout.clone();
    let output = text(&output);
    for line in ["Name:         demo", "Status:       READY", "publishable api key:", "+ queued", "+ database     56s"]
    {
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed(&output).contains(&squeezed(line)), "{line:?} is not in\n{output}");
    }
    let json = Cli::new().on(&server, &["get", which, "-o", "json"]).assert().success().get_output().stdout.clone();
    assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), store("demo", "READY"));
}

#[tokio::test]
async fn get_of_nothing_fails() {
    let server = MockServer::start().await;
    mount(&server, "GET", "/stores", json_answer(200, list(&[]))).await;
    Cli::new().on(&server, &["get", "demo"]).assert().code(1).stdout("").stderr(contains("there is no store demo"));
}

#[tokio::test]
async fn a_failed_store_shows_why() {
    let server = with_store("FAILED").await;
    let expected =
        contains("The image cannot be pulled [Pod server-0]. Check the registry.").and(contains("x database"));
    Cli::new().on(&server, &["get", "demo"]).assert().success().stdout(expected);
}

#[rstest]
#[case::in_data("details", json!({ "key": "\u{1b}]0;owned\u{7}" }), &["get", "demo"])]
#[case::in_a_warning("name", json!("\u{1b}]0;owned\u{7}"), &["open", "sdemo00000", "--print"])]
#[case::in_a_message("name", json!("\u{1b}]0;owned\u{7}"), &["protect", "sdemo00000"])]
#[tokio::test]
async fn what_a_server_says_does_not_steer_the_terminal(
    #[case] field: &str,
    #[case] said: Value,
    #[case] arguments: &[&str],
) {
    let server = MockServer::start().await;
    let mut evil = store("demo", "FAILED");
    evil[field] = said;
    mount(&server, "GET", "/stores", json_answer(200, list(&[evil.clone()]))).await;
    for method in ["GET", "PATCH"] {
        mount(&server, method, &format!("/stores/{}", id_of("demo")), json_answer(200, evil.clone())).await;
    }
    let output = Cli::new().on(&server, arguments).assert().success().get_output().clone();
    let shown = text(&output.stdout) + &text(&output.stderr);
    assert!(shown.contains("owned") && !shown.contains('\u{1b}'), "{shown:?}");
}

#[tokio::test]
async fn create_sends_the_request_once_and_waits() {
    let server = MockServer::start().await;
    let body = json!({
        "name": "demo", "engine": "medusa", "admin_username": "owner", "admin_email": "owner@example.com",
        "admin_password": PASSWORD,
    });
    Mock::given(method("POST"))
        .and(path("/api/v1/stores"))
        .and(header_exists("Idempotency-Key"))
        .and(body_json(body))
        .respond_with(json_answer(202, store("demo", "PROVISIONING")))
        .expect(1)
        .mount(&server)
        .await;
    let at = format!("/stores/{}", id_of("demo"));
    let moving = Mock::given(method("GET")).and(path(format!("/api/v1{at}")));
    moving.respond_with(json_answer(200, store("demo", "PROVISIONING"))).up_to_n_times(1).mount(&server).await;
    mount(&server, "GET", &at, json_answer(200, store("demo", "READY"))).await;
    let news = event("demo", 40, "gate_met", "PROVISIONING", "gate met: release");
    let from_start = Mock::given(method("GET")).and(path(format!("/api/v1{at}/events"))).and(query_param("after", "0"));
    from_start.respond_with(json_answer(200, history(&[news]))).mount(&server).await;
    mount(&server, "GET", &format!("{at}/events"), json_answer(200, history(&[]))).await;
    let assert = Cli::new().on(&server, &NEW).write_stdin(format!("{PASSWORD}\n")).assert().success();
    let (out, err) = (text(&assert.get_output().stdout), text(&assert.get_output().stderr));
    assert!(out.contains("http://demo.localhost/app") && out.contains("owner@example.com"), "{out}");
    assert!(out.contains("store-sdemo00000-credentials"), "{out}");
    assert!(err.contains("gate met: release") && err.contains("demo is READY after"), "{err}");
    assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "the password is shown");
}

#[tokio::test]
async fn create_without_waiting_prints_the_store_and_says_who_goes_on() {
    let server = MockServer::start().await;
    mount(&server, "POST", "/stores", json_answer(202, store("demo", "PROVISIONING"))).await;
    let arguments = [&NEW[..], &["--no-wait", "-o", "json"]].concat();
    let assert = Cli::new().on(&server, &arguments).write_stdin(PASSWORD).assert().success();
    let assert = assert.stderr(contains("The server goes on with it"));
    let document: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(document, store("demo", "PROVISIONING"));
}

#[tokio::test]
async fn a_generated_password_is_shown_once_and_sent() {
    let server = MockServer::start().await;
    mount(&server, "POST", "/stores", json_answer(202, store("demo", "PROVISIONING"))).await;
    let arguments = [&NEW[..8], &["--generate-password", "--no-wait", "--quiet"]].concat();
    let assert = Cli::new().on(&server, &arguments).assert().success();
    let sent: Value = serde_json::from_slice(&server.received_requests().await.unwrap()[0].body).unwrap();
    let password = sent["admin_password"].as_str().unwrap();
    assert_eq!(password.len(), 20);
    assert_eq!(text(&assert.get_output().stderr).matches(password).count(), 1);
    assert!(!text(&assert.get_output().stdout).contains(password));
}

#[tokio::test]
async fn create_that_fails_ends_with_1_and_the_reason() {
    let server = with_store("FAILED").await;
    mount(&server, "POST", "/stores", json_answer(202, store("demo", "PROVISIONING"))).await;
    let assert = Cli::new().on(&server, &NEW).write_stdin(PASSWORD).assert().code(1).stdout("");
    assert.stderr(contains("demo FAILED: The image cannot be pulled").and(contains("store retry demo")));
}

#[tokio::test]
async fn patience_ends() {
    let server = with_store("PROVISIONING").await;
    mount(&server, "POST", "/stores", json_answer(202, store("demo", "PROVISIONING"))).await;
    let arguments = [&NEW[..], &["--timeout", "300ms"]].concat();
    let assert = Cli::new().on(&server, &arguments).write_stdin(PASSWORD).assert().code(1);
    assert.stderr(contains("still PROVISIONING").and(contains("database")));
}

#[tokio::test]
async fn fields_that_are_wrong_are_listed() {
    let server = MockServer::start().await;
    let mut refusal = problem(422, "name www is reserved");
    refusal["errors"] = json!([
        { "field": "name", "message": "is reserved for the platform" },
        { "field": "admin_email", "message": "is not an e-mail address" },
    ]);
    mount(&server, "POST", "/stores", json_answer(422, refusal)).await;
    let assert = Cli::new().on(&server, &NEW).write_stdin(PASSWORD).assert().code(1).stdout("");
    assert.stderr(
        contains("name www is reserved")
            .and(contains("  name: is reserved for the platform"))
            .and(contains("  admin_email: is not an e-mail address"))
            .and(contains(PASSWORD).not()),
    );
}

#[rstest]
#[case(401, 4, "STORE_TOKEN_FILE")]
#[case(403, 4, "not for you")]
#[case(409, 1, "not for you")]
#[case(500, 1, "under request req-1")]
#[tokio::test]
async fn refusals(#[case] status: u16, #[case] code: i32, #[case] expected: &str) {
    let server = MockServer::start().await;
    mount(&server, "GET", "/stores", json_answer(status, problem(status, "not for you"))).await;
    let assert = Cli::new().on(&server, &["list"]).assert().code(code).stdout("");
    assert.stderr(contains("not for you").and(contains(expected)));
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let server = MockServer::start().await;
    Mock::given(header("Authorization", "Bearer t0ps3cret"))
        .respond_with(json_answer(200, list(&[])))
        .expect(1)
        .mount(&server)
        .await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "t0ps3cret\n").unwrap();
    let assert = Cli::new().on(&server, &["list"]).env("STORE_TOKEN_FILE", &file).assert().success();
    assert.stdout("").stderr(contains("t0ps3cret").not());
}

#[tokio::test]
async fn a_busy_server_is_asked_again_with_the_same_key() {
    let server = MockServer::start().await;
    let busy = Mock::given(method("POST")).respond_with(json_answer(503, problem(503, "busy")));
    busy.up_to_n_times(2).mount(&server).await;
    mount(&server, "POST", "/stores", json_answer(202, store("demo", "PROVISIONING"))).await;
    let arguments = [&NEW[..], &["--no-wait"]].concat();
    Cli::new().on(&server, &arguments).write_stdin(PASSWORD).assert().success();
    let requests = server.received_requests().await.unwrap();
    let keys: Vec<_> = requests.iter().map(|request| request.headers["Idempotency-Key"].clone()).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
}

#[tokio::test]
async fn a_retry_is_not_sent_twice() {
    let server = with_store("FAILED").await;
    let at = format!("/stores/{}/retry", id_of("demo"));
    mount(&server, "POST", &at, json_answer(503, problem(503, "busy"))).await;
    Cli::new().on(&server, &["retry", "demo", "--no-wait"]).assert().code(1).stderr(contains("busy"));
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.iter().filter(|request| request.method.as_str() == "POST").count(), 1);
}

#[tokio::test]
async fn nobody_there() {
    // Nobody listens there, and nobody is given that port.
    let url = "http://user:hunter22@127.0.0.1:1";
    let assert = Cli::new().command(&["--server", url, "list"]).timeout(Duration::from_mins(1)).assert().code(1);
    assert.stderr(contains("cannot reach").and(contains("Is the server running")).and(contains("hunter22").not()));
}

#[rstest]
#[case::a_web_page(ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), "is not JSON")]
#[case::another_api(ResponseTemplate::new(200).set_body_raw("{}", "application/json"), "cannot understand")]
#[case::no_api(ResponseTemplate::new(404), "the address of a store server?")]
#[case::a_redirect(ResponseTemplate::new(301).insert_header("Location", "https://x.example/"), "https://x.example/")]
#[tokio::test]
async fn what_is_no_store_server(#[case] answer: ResponseTemplate, #[case] expected: &str) {
    let server = MockServer::start().await;
    mount(&server, "GET", "/stores", answer).await;
    Cli::new().on(&server, &["list"]).assert().code(1).stdout("").stderr(contains(expected));
}

#[tokio::test]
async fn delete_asks_and_a_script_must_say_yes() {
    let server = with_store("READY").await;
    Cli::new().on(&server, &["delete", "demo"]).assert().code(2).stderr(contains("--yes"));
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.method.as_str() == "GET"), "{requests:?}");
}

#[tokio::test]
async fn delete_waits_until_the_store_is_gone() {
    let server = MockServer::start().await;
    let at = format!("/stores/{}", id_of("demo"));
    mount(&server, "GET", "/stores", json_answer(200, list(&[store("demo", "READY")]))).await;
    mount(&server, "DELETE", &at, json_answer(202, store("demo", "DELETING"))).await;
    mount(&server, "GET", &at, json_answer(200, store("demo", "DELETED"))).await;
    let started = event("demo", 50, "teardown_started", "DELETING", "the teardown began");
    mount(&server, "GET", &format!("{at}/events"), json_answer(200, history(&[started]))).await;
    let assert = Cli::new().on(&server, &["delete", "demo", "--yes"]).assert().success().stdout("");
    assert.stderr(contains("the teardown began").and(contains("demo is deleted after")));
}

#[tokio::test]
async fn a_typing_error_deletes_nothing() {
    let server = MockServer::start().await;
    let found = Mock::given(method("GET")).and(query_param("name", "demo"));
    found.respond_with(json_answer(200, list(&[store("demo", "READY")]))).mount(&server).await;
    mount(&server, "GET", "/stores", json_answer(200, list(&[]))).await;
    let assert = Cli::new().on(&server, &["delete", "demo", "dmeo", "--yes"]).assert().code(1);
    assert.stderr(contains("there is no store dmeo"));
    let requests = server.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| request.method.as_str() == "GET"), "{requests:?}");
}

#[tokio::test]
async fn events_as_a_table_and_as_json_lines() {
    let server = with_store("READY").await;
    let entries = [
        event("demo", 1, "created", "PROVISIONING", "demo was asked for"),
        event("demo", 2, "ready", "READY", "ready at http://demo.localhost/"),
    ];
    let at = format!("/stores/{}/events", id_of("demo"));
    let first = Mock::given(method("GET")).and(path(format!("/api/v1{at}"))).and(query_param("after", "0"));
    first.respond_with(json_answer(200, history(&entries))).mount(&server).await;
    let table = "TIME                  STATUS        MESSAGE\n\
                 2026-03-01T10:00:01Z  PROVISIONING  demo was asked for\n\
                 2026-03-01T10:00:02Z  READY         ready at http://demo.localhost/\n";
    Cli::new().on(&server, &["events", "demo"]).assert().success().stdout(table);
    let output =
        Cli::new().on(&server, &["events", "demo", "-o", "json"]).assert().success().get_output().stdout.clone();
    let lines: Vec<Value> = text(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, entries);
}

#[tokio::test]
async fn following_ends_with_the_store() {
    let server = with_store("READY").await;
    let at = format!("/api/v1/stores/{}/events", id_of("demo"));
    let pages = [
        ("0", history(&[event("demo", 1, "created", "PROVISIONING", "demo was asked for")])),
        ("1", history(&[event("demo", 2, "deleted", "DELETED", "nothing of it is left")])),
    ];
    for (after, page) in pages {
        let asked = Mock::given(method("GET")).and(path(&at)).and(query_param("after", after));
        asked.respond_with(json_answer(200, page)).mount(&server).await;
    }
    let assert = Cli::new()
        .on(&server, &["events", "demo", "--follow", "-o", "json"])
        .timeout(Duration::from_secs(20))
        .assert()
        .success();
    let output = text(&assert.get_output().stdout);
    let positions = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["position"].clone());
    assert_eq!(positions.collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn one_who_waits_outlives_a_restart_of_the_server() {
    let server = with_store("PROVISIONING").await;
    let at = format!("/api/v1/stores/{}", id_of("demo"));
    // Longer than one request is repeated for.
    let away = Mock::given(method("GET")).and(path(&at)).respond_with(json_answer(503, problem(503, "restarting")));
    away.up_to_n_times(5).with_priority(1).mount(&server).await;
    let back = Mock::given(method("GET")).and(path(&at)).respond_with(json_answer(200, store("demo", "READY")));
    back.with_priority(2).mount(&server).await;
    let assert = Cli::new().on(&server, &["wait", "demo", "-o", "name"]).assert().success().stdout("demo\n");
    assert.stderr(contains("restarting").and(contains("demo is READY after")));
}

#[tokio::test]
async fn the_doctor_looks_at_a_server_from_outside() {
    let server = with_store("READY").await;
    let readiness = json!({
        "status": "ready", "database": null, "cluster": {}, "reconciler": {}, "parked": "the cluster cannot be reached",
    });
    let ready = Mock::given(method("GET")).and(path("/readyz")).respond_with(json_answer(200, readiness));
    ready.mount(&server).await;
    let assert = Cli::new().on(&server, &["doctor", "-o", "json"]).assert().success();
    let report: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(report["verdict"], "warn");
    let verdicts: Vec<_> = report["checks"].as_array().unwrap().iter().take(3).map(|check| &check["verdict"]).collect();
    assert_eq!(verdicts, ["ok", "warn", "ok"]);
    let nobody = Cli::new();
    nobody.command(&["--server", "http://127.0.0.1:1", "doctor"]).assert().code(1).stdout(contains("fail  server"));
}

/// A server that asks for tokens tells strangers no more.
#[rstest]
#[case(200, "ready", ["ok", "warn"])]
#[case(503, "unready", ["fail", "warn"])]
#[tokio::test]
async fn the_doctor_claims_nothing_that_the_server_does_not_tell(
    #[case] code: u16,
    #[case] status: &str,
    #[case] expected: [&str; 2],
) {
    let server = with_store("READY").await;
    let ready = Mock::given(method("GET")).and(path("/readyz"));
    ready.respond_with(json_answer(code, json!({ "status": status }))).mount(&server).await;
    let output = Cli::new().on(&server, &["doctor", "-o", "json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let verdicts: Vec<_> = report["checks"].as_array().unwrap().iter().take(2).map(|check| &check["verdict"]).collect();
    assert_eq!(verdicts, expected);
}

#[rstest]
#[case(&["open", "demo"], "http://demo.localhost/\n")]
#[case(&["open", "demo", "--admin", "--print"], "http://demo.localhost/app\n")]
#[tokio::test]
async fn open_prints_the_address(#[case] arguments: &[&str], #[case] expected: &str) {
    let server = with_store("READY").await;
    Cli::new().on(&server, arguments).assert().success().stdout(expected.to_owned()).stderr("");
}

#[tokio::test]
async fn passwords_in_the_clear_are_warned_of() {
    // A name that is reserved for examples (RFC 2606) resolves to nothing; the warning comes before.
    let arguments = ["--server", "http://shops.invalid", "list"];
    let assert = Cli::new().command(&arguments).timeout(Duration::from_secs(30)).assert().code(1);
    assert.stderr(contains("warning:").and(contains("shops.invalid is not encrypted")));
}
