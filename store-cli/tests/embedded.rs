//! The command without a server, as far as that goes without a cluster: the kubeconfig leads to a port where nobody
//! listens, and Helm is a script that only says its version. Stores for real are tested end to end.
#![cfg(all(unix, feature = "embedded"))]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use pretty_assertions::assert_eq;
use rstest::rstest;
use serde_json::Value;

use support::{Cli, PASSWORD};

const KUBECONFIG: &str = r#"{
    "apiVersion": "v1", "kind": "Config", "current-context": "away",
    "contexts": [{ "name": "away", "context": { "cluster": "away", "user": "nobody" } }],
    "clusters": [{ "name": "away", "cluster": { "server": "https://127.0.0.1:1" } }],
    "users": [{ "name": "nobody", "user": { "token": "none" } }]
}"#;

/// A folder with settings of its own: kubeconfig, Helm, and where the database will be.
fn platform() -> Cli {
    let cli = Cli::new();
    let folder = cli.folder.path();
    std::fs::write(folder.join("kubeconfig"), KUBECONFIG).expect("written");
    let helm = folder.join("helm");
    std::fs::write(&helm, "#!/bin/sh\necho v4.3.1\n").expect("written");
    std::fs::set_permissions(&helm, std::fs::Permissions::from_mode(0o755)).expect("executable");
    let settings = "DATABASE_URL=sqlite:///stores.db\nKUBECONFIG=kubeconfig\nHELM_BINARY=./helm\nSTATE_DIR=state\n";
    std::fs::write(folder.join(".env"), settings).expect("written");
    cli
}

fn run(cli: &Cli, arguments: &[&str]) -> Command {
    let mut command = cli.command(arguments);
    // Not a path to any program of this machine, and the interpreter of scripts is named absolutely.
    command.env("PATH", "/nowhere").timeout(Duration::from_mins(1));
    command
}

fn create(cli: &Cli, name: &str, more: &[&str]) -> Command {
    let arguments = ["create", name, "-e", "medusa", "--admin-username", "owner", "--admin-email", "owner@example.com"];
    let mut command = run(cli, &[&arguments[..], &["--password-stdin"], more].concat());
    command.write_stdin(format!("{PASSWORD}\n"));
    command
}

fn list(cli: &Cli) -> Value {
    let output = run(cli, &["list", "--all", "-o", "json"]).assert().success().get_output().stdout.clone();
    serde_json::from_slice(&output).expect("JSON")
}

fn contains_password(path: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(path) else {
        let bytes = std::fs::read(path).unwrap_or_default();
        return bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes());
    };
    entries.flatten().any(|entry| contains_password(&entry.path()))
}

#[rstest]
#[case(&["list"])]
#[case(&["get", "demo"])]
#[case(&["events", "demo"])]
#[case(&["open", "demo"])]
#[case(&["credentials", "demo"])]
#[case(&["delete", "demo", "--yes"])]
#[case(&["retry", "demo"])]
#[case(&["wait", "demo"])]
fn without_a_database_there_is_nothing_to_see_and_none_is_made(#[case] arguments: &[&str]) {
    let cli = platform();
    let before = cli.files();
    run(&cli, arguments)
        .assert()
        .code(1)
        .stdout("")
        .stderr(contains("there is no database at").and(contains("stores.db")));
    assert_eq!(cli.files(), before);
}

#[test]
fn a_store_is_asked_for_without_waiting_and_the_password_rests_sealed() {
    let cli = platform();
    let assert = create(&cli, "demo", &["--no-wait", "-o", "json"]).assert().success();
    let assert = assert.stderr(contains("Nobody works on it now").and(contains("store wait demo")));
    let store: Value = serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
    assert_eq!(store["status"], "PROVISIONING");
    assert_eq!(store["store_url"], "http://demo.localhost");
    assert!(!contains_password(cli.folder.path()), "the password is on the disk");
    assert_eq!(list(&cli)["stores"][0]["id"], store["id"]);

    let events = run(&cli, &["events", "demo", "-o", "json"]).assert().success().get_output().stdout.clone();
    let event: Value = serde_json::from_slice(&events).expect("one line");
    assert_eq!(event["kind"], "created");

    create(&cli, "demo", &["--no-wait"]).assert().code(1).stderr(contains("the name demo is taken"));
}

