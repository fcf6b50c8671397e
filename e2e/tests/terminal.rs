//! The command `store` and a server that asks for tokens: the two programs as they are, on a demo.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use e2e::{Demo, new_token, own_name};
use serde_json::Value;
use tempfile::TempDir;

const NEEDS_A_TOKEN: i32 = 4;
/// A simulated store takes about 15 s.
const PATIENCE: Duration = Duration::from_mins(2);

/// A demo that asks for tokens, and somebody's home from where it is asked.
struct Terminal {
    home: TempDir,
    demo: Demo,
    admin: String,
    viewer: String,
}

impl Terminal {
    async fn open() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("tokens.yaml");
        let (admin, viewer) = (new_token(&file, "ada", "admin"), new_token(&file, "grace", "viewer"));
        let demo = Demo::start(home.path(), &["--api-tokens-file", &file.display().to_string()]).await;
        Self { home, demo, admin, viewer }
    }

    /// With nothing of this process's environment but a home.
    fn store(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(std::env::var_os("STORE_TEST_CLI_BIN").expect("STORE_TEST_CLI_BIN"));
        command.env_clear().env("HOME", self.home.path()).current_dir(self.home.path()).args(arguments);
        command
    }

    fn log_in(&self, token: &str) {
        let mut command = self.store(&["login", "--server", &self.demo.url(), "--token-stdin"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it runs");
        writeln!(child.stdin.take().expect("an input"), "{token}").expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", said(&output));
        assert!(!said(&output).contains(token), "the token is shown");
    }

    /// Runs it, and nothing goes wrong.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.store(arguments).output().expect("it runs");
        assert!(output.status.success(), "store {arguments:?}: {}", said(&output));
        String::from_utf8(output.stdout).expect("text")
    }

    fn refused(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.store(arguments).output().expect("it runs");
        assert!(!output.status.success(), "store {arguments:?}: {}", said(&output));
        (output.status.code(), said(&output))
    }

    /// Starts what goes on until it is stopped.
    fn follow(&self, arguments: &[&str]) -> Followed {
        let mut command = self.store(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
        let output = BufReader::new(child.stdout.take().expect("an output"));
        let (tell, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Followed { child, lines }
    }

    fn create(&self, name: &str) -> Value {
        let password = self.home.path().join("password");
        std::fs::write(&password, "A long passphrase 1").expect("a file");
        let file = password.display().to_string();
        let who = ["--admin-username", "ada", "--admin-email", "ada@example.com", "--password-file", &file];
        let printed = self.run(&[&["create", name, "--engine", "medusa", "-o", "json"], &who[..]].concat());
        serde_json::from_str(&printed).expect("JSON")
    }
}

/// A command that goes on.
struct Followed {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Followed {
    /// Reads until a line has this.
    fn until(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(end.saturating_duration_since(Instant::now()));
            match line {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(why) => panic!("it never said {text:?}: {why}"),
            }
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn mode(file: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).expect("the file is there").permissions().mode() & 0o777
}

#[tokio::test]
#[ignore = "needs the programs: cargo xtask test --only api"]
async fn at_a_terminal_a_token_is_asked_for_kept_and_never_shown() {
    let terminal = Terminal::open().await;
    let url = terminal.demo.url();
    let (code, why) = terminal.refused(&["list", "--server", &url]);
    assert_eq!(code, Some(NEEDS_A_TOKEN), "{why}");
    assert!(why.contains("store login"), "it says what to do: {why}");

    terminal.log_in(&terminal.admin);
    let kept: PathBuf = terminal.home.path().join(".config/store/config.yaml");
    assert_eq!(mode(&kept), 0o600);
    assert!(terminal.run(&["list"]).contains("corner-books"));
    assert!(terminal.run(&["context", "list"]).contains(&url));

    terminal.run(&["logout"]);
    assert!(!std::fs::read_to_string(&kept).expect("a file").contains(&terminal.admin));
    assert_eq!(terminal.refused(&["list"]).0, Some(NEEDS_A_TOKEN));
}

/// In a terminal of its own (`script`), whose shell goes on after Ctrl-C and tells how it was left.
#[tokio::test]
#[ignore = "needs the programs: cargo xtask test --only api"]
async fn at_a_terminal_an_interrupted_question_leaves_what_is_typed_visible() {
    let terminal = Terminal::open().await;
    let login = format!("\"$STORE\" login --server {}", terminal.demo.url());
    let mut command = Command::new("script");
    command.args(["-qec", &format!("sh -c 'trap : INT; {login}; echo exit=$?; stty -a'"), "/dev/null"]);
    command.env("HOME", terminal.home.path()).env("STORE", terminal.store(&[]).get_program());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("script runs");
    let (mut typed, mut shown) = (child.stdin.take().expect("an input"), child.stdout.take().expect("an output"));
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("Token: ") && shown.read(&mut byte).expect("it is read") == 1 {
        text.push(char::from(byte[0]));
    }
    typed.write_all(&[0x03]).expect("Ctrl-C");
    shown.read_to_string(&mut text).expect("the rest");
    child.wait().expect("it ends");
    assert!(text.contains("exit=130"), "{text}");
    assert!(text.split_whitespace().any(|setting| setting == "echo"), "{text}");
}

#[tokio::test]
#[ignore = "needs the programs: cargo xtask test --only api"]
async fn at_a_terminal_a_viewer_looks_and_changes_nothing() {
    let terminal = Terminal::open().await;
    terminal.log_in(&terminal.viewer);
    assert!(terminal.run(&["get", "corner-books", "-o", "json"]).contains("\"READY\""));
    for arguments in [&["delete", "corner-books", "--yes"][..], &["protect", "corner-books"]] {
        let (code, why) = terminal.refused(arguments);
        assert_eq!(code, Some(NEEDS_A_TOKEN), "{why}");
    }
}

#[tokio::test]
#[ignore = "needs the programs: cargo xtask test --only api"]
async fn at_a_terminal_a_store_comes_up_is_watched_protected_and_deleted() {
    let terminal = Terminal::open().await;
    terminal.log_in(&terminal.admin);
    let name = own_name("typed");
    let list = terminal.follow(&["list", "--watch"]);
    let store = terminal.create(&name);
    assert_eq!(store["name"], name.as_str());
    list.until(&name);
    let events = terminal.follow(&["events", &name, "-f"]);
    events.until("ready at");
    assert!(terminal.run(&["get", &name]).contains("READY"));
    let (_, why) = terminal.refused(&["credentials", &name]);
    assert!(why.contains("simulated"), "{why}");
    let logs = terminal.follow(&["logs", &name, "-f", "--tail", "1"]);
    logs.until("");

    terminal.run(&["protect", &name]);
    let (code, why) = terminal.refused(&["delete", &name, "--yes"]);
    assert!(code == Some(1) && why.contains("protect"), "{why}");
    terminal.run(&["unprotect", &name]);
    terminal.run(&["delete", &name, "--yes", "--wait"]);
    assert!(!terminal.run(&["list", "-o", "name"]).contains(&name));
}
