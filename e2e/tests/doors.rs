//! Every door creates and deletes a store for real: the CLI with its own database, the CLI against a server, the
//! example that embeds the library; and two of them on one SQLite file.

use std::path::Path;
use std::process::{Command, Output};

use e2e::{Lab, PASSWORD, Server};
use serde_json::Value;

fn cli(lab: &Lab, dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(&lab.cli_bin);
    command.current_dir(dir).env_clear().envs(lab.environment(dir)).args(arguments);
    command
}

fn run(mut command: Command) -> Output {
    let output = command.output().expect("it runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} ended with {}\n{out}\n{err}", output.status);
    assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "the password is shown");
    output
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn create_arguments<'a>(name: &'a str, password_file: &'a str) -> Vec<&'a str> {
    vec![
        "create",
        name,
        "--engine",
        "medusa",
        "--admin-username",
        "Shopkeeper",
        "--admin-email",
        "owner@shop.example",
        "--password-file",
        password_file,
        "--wait",
        "-o",
        "json",
    ]
}

fn password_file(dir: &Path) -> String {
    let path = dir.join("password");
    std::fs::write(&path, PASSWORD).expect("the file can be written");
    path.display().to_string()
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
fn the_cli_with_its_own_database_creates_and_deletes_a_store() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let password = password_file(dir.path());
    let store = json(&run(cli(&lab, dir.path(), &create_arguments("cli-embedded", &password))));
    assert_eq!(store["status"], "READY");
    let names = run(cli(&lab, dir.path(), &["list", "-o", "name"]));
    assert_eq!(String::from_utf8_lossy(&names.stdout).trim(), "cli-embedded");
    let credentials = cli(&lab, dir.path(), &["credentials", "cli-embedded", "-o", "json"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&credentials.stdout).contains(PASSWORD), "{credentials:?}");
    let doctor = cli(&lab, dir.path(), &["doctor"]).output().expect("it runs");
    assert!(doctor.status.success(), "{}", String::from_utf8_lossy(&doctor.stdout));
    run(cli(&lab, dir.path(), &["delete", "cli-embedded", "--yes", "--wait"]));
    assert_eq!(kubectl.leftovers(store["namespace"].as_str().expect("a namespace")), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn the_cli_against_a_server_creates_and_deletes_a_store_and_a_second_process_only_watches() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let server = Server::start(&lab, dir.path(), &[]).await;
    let url = server.api().base().to_owned();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let password = password_file(elsewhere.path());
    let mut arguments = vec!["--server", &url];
    arguments.extend(create_arguments("cli-remote", &password));
    let store = json(&run(cli(&lab, elsewhere.path(), &arguments)));
    assert_eq!(store["status"], "READY");
    assert!(!elsewhere.path().join("stores.db").exists(), "the remote mode needs no database");

    // On the server's own file: the server holds the lock, so this process writes the intent and watches.
    run(cli(&lab, dir.path(), &["delete", "cli-remote", "--yes", "--wait"]));
    assert_eq!(kubectl.leftovers(store["namespace"].as_str().expect("a namespace")), Vec::<String>::new());
    let store = server.api().store(store["id"].as_str().expect("an id")).await;
    assert_eq!(store["status"], "DELETED");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_second_server_on_one_file_serves_but_does_not_reconcile_until_the_first_is_gone() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let first = Server::start(&lab, dir.path(), &[]).await;
    let second = Server::start(&lab, dir.path(), &[]).await;
    let id = second.api().create("two-servers").await;
    // The first works on what the second was asked for.
    let store = first.api().until_status(&id, "READY").await;
    let release = store["helm_release"].as_str().expect("a release").to_owned();
    assert_eq!(lab.kubectl().revisions(&release).len(), 1);
    first.kill();
    second.api().delete(&id).await;
    let gone = second.api().until_status(&id, "DELETED").await;
    lab.kubectl().until_nothing_is_left(gone["namespace"].as_str().expect("a namespace")).await;
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
fn the_example_that_embeds_the_library_creates_and_deletes_a_store() {
    let lab = Lab::open();
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(&lab.example_bin);
    command.current_dir(dir.path()).env_clear().envs(lab.environment(dir.path()));
    let output = run(command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("READY") && text.contains("DELETED"), "{text}");
    let namespaces = lab.kubectl().list(&["namespaces"]);
    let ours = namespaces.iter().filter_map(|item| item["metadata"]["name"].as_str());
    let left: Vec<_> = ours.filter(|name| text.contains(*name) && name.starts_with("store-")).collect();
    assert_eq!(left, Vec::<&str>::new());
}
