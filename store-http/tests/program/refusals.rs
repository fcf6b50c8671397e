//! What it refuses at start, with which exit code, and what it says.

use std::net::TcpListener;
use std::process::Output;

use rstest::rstest;

use crate::installation::Installation;

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[rstest]
#[case::not_a_number(
    "PROVISIONING_MAX_WORKERS",
    "abc",
    r#"PROVISIONING_MAX_WORKERS="abc" (from the environment): allowed is a whole number from 1 to 100"#
)]
#[case::too_small("PROVISIONING_TIMEOUT_SECONDS", "0", r#"PROVISIONING_TIMEOUT_SECONDS="0""#)]
#[case::too_large("HTTP_PORT", "65536", "allowed is a whole number from 0 to 65535")]
#[case::no_address("HTTP_HOST", "example.com", "allowed is an IP address such as 127.0.0.1")]
#[case::everybody("HTTP_HOST", "0.0.0.0", "ALLOW_UNAUTHENTICATED=true")]
#[case::no_domain("BASE_DOMAIN", "http://localhost", "allowed is a domain name")]
#[case::no_template("PUBLIC_URL_TEMPLATE", "http://shops.example", "must have {name}.")]
#[case::no_database(
    "DATABASE_URL",
    "postgres://user:hunter2@db/stores?sslmode=prefer",
    "DATABASE_URL (from the environment): allowed is a SQLite file or a PostgreSQL database"
)]
#[case::no_filter("RUST_LOG", "store_core=loud", "RUST_LOG=\"store_core=loud\"")]
#[case::no_host("ALLOWED_HOSTS", "http://example.com", "ALLOWED_HOSTS: \"http://example.com\" is not a host")]
#[case::no_file_name("LOG_FILE", "a/b.log", "LOG_FILE=\"a/b.log\"")]
#[case::no_format("LOG_FORMAT", "xml", "allowed is text or json")]
fn wrong_values_end_with_2(#[case] variable: &str, #[case] value: &str, #[case] expected: &str) {
    let output = Installation::new().run(|command| {
        command.env(variable, value);
    });
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn all_wrong_values_are_named_at_once() {
    let installation = Installation::new();
    installation.write(".env", "PROVISIONING_POLL_INTERVAL_SECONDS=often\n");
    let output = installation.run(|command| {
        command.env("PROVISIONING_MAX_WORKERS", "abc").args(["--http-port", "x"]);
    });
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "PROVISIONING_MAX_WORKERS=\"abc\" (from the environment)",
        "HTTP_PORT=\"x\" (from --http-port)",
        ".env): allowed",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[rstest]
#[case(&["--no-such-flag"])]
#[case(&["serve"])]
#[case(&["--http-port"])]
#[case(&["--database-url", "x.db"])]
#[case(&["--env-file", "/nowhere/.env"])]
#[case(&["token"])]
#[case(&["token", "new", "--name", "ci"])]
#[case(&["token", "new", "--name", "ci", "--role", "owner"])]
#[case(&["token", "new", "--name", "a b", "--role", "admin"])]
fn wrong_usage_ends_with_2(#[case] arguments: &[&str]) {
    let output = Installation::new().run(|command| {
        command.args(arguments);
    });
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(!output.stderr.is_empty());
}

#[test]
fn help_and_version_end_with_0() {
    let installation = Installation::new();
    let help = installation.run(|command| {
        command.arg("--help");
    });
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8(help.stdout).expect("text");
    for expected in ["--http-port", "[env: PROVISIONING_MAX_WORKERS]", "Exit codes", "openapi"] {
        assert!(text.contains(expected), "{text}");
    }
    let version = installation.run(|command| {
        command.arg("--version");
    });
    assert_eq!(String::from_utf8(version.stdout).expect("text"), format!("store-http {}\n", env!("CARGO_PKG_VERSION")));
}

/// Each starts from an installation that works.
#[rstest]
#[case::helm_missing("rm", "bin/helm", "HELM_BINARY: no program \"helm\" was found")]
#[case::helm_too_old("helm", "v3.9.0", "is Helm v3.9.0; allowed: Helm 3 from 3.13 on, or Helm 4")]
#[case::helm_unknown("helm", "hello", "is not a Helm that we know")]
#[case::chart_missing("HELM_CHART_PATH", "nowhere", "HELM_CHART_PATH: ")]
#[case::values_missing("HELM_VALUES_FILE", "nowhere.yaml", "nowhere.yaml")]
#[case::kubeconfig_missing("KUBECONFIG", "/nowhere/config", "the kubeconfig /nowhere/config cannot be read")]
#[case::kubeconfig_malformed("kubeconfig", "{ this is: [not yaml", "kubeconfig is malformed near line 1")]
#[case::context_unknown("KUBE_CONTEXT", "elsewhere", "has no context \"elsewhere\"; it has: nowhere")]
#[case::database_not_writable("DATABASE_URL", "/proc/store.db", "DATABASE_URL: ")]
#[case::database_is_a_directory("DATABASE_URL", "bin", "DATABASE_URL: ")]
#[case::database_is_something_else("DATABASE_URL", "kubeconfig", "DATABASE_URL: ")]
#[case::key_missing("CREDENTIALS_KEY_FILE", "nowhere.key", "CREDENTIALS_KEY_FILE: there is no file")]
#[case::key_open_to_others("CREDENTIALS_KEY_FILE", "kubeconfig", "so that others can use it; allowed is 0600")]
#[case::tokens_missing("API_TOKENS_FILE", "nowhere.yaml", "store-http token new --name NAME --role admin --file")]
#[case::tokens_open_to_others("API_TOKENS_FILE", "kubeconfig", "so that others can use it; allowed is 0600")]
#[case::state_directory_impossible(
    "STATE_DIR",
    "/dev/null/state",
    "STATE_DIR: the directory /dev/null/state cannot be made"
)]
fn what_cannot_work_ends_with_1(#[case] what: &str, #[case] value: &str, #[case] expected: &str) {
    let installation = Installation::new();
    let output = installation.run(|command| match what {
        "rm" => std::fs::remove_file(installation.path(value)).expect("removed"),
        "helm" => installation.helm(value),
        "kubeconfig" => installation.write("kubeconfig", value),
        variable => {
            command.env(variable, value);
        }
    });
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_port_that_is_taken_is_named_with_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let installation = Installation::new();
    let output = installation.run(|command| {
        command.env("HTTP_PORT", address.port().to_string());
    });
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("cannot listen on {address}: another program uses this port; stop it, or choose")),
        "{said}"
    );
    assert!(!installation.path(".local").exists(), "nothing was touched");
}
