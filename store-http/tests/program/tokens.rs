//! Tokens, from making one to taking it away from a server that runs.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;
use std::time::{Duration, Instant};

use crate::installation::{Installation, Server};

const PATIENCE: Duration = Duration::from_secs(20);

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn new_token(installation: &Installation, name: &str, role: &str) -> (Output, String) {
    let output = installation.run(|command| {
        command.args(["token", "new", "--name", name, "--role", role, "--file", "tokens.yaml"]);
    });
    let token = text(&output.stdout).trim().to_owned();
    (output, token)
}

fn ask(server: &Server, token: &str) -> String {
    server.ask(&format!("GET /api/v1/stores HTTP/1.1\r\nAuthorization: Bearer {token}"), "")
}

/// Asks until the answer begins so.
fn until(server: &Server, token: &str, expected: &str) {
    let over = Instant::now() + PATIENCE;
    loop {
        let answer = ask(server, token);
        if answer.starts_with(expected) {
            return;
        }
        assert!(Instant::now() < over, "{answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_token_is_made_used_and_taken_away() {
    let installation = Installation::new();
    let (made, admin) = new_token(&installation, "boss", "admin");
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    assert!(admin.starts_with("stp_") && !text(&made.stderr).contains(&admin));
    let file = installation.path("tokens.yaml");
    assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    let mut server = installation.serve(|command| {
        command.args(["--api-tokens-file", "tokens.yaml"]).env("FLASK_HOST", "0.0.0.0");
    });
    assert!(server.address.ip().is_unspecified(), "with tokens, others may reach it");
    server.wait_for("every request needs a token; tokens that are let in: 1");
    server.wait_for("let a reverse proxy with TLS stand before it");
    assert!(server.get("/health").starts_with("HTTP/1.1 200 "));
    let refused = server.get("/api/v1/stores");
    assert!(refused.starts_with("HTTP/1.1 401 ") && refused.to_lowercase().contains("www-authenticate: bearer"));
    assert!(ask(&server, &admin).starts_with("HTTP/1.1 200 "));

    let (_, viewer) = new_token(&installation, "guest", "viewer");
    until(&server, &viewer, "HTTP/1.1 200 ");
    let delete = format!("DELETE /api/v1/stores/a123456789 HTTP/1.1\r\nAuthorization: Bearer {viewer}");
    assert!(server.ask(&delete, "").starts_with("HTTP/1.1 403 "));
    let line = server.wait_for("status=403");
    assert!(line.contains("caller=\"guest\""), "who was refused is known: {line}");

    let whole = std::fs::read_to_string(&file).expect("the file");
    installation.write("tokens.yaml", "- name: broken");
    server.wait_for("THE NEW FILE OF TOKENS IS NOT USED");
    assert!(ask(&server, &viewer).starts_with("HTTP/1.1 200 "), "a broken file locks nobody out");
    let (bosses, _) = whole.split_once("- name: \"guest\"").expect("two entries");
    installation.write("tokens.yaml", bosses);
    until(&server, &viewer, "HTTP/1.1 401 ");
    assert!(ask(&server, &admin).starts_with("HTTP/1.1 200 "));

    let log = server.log();
    assert!(log.contains("a request was not let in") && log.contains("caller=\"boss\""), "{log}");
    assert!(!log.contains(&admin) && !log.contains(&viewer), "no token is logged");
}

#[test]
fn nobody_is_warned_of_the_way_to_a_server_that_is_on_the_same_machine() {
    let installation = Installation::new();
    new_token(&installation, "boss", "admin");
    let mut server = installation.serve(|command| {
        command.args(["--api-tokens-file", "tokens.yaml"]);
    });
    server.wait_for("every request needs a token");
    assert!(server.get("/health").starts_with("HTTP/1.1 200 "));
    assert!(!server.log().contains("reverse proxy"), "{}", server.log());
}

#[test]
fn without_a_file_the_entry_is_printed() {
    let installation = Installation::new();
    let output = installation.run(|command| {
        command.args(["token", "new", "--name", "ci", "--role", "viewer"]);
    });
    let said = text(&output.stderr);
    assert!(
        said.contains("- name: \"ci\"\n  role: viewer\n  sha256: \"") && said.contains("API_TOKENS_FILE"),
        "{said}"
    );
    assert_eq!(text(&output.stdout).trim().len(), 48);
}

#[test]
fn the_log_of_requests_names_trace_and_request() {
    let installation = Installation::new();
    let mut server = installation.serve(|_| {});
    let trace = "0af7651916cd43dd8448eb211c80319c";
    server
        .ask(&format!("GET /stores HTTP/1.1\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\nX-Request-Id: mine"), "");
    let line = server.wait_for("request_id=\"mine\"");
    assert!(line.contains(&format!("trace_id=\"{trace}\"")), "{line}");
}
