//! Every door creates and deletes a store for real: the CLI with its own database, the CLI against a server, the
//! example that embeds the library; and two of them on one SQLite file.

use std::path::Path;
use std::process::{Command, Output};

use e2e::{ArgumentWatch, Lab, Server, password, text};
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
    // What all passwords of these tests begin with.
    let canary = password("").trim_end_matches("-Admin!").to_owned();
    assert!(!out.contains(&canary) && !err.contains(&canary), "the password is shown");
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

fn password_file(dir: &Path, name: &str) -> String {
    let path = dir.join("password");
    std::fs::write(&path, password(name)).expect("the file can be written");
    path.display().to_string()
}

#[test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
fn the_cli_with_its_own_database_creates_and_deletes_a_store() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let file = password_file(dir.path(), "cli-embedded");
    let store = json(&run(cli(&lab, dir.path(), &create_arguments("cli-embedded", &file))));
    assert_eq!(store["status"], "READY");
    let names = run(cli(&lab, dir.path(), &["list", "-o", "name"]));
    assert_eq!(String::from_utf8_lossy(&names.stdout).trim(), "cli-embedded");
    let credentials = cli(&lab, dir.path(), &["credentials", "cli-embedded", "-o", "json"]).output().expect("it runs");
    let login = json(&credentials);
    assert_eq!(login["admin_password"], password("cli-embedded"));
    assert_eq!(login["admin_email"], "owner@shop.example");
    let examined = json(&run(cli(&lab, dir.path(), &["doctor", "-o", "json"])));
    // Whether this machine resolves the shops' names is not the cluster's doing.
    let of_cluster = |found: &&serde_json::Value| found["check"] != "store names";
    let checks: Vec<_> = examined["checks"].as_array().expect("checks").iter().filter(of_cluster).collect();
    for check in ["settings", "database", "kubeconfig", "Helm", "cluster", "rights", "storage", "ingress", "images"] {
        assert!(checks.iter().any(|found| found["check"] == check), "{check}: {examined:#}");
    }
    assert!(checks.iter().all(|found| found["verdict"] == "ok"), "{examined:#}");
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
    let file = password_file(elsewhere.path(), "cli-remote");
    let mut arguments = vec!["--server", &url];
    arguments.extend(create_arguments("cli-remote", &file));
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
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("embedded is READY") && told.contains("embedded is DELETED"), "{told}");
    let namespace = told.split_whitespace().find(|word| word.starts_with("store-")).expect("it names the namespace");
    assert_eq!(lab.kubectl().leftovers(namespace), Vec::<String>::new());
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only shop"]
async fn a_server_with_helm_3_creates_and_deletes_a_store() {
    let lab = Lab::open();
    let kubectl = lab.kubectl();
    let dir = tempfile::tempdir().expect("a folder");
    let helm3 = lab.helm3.display().to_string();
    let server = Server::start(&lab, dir.path(), &[("HELM_BINARY", &helm3)]).await;
    let api = server.api();
    let watch = ArgumentWatch::start(server.pid());
    let id = api.create("by-helm-three").await;
    let store = api.until_status(&id, "READY").await;
    let release = text(&store["helm_release"]);
    assert_eq!(kubectl.revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    api.delete(&id).await;
    api.until_status(&id, "DELETED").await;
    kubectl.until_nothing_is_left(&text(&store["namespace"])).await;
    let lines = watch.stop();
    let install = format!("{helm3} install {release} ");
    assert!(lines.iter().any(|line| line.starts_with(&install)), "no Helm 3 was seen");
}
