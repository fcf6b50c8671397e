//! Servers by name, and tokens that are kept.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use predicates::prelude::*;
use predicates::str::contains;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use support::{Cli, id_of, list, problem, store};

const TOKEN: &str = "stp_canary0123456789";

/// A server that lets only this token in.
async fn guarded(token: &str) -> MockServer {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer").set_body_raw(
        problem(401, "the request was refused: it carries no token").to_string(),
        "application/problem+json",
    );
    Mock::given(wiremock::matchers::any()).respond_with(refusal).with_priority(9).mount(&server).await;
    let me = json!({"name": "ci", "role": "viewer"});
    for (at, body) in [("/api/v1/me", me), ("/api/v1/stores", list(&[store("demo", "READY")]))] {
        let bearer = header("authorization", format!("Bearer {token}").as_str());
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(method("GET")).and(path(at)).and(bearer).respond_with(answer).mount(&server).await;
    }
    server
}

fn login(cli: &Cli, server: &MockServer, token: &str) -> assert_cmd::assert::Assert {
    cli.command(&["login", "--server", &server.uri(), "--token-stdin"]).write_stdin(format!("{token}\n")).assert()
}

fn file(cli: &Cli) -> PathBuf {
    cli.folder.path().join(".config/store/config.yaml")
}

fn contexts(cli: &Cli) -> Value {
    let output = cli.command(&["context", "list", "-o", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).expect("JSON")
}

#[tokio::test]
async fn logged_in_commands_show_the_token() {
    let (cli, server) = (Cli::new(), guarded(TOKEN).await);
    cli.command(&["--server", &server.uri(), "list"]).assert().code(4).stderr(contains("store login"));
    let assert = login(&cli, &server, TOKEN).success().stdout("");
    assert.stderr(contains("as ci (viewer)").and(contains(TOKEN).not()));
    assert_eq!(file(&cli).metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    cli.command(&["list", "-o", "name"]).assert().success().stdout("demo\n");
    cli.command(&["--server", &server.uri(), "list", "-o", "name"]).assert().success().stdout("demo\n");
    let shown = contexts(&cli).to_string();
    assert!(shown.contains("\"has_token\":true") && !shown.contains(TOKEN), "{shown}");

    cli.command(&["logout"]).assert().success().stderr(contains("Logged out"));
    assert!(!std::fs::read_to_string(file(&cli)).expect("a file").contains("stp_"));
    cli.command(&["list"]).assert().code(4);
    cli.command(&["logout"]).assert().success().stderr(contains("no token"));
}

#[tokio::test]
async fn a_token_that_is_not_let_in_is_not_kept() {
    let (cli, server) = (Cli::new(), guarded(TOKEN).await);
    login(&cli, &server, "stp_wrong").code(4).stderr(contains("stp_wrong").not());
    assert!(!file(&cli).exists());
    login(&cli, &server, "").code(2);
}

#[tokio::test]
async fn a_token_for_a_server_that_asks_nobody_is_not_kept() {
    let (cli, server) = (Cli::new(), MockServer::start().await);
    let me = ResponseTemplate::new(200).set_body_json(json!({"name": null, "role": "admin"}));
    Mock::given(method("GET")).and(path("/api/v1/me")).respond_with(me).mount(&server).await;
    login(&cli, &server, TOKEN).success().stderr(contains("none is kept"));
    let kept = fs::read_to_string(file(&cli)).expect("a file");
    assert!(kept.contains(&server.uri()) && !kept.contains(TOKEN), "{kept}");
}

#[tokio::test]
async fn a_token_of_a_file_wins_over_what_is_kept() {
    let (cli, server) = (Cli::new(), guarded(TOKEN).await);
    login(&cli, &server, TOKEN).success();
    let directory = tempfile::tempdir().expect("a folder");
    let other = directory.path().join("token");
    cli.command(&["list"]).env("STORE_TOKEN_FILE", &other).assert().code(2).stderr(contains("cannot be read"));
    fs::write(&other, "stp_other\n").expect("the file can be written");
    cli.command(&["list"]).env("STORE_TOKEN_FILE", &other).assert().code(4);
}

#[tokio::test]
async fn a_token_goes_to_its_own_server_only() {
    let (cli, ours, theirs) = (Cli::new(), guarded(TOKEN).await, guarded("stp_theirs").await);
    login(&cli, &ours, TOKEN).success();
    cli.command(&["--server", &theirs.uri(), "list"]).assert().code(4);
    let requests = theirs.received_requests().await.expect("recorded");
    assert!(requests.iter().all(|request| !request.headers.contains_key("authorization")));
}

#[tokio::test]
async fn contexts_are_added_used_and_removed() {
    let (cli, one, two) = (Cli::new(), guarded(TOKEN).await, guarded("stp_two").await);
    for (name, server) in [("one", &one), ("two", &two)] {
        cli.command(&["context", "add", name, "--server", &server.uri()]).assert().success();
    }
    for (name, token) in [("one", TOKEN), ("two", "stp_two")] {
        let mut login = cli.command(&["login", "--context", name, "--token-stdin"]);
        login.write_stdin(token).assert().success();
    }
    let current = |cli: &Cli| -> Vec<String> {
        let all = contexts(cli);
        let current = all.as_array().expect("a list").iter().filter(|context| context["is_current"] == true);
        current.map(|context| context["name"].as_str().expect("a name").to_owned()).collect()
    };
    assert_eq!(current(&cli), ["two"], "whoever logs in goes on there");
    cli.command(&["context", "use", "one"]).assert().success();
    assert_eq!(current(&cli), ["one"]);
    cli.command(&["list", "--context", "two", "-o", "name"]).assert().success().stdout("demo\n");
    // A flag wins over the environment.
    cli.command(&["list", "--context", "two"]).env("STORE_SERVER", one.uri()).assert().success();
    let table = cli.command(&["context", "list"]).assert().success();
    table.stdout(contains("CURRENT  NAME").and(contains("own database and cluster")));
    cli.command(&["context", "remove", "one"]).assert().success();
    assert_eq!(current(&cli), ["embedded"]);
    cli.command(&["context", "use", "two"]).assert().success();
    cli.command(&["context", "use", "embedded"]).assert().success();
    assert_eq!(current(&cli), ["embedded"]);
    let added = cli.command(&["context", "add", "three", "--server", &one.uri()]).assert().success();
    added.stderr(contains("leads to"));
    assert_eq!(current(&cli), ["embedded"], "what was chosen stays");
    cli.command(&["list"]).env("STORE_SERVER", "").assert().stderr(contains("server's address").not());
}

#[rstest]
#[case::open_to_others("contexts: []\n", 0o644, "chmod 600")]
#[case::broken("contexts: [stp_secret\n", 0o600, "is not what this program has written")]
#[case::unknown_fields("contexts: []\nmore: stp_secret\n", 0o600, "is not what this program has written")]
fn a_file_that_cannot_be_used_is_named(#[case] text: &str, #[case] mode: u32, #[case] expected: &str) {
    let cli = Cli::new();
    std::fs::create_dir_all(file(&cli).parent().expect("a folder")).expect("a folder");
    std::fs::write(file(&cli), text).expect("written");
    std::fs::set_permissions(file(&cli), std::fs::Permissions::from_mode(mode)).expect("a mode");
    let assert = cli.command(&["--server", "http://127.0.0.1:1", "list"]).assert().code(1);
    assert.stderr(contains(expected).and(contains("stp_secret").not()));
}

#[tokio::test]
async fn the_place_is_that_of_xdg() {
    let (cli, server) = (Cli::new(), guarded(TOKEN).await);
    let elsewhere = cli.folder.path().join("elsewhere");
    let mut login = cli.command(&["login", "--server", &server.uri(), "--token-stdin"]);
    login.env("XDG_CONFIG_HOME", &elsewhere).write_stdin(TOKEN).assert().success();
    assert!(elsewhere.join("store/config.yaml").is_file());
}

/// A server whose store is on its way, then READY, then gone.
async fn moving() -> MockServer {
    let server = MockServer::start().await;
    let at = |store: Value| ResponseTemplate::new(200).set_body_json(store);
    let [first, second, last] = ["PROVISIONING", "READY", "DELETED"].map(|status| store("demo", status));
    for (answer, times) in [(list(&[first]), 1), (list(&[second]), 2), (list(&[]), 100)] {
        let mock = Mock::given(method("GET")).and(path("/api/v1/stores")).respond_with(at(answer));
        mock.up_to_n_times(times).mount(&server).await;
    }
    let mock = Mock::given(method("GET")).and(path(format!("/api/v1/stores/{}", id_of("demo"))));
    mock.respond_with(at(last)).mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_one_store_ends_with_it() {
    let (cli, server) = (Cli::new(), moving().await);
    let arguments = ["get", "demo", "--watch", "-o", "json"];
    let output = cli.on(&server, &arguments).assert().success().get_output().stdout.clone();
    let statuses: Vec<Value> = String::from_utf8_lossy(&output)
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line of JSON")["status"].clone())
        .collect();
    assert_eq!(statuses, ["PROVISIONING", "DELETED"]);
}

/// The command while it runs, with pipes to it and from it.
fn started(cli: &Cli, server: &MockServer, arguments: &[&str]) -> std::process::Child {
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin!("store"));
    command.args(arguments).env_clear().env("HOME", cli.folder.path()).env("STORE_SERVER", server.uri());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.spawn().expect("a child")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_is_added_during_a_login_stays() {
    let (cli, server) = (Cli::new(), guarded(TOKEN).await);
    // It takes its time, so that the other one comes between.
    let me = ResponseTemplate::new(200).set_body_json(json!({"name": "ci", "role": "viewer"}));
    let slowly = me.set_delay(std::time::Duration::from_secs(3));
    Mock::given(method("GET")).and(path("/api/v1/me")).respond_with(slowly).with_priority(1).mount(&server).await;
    let mut login = started(&cli, &server, &["login", "--token-stdin"]);
    let mut typed = login.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut typed, TOKEN.as_bytes()).expect("it reads");
    drop(typed);
    let asked = async {
        while server.received_requests().await.expect("they are recorded").is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), asked).await.expect("it tries the token");
    cli.command(&["context", "add", "other", "--server", "https://other.example.com"]).assert().success();
    assert!(login.wait().expect("its end").success());
    let kept = fs::read_to_string(file(&cli)).expect("a file");
    assert!(kept.contains("other.example.com") && kept.contains(&server.uri()), "one of them is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_all_shows_each_change_once() {
    let (cli, server) = (Cli::new(), moving().await);
    let mut child = started(&cli, &server, &["list", "--watch"]);
    let lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().expect("a pipe")));
    let mut statuses = Vec::new();
    for line in lines.map_while(Result::ok) {
        statuses.extend(line.split_whitespace().nth(2).map(str::to_owned));
        if line.contains("DELETED") {
            break;
        }
    }
    child.kill().expect("killed");
    child.wait().expect("its end");
    assert_eq!(statuses, ["STATUS", "PROVISIONING", "READY", "DELETED"]);
}

