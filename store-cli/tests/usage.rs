//! The command line by itself: help, mistakes, exit codes, completions.

mod support;

use predicates::prelude::*;
use predicates::str::contains;
use rstest::rstest;

use support::{Cli, PASSWORD};

const NEW: [&str; 8] =
    ["create", "demo", "--engine", "medusa", "--admin-username", "owner", "--admin-email", "owner@example.com"];

#[rstest]
#[case(&["--help"], "Usage: store")]
#[case(&["create", "--help"], "--generate-password")]
#[case(&["list", "--help"], "provisioning, ready, failed")]
#[case(&["get", "--help"], "Names or ids")]
#[case(&["delete", "--help"], "--yes")]
#[case(&["retry", "--help"], "FAILED")]
#[case(&["events", "--help"], "--follow")]
#[case(&["open", "--help"], "--print")]
#[case(&["doctor", "--help"], "mend")]
#[case(&["completions", "--help"], "zsh")]
#[case(&["login", "--help"], "--token-stdin")]
#[case(&["context", "--help"], "remove")]
#[case(&["list", "--help"], "--watch")]
#[case(&["man", "--help"], "--dir")]
fn help_is_on_standard_output(#[case] arguments: &[&str], #[case] expected: &str) {
    Cli::new().command(arguments).assert().success().stdout(contains(expected)).stderr("");
}

#[test]
fn help_names_the_exit_codes() {
    let expected = contains("130").and(contains("STORE_TOKEN_FILE")).and(contains("Exit codes:"));
    Cli::new().command(&["--help"]).assert().success().stdout(expected);
}

#[rstest]
#[case::nothing(&[])]
#[case::unknown_command(&["launch"])]
#[case::unknown_flag(&["list", "--bogus"])]
#[case::unknown_format(&["list", "-o", "xml"])]
#[case::unknown_status(&["list", "--status", "happy"])]
#[case::no_name(&["get"])]
#[case::no_store_name(&["get", "Not A Name"])]
#[case::two_password_sources(&[&NEW[..], &["--password-stdin", "--generate-password"]].concat())]
#[case::password_as_argument(&[&NEW[..], &["--password", PASSWORD]].concat())]
#[case::bad_timeout(&[&NEW[..], &["--generate-password", "--timeout", "soon"]].concat())]
#[case::unknown_engine(&["create", "demo", "--engine", "magento"])]
#[case::bad_email(&["create", "demo", "-e", "medusa", "--admin-username", "o", "--admin-email", "nobody"])]
#[case::reserved_characters(&["create", "Demo!", "-e", "medusa", "--admin-username", "o", "--admin-email", "o@a.bc"])]
#[case::token_as_argument(&["login", "--server", "http://localhost:1", "--token", "stp_x"])]
#[case::nobody_to_ask_for_a_token(&["login", "--server", "http://localhost:1"])]
#[case::login_to_nowhere(&["login", "--token-stdin"])]
#[case::context_without_a_server(&["context", "add", "prod"])]
#[case::context_with_a_password(&["--server", "http://me:hunter22@localhost:1", "context", "add", "prod"])]
#[case::context_name(&["--server", "http://localhost:1", "context", "add", "a b"])]
#[case::reserved_context(&["--server", "http://localhost:1", "context", "add", "embedded"])]
#[case::unknown_context(&["--context", "nowhere", "list"])]
#[case::two_servers(&["--context", "nowhere", "--server", "http://localhost:1", "list"])]
#[case::unknown_context_to_use(&["context", "use", "nowhere"])]
#[case::unknown_shell(&["completions", "tcsh"])]
#[case::server_without_scheme(&["--server", "localhost:5000", "list"])]
#[case::events_have_no_names(&["--server", "http://localhost:1", "events", "demo", "-o", "name"])]
fn mistakes_end_with_2_and_touch_nothing(#[case] arguments: &[&str]) {
    let cli = Cli::new();
    cli.command(arguments).assert().code(2).stdout("").stderr(contains("rror").or(contains("Usage")));
    assert_eq!(cli.files(), Vec::<String>::new());
}

#[test]
fn a_wrong_engine_is_told_the_right_ones() {
    Cli::new().command(&["create", "demo", "--engine", "magento"]).assert().code(2).stderr(contains("medusa"));
}

#[test]
fn without_a_terminal_nobody_is_asked_for_a_password() {
    Cli::new().command(&NEW).assert().code(2).stderr(contains("--password-stdin"));
}

#[test]
fn a_password_that_no_store_would_take_is_refused_before_anything_is_sent() {
    let arguments = [&["--server", "http://127.0.0.1:1"], &NEW[..], &["--password-stdin"]].concat();
    let assert = Cli::new().command(&arguments).write_stdin("short7\n").assert().code(2);
    assert.stderr(contains("8 to 128 characters").and(contains("short7").not()));
}

#[test]
fn a_missing_password_file_is_named() {
    let arguments = [&NEW[..], &["--password-file", "nowhere.txt"]].concat();
    Cli::new().command(&arguments).assert().code(2).stderr(contains("nowhere.txt"));
}

#[test]
fn an_address_with_a_password_is_not_repeated() {
    let arguments = ["--server", "ftp://me:hunter22@shops.example.com", "list"];
    Cli::new().command(&arguments).assert().code(2).stderr(contains("http://").and(contains("hunter22").not()));
}

#[rstest]
#[case("bash", "complete -F")]
#[case("zsh", "#compdef store")]
#[case("fish", "complete -c store")]
#[case("powershell", "Register-ArgumentCompleter")]
#[case("elvish", "edit:completion")]
fn completions(#[case] shell: &str, #[case] expected: &str) {
    Cli::new().command(&["completions", shell]).assert().success().stdout(contains(expected).and(contains("doctor")));
}

#[test]
fn manual_pages() {
    let cli = Cli::new();
    cli.command(&["man", "--dir", "pages/man1"]).assert().success().stdout("");
    let page = |name: &str| std::fs::read_to_string(cli.folder.path().join("pages/man1").join(name)).expect("a page");
    assert!(page("store.1").contains(".TH store 1") && page("store-create.1").contains("generate\\-password"));
    assert!(page("store-context-add.1").contains("server"));
}

#[test]
fn the_version_is_that_of_the_package() {
    Cli::new().command(&["--version"]).assert().success().stdout(contains(env!("CARGO_PKG_VERSION")));
}
