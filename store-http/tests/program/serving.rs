//! What it does once it runs, and how it ends.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use rstest::rstest;
use rustix::process::Signal;

use crate::installation::{Installation, copy_chart};

const CANARY: &str = "canary-password-1";
/// As in the user's document, comments included.
const ENV: &str = "\
# Database
DATABASE_URL=sqlite:///store_platform.db

# Helm
HELM_CHART_PATH=helm/store
HELM_VALUES_FILE=values.yaml
HELM_ENV_VALUES_FILE=values-local.yaml

# Kubernetes
# KUBECONFIG=/path/to/kubeconfig  # Optional, uses default if not set

# Provisioning
PROVISIONING_TIMEOUT_SECONDS=600  # 10 minutes
PROVISIONING_POLL_INTERVAL_SECONDS=5
PROVISIONING_MAX_WORKERS=5

# Domain
BASE_DOMAIN=localhost

# Logging
LOG_DIR=logs  # Directory for log files
LOG_FILE=store_platform.log  # Log file name

# Flask
FLASK_HOST=0.0.0.0
FLASK_ENV=development
FLASK_DEBUG=True
FLASK_PORT=5000
FLASK_SECRET=x
";

fn create(name: &str) -> String {
    format!(
        r#"{{"name": "{name}", "engine": "medusa", "admin_username": "storeadmin", "admin_email": "admin@mystore.com",
            "admin_password": "{CANARY}"}}"#
    )
}

#[test]
fn the_users_own_env_file_works_on_loopback() {
    let installation = Installation::new();
    installation.write(".env", ENV);
    copy_chart(&installation.path("helm/store"));
    let mut server = installation.serve(|_| {});
    assert!(server.address.ip().is_loopback());
    let log = server.log();
    for expected in [
        "FLASK_HOST=0.0.0.0 WAS LOWERED TO 127.0.0.1",
        "ALLOW_UNAUTHENTICATED=true",
        "FLASK_DEBUG and FLASK_ENV",
        "FLASK_SECRET",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert!(server.get("/health").ends_with(r#"{"status":"healthy"}"#));
    assert!(server.get("/stores").contains(r#"{"stores":[]"#));
    assert!(server.post("/stores", &create("mystore")).starts_with("HTTP/1.1 202 "));
    server.wait_for("POST");
    server.wait_for("all work is parked");
    server.signal(Signal::TERM);
    assert_eq!(server.ended(), Some(0));
    assert!(installation.path("store_platform.db").is_file(), "beside the .env that names it");
    let key = std::fs::metadata(installation.path("store_platform.db.credentials-key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let file = std::fs::read_to_string(installation.path("logs/store_platform.log")).unwrap();
    for expected in ["WAS LOWERED", "method=POST path=\"/stores\" status=202", "ended"] {
        assert!(file.contains(expected), "{expected}: {file}");
    }
    assert!(!file.contains(CANARY) && !server.log().contains(CANARY));
}

#[test]
fn it_starts_while_the_cluster_is_away_and_says_so() {
    let installation = Installation::new();
    let mut server = installation.serve(|_| {});
    server.wait_for("all work is parked");
    let ready = server.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 200 ") && ready.contains(r#""state":"unreachable""#), "{ready}");
    let created = server.post("/stores", &create("mystore"));
    assert!(created.contains(r#""status":"PROVISIONING""#), "{created}");
}

#[test]
fn what_was_wanted_survives_a_kill() {
    let installation = Installation::new();
    let mut server = installation.serve(|_| {});
    server.post("/stores", &create("mystore"));
    server.signal(Signal::KILL);
    server.ended();
    let server = installation.serve(|_| {});
    assert!(server.get("/stores").contains(r#""name":"mystore""#));
    assert!(!server.log().contains("credentials key"), "the key was found again");
}

#[rstest]
#[case(Signal::TERM)]
#[case(Signal::INT)]
fn a_signal_ends_it_although_somebody_reads_the_events(#[case] signal: Signal) {
    let installation = Installation::new();
    let mut server = installation.serve(|_| {});
    let mut reader = server.connect();
    write!(reader, "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut beginning = [0; 12];
    reader.read_exact(&mut beginning).unwrap();
    assert_eq!(&beginning, b"HTTP/1.1 200");
    let idle = server.connect();
    server.signal(signal);
    assert_eq!(server.ended(), Some(0), "{}", server.log());
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "the stream ended in good order: {rest:?}");
    drop(idle);
}

#[rstest]
#[case("/dev/null/logs")]
#[case("/proc/logs")]
fn it_goes_on_without_its_log_directory(#[case] directory: &str) {
    let installation = Installation::new();
    let mut server = installation.serve(|command| {
        command.env("LOG_DIR", directory);
    });
    server.wait_for(&format!("LOG_DIR: no log file can be written in {directory}"));
    assert!(server.get("/health").starts_with("HTTP/1.1 200 "));
}

#[test]
fn hosts_are_checked() {
    let installation = Installation::new();
    let server = installation.serve(|command| {
        command.args(["--allowed-hosts", "shops.example"]);
    });
    let ask = |host: &str| server.ask(&format!("GET /stores HTTP/1.1\r\nHost: {host}"), "");
    assert!(ask("evil.example").starts_with("HTTP/1.1 421 "));
    assert!(ask("shops.example").starts_with("HTTP/1.1 200 "));
    assert!(ask(&server.address.to_string()).starts_with("HTTP/1.1 200 "));
}

#[test]
fn it_listens_everywhere_only_when_told_so() {
    let installation = Installation::new();
    let mut server = installation.serve(|command| {
        command.env("FLASK_HOST", "0.0.0.0").arg("--allow-unauthenticated");
    });
    assert!(server.address.ip().is_unspecified());
    server.wait_for("anybody who reaches");
}

#[test]
fn one_of_two_on_a_database_works_and_the_other_takes_over() {
    let installation = Installation::new();
    let mut first = installation.serve(|_| {});
    let mut second = installation.serve(|_| {});
    second.wait_for("this one takes over when it ends");
    assert!(second.get("/readyz").contains(r#""reconciler":{"state":"standby""#));
    first.post("/stores", &create("mystore"));
    assert!(second.get("/stores").contains(r#""name":"mystore""#));
    first.signal(Signal::TERM);
    assert_eq!(first.ended(), Some(0));
    second.wait_for("this process works on the stores");
    assert!(second.get("/readyz").contains(r#""reconciler":{"state":"working"}"#));
}

#[test]
fn heads_and_bodies_are_bounded() {
    let installation = Installation::new();
    let server = installation.serve(|_| {});
    let long = server.ask(&format!("GET /stores HTTP/1.1\r\nX-Long: {}", "x".repeat(64 * 1024)), "");
    assert!(long.starts_with("HTTP/1.1 431 "), "{long}");
    let many = "\r\nX-Many: y".repeat(100);
    assert!(server.ask(&format!("GET /stores HTTP/1.1{many}"), "").starts_with("HTTP/1.1 431 "));
    let large = server.post("/stores", &"x".repeat(70_000));
    assert!(large.starts_with("HTTP/1.1 413 "), "{large}");
}