/// It is asked for once, although every look leaves it out.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_among_the_wanted_any_more_is_shown_once_more() {
    let (cli, server) = (Cli::new(), MockServer::start().await);
    let lists = || Mock::given(method("GET")).and(path("/api/v1/stores"));
    let listed = |stores: &[Value]| ResponseTemplate::new(200).set_body_json(list(stores));
    lists().respond_with(listed(&[store("demo", "FAILED")])).up_to_n_times(1).mount(&server).await;
    lists().respond_with(listed(&[])).mount(&server).await;
    let one = format!("/api/v1/stores/{}", id_of("demo"));
    let answer = ResponseTemplate::new(200).set_body_json(store("demo", "READY"));
    Mock::given(method("GET")).and(path(&one)).respond_with(answer).mount(&server).await;
    let mut child = started(&cli, &server, &["list", "--watch", "--status", "FAILED", "-o", "json"]);
    let asked = async |wanted: &str| {
        let requests = server.received_requests().await.expect("they are recorded");
        requests.iter().filter(|request| request.url.path() == wanted).count()
    };
    let looked = async {
        while asked("/api/v1/stores").await < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), looked).await.expect("it looks again and again");
    child.kill().expect("killed");
    let output = child.wait_with_output().expect("its end").stdout;
    assert_eq!(String::from_utf8_lossy(&output).lines().count(), 2);
    assert_eq!(asked(&one).await, 1);
}
