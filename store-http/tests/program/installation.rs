//! A directory with everything that a server needs, and the server as a child process.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(30);
const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n\
    clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n\
    contexts: [{name: nowhere, context: {cluster: c, user: u}}]\n";

pub(crate) struct Installation {
    pub(crate) directory: TempDir,
}

impl Installation {
    pub(crate) fn new() -> Self {
        let installation = Self { directory: tempfile::tempdir().expect("a directory") };
        installation.write("kubeconfig", KUBECONFIG);
        installation.helm("v4.3.1+g0000000");
        installation
    }

    /// A Helm of this version.
    pub(crate) fn helm(&self, version: &str) {
        self.write("bin/helm", &format!("#!/bin/sh\necho '{version}'\n"));
        self.set_mode("bin/helm", 0o755);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(file, content).expect("a file");
    }

    pub(crate) fn set_mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// The program with an environment of its own: nothing of the developer's reaches it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin!("store-http"));
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()))
            .env("HOME", self.directory.path())
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("HTTP_PORT", "0")
            .current_dir(self.directory.path());
        command
    }

    /// Runs it to its end, which must come by itself.
    pub(crate) fn run(&self, change: impl FnOnce(&mut Command)) -> Output {
        let mut command = self.command();
        change(&mut command);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
        let over = Instant::now() + PATIENCE;
        while child.try_wait().expect("a status").is_none() {
            if Instant::now() > over {
                child.kill().expect("killed");
                panic!("it did not end: {:?}", child.wait_with_output());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        child.wait_with_output().expect("its output")
    }

    /// Starts it and waits until it listens.
    pub(crate) fn serve(&self, change: impl FnOnce(&mut Command)) -> Server {
        let mut command = self.command();
        change(&mut command);
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a child");
        let log = Arc::new(Mutex::new(String::new()));
        let (copy, stderr) = (Arc::clone(&log), child.stderr.take().expect("a pipe"));
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = copy.lock().expect("no panic before");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut server = Server { child, log, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let line = server.wait_for("listening on http://");
        let address = line.split("http://").nth(1).expect("an address").trim();
        server.address = address.parse().expect("an address");
        server
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    log: Arc<Mutex<String>>,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("no panic before").clone()
    }

    /// Waits for a line on standard error that has this text.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let over = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            let ended = self.child.try_wait().expect("a status");
            assert!(ended.is_none() && Instant::now() < over, "no {text:?} ({ended:?}):\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends a request and reads the whole answer, which may come and end the connection before all is sent.
    pub(crate) fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = self.connect();
        let host = if head.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let length = body.len();
        let sent = write!(stream, "{head}\r\n{host}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}");
        let mut answer = Vec::new();
        // Closed with something unread, a connection is reset; what had been answered before is there all the same.
        let read = stream.read_to_end(&mut answer);
        assert!(!answer.is_empty(), "no answer: sent {sent:?}, read {read:?}");
        String::from_utf8(answer).expect("an answer in UTF-8")
    }

    pub(crate) fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1"), "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> String {
        self.ask(&format!("POST {path} HTTP/1.1\r\nContent-Type: application/json"), body)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sent");
    }

    /// Waits for its end and returns the exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let over = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                return status.code();
            }
            assert!(Instant::now() < over, "it did not end:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the project's own chart.
pub(crate) fn copy_chart(to: &Path) {
    copy(&Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("../charts/store"), to);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory").map(|entry| entry.expect("an entry")) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("copied");
        }
    }
}