#[test]
fn one_who_waits_is_told_why_nothing_moves() {
    let cli = platform();
    let assert = create(&cli, "demo", &["--timeout", "3s"]).assert().code(1);
    assert.stderr(
        contains("demo is still PROVISIONING")
            .and(contains("cluster cannot be reached"))
            .and(contains("store wait demo"))
            .and(contains(PASSWORD).not()),
    );
}

#[test]
fn a_store_that_never_began_is_deleted_by_name() {
    let cli = platform();
    create(&cli, "demo", &["--no-wait", "--quiet"]).assert().success().stderr("");
    run(&cli, &["delete", "demo"]).assert().code(2).stderr(contains("--yes"));
    run(&cli, &["delete", "demo", "--yes", "--no-wait"]).assert().success().stderr(contains("demo is being deleted"));
    assert_eq!(list(&cli)["stores"][0]["status"], "DELETING");
    run(&cli, &["retry", "demo"]).assert().code(1).stderr(contains("only a FAILED store can be retried"));
}

#[test]
fn a_protected_store_stays_until_that_is_taken_back() {
    let cli = platform();
    create(&cli, "demo", &["--no-wait", "--quiet"]).assert().success();
    run(&cli, &["protect", "demo"]).assert().success().stderr(contains("demo is protected from deletion"));
    run(&cli, &["get", "demo"]).assert().success().stdout(contains("Protected:").and(contains("from deletion")));
    let refused = contains("demo is protected from deletion").and(contains("store unprotect demo"));
    run(&cli, &["delete", "demo", "--yes", "--no-wait"]).assert().code(1).stderr(refused);
    run(&cli, &["unprotect", "demo"]).assert().success().stderr(contains("demo can be deleted"));
    run(&cli, &["delete", "demo", "--yes", "--no-wait"]).assert().success();
}

#[test]
fn with_another_process_at_work_the_wish_is_left_to_it() {
    let cli = platform();
    create(&cli, "demo", &["--no-wait"]).assert().success();
    let database = cli.folder.path().join("stores.db");
    let _lock = store_db::ReconcilerLock::try_acquire(&database).expect("a lock file").expect("nobody has the lock");
    let expected = contains(format!("Process {} goes on with it", std::process::id()));
    run(&cli, &["wait", "demo", "--timeout", "1s"]).assert().code(1).stderr(expected);
}

#[rstest]
#[case::reserved("www", "www is reserved")]
#[case::rfc_5891("xn--demo", "RFC 5891")]
fn names_that_no_store_may_have(#[case] name: &str, #[case] expected: &str) {
    let cli = platform();
    create(&cli, name, &["--no-wait"]).assert().failure().stdout("").stderr(contains(expected));
}

#[test]
fn a_wrong_setting_is_named_with_what_is_allowed() {
    let cli = platform();
    let mut command = run(&cli, &["list"]);
    command.env("PROVISIONING_MAX_WORKERS", "many");
    command.assert().code(1).stderr(contains("PROVISIONING_MAX_WORKERS").and(contains("many")));
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let cli = platform();
    let mut command = create(&cli, "demo", &["--no-wait", "-o", "json", "--base-domain", "flag.example"]);
    let output = command.env("BASE_DOMAIN", "env.example").assert().success().get_output().stdout.clone();
    let store: Value = serde_json::from_slice(&output).expect("JSON");
    assert_eq!(store["store_url"], "http://demo.flag.example");
}

#[test]
fn the_doctor_says_what_is_wrong_and_makes_no_database() {
    let cli = platform();
    let assert = run(&cli, &["doctor"]).assert().code(1).stderr("");
    let output = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    let output = output.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in ["ok settings", "ok database none yet", "ok Helm v4.3.1", "fail cluster"] {
        assert!(output.contains(line), "{line:?} is not in\n{output}");
    }
    assert!(!cli.folder.path().join("stores.db").exists());
    let json = run(&cli, &["doctor", "-o", "json"]).assert().code(1).get_output().stdout.clone();
    let report: Value = serde_json::from_slice(&json).expect("JSON");
    assert_eq!(report["verdict"], "fail");
}

#[test]
fn the_doctor_names_what_helm_and_kubeconfig_should_be() {
    let cli = Cli::new();
    let assert = run(&cli, &["doctor"]).assert().code(1);
    assert.stdout(
        contains("fail  kubeconfig")
            .and(contains("KUBECONFIG"))
            .and(contains("fail  Helm"))
            .and(contains("HELM_BINARY")),
    );
}
