//! `store-http` as a process that can be asked, stopped, killed and started again on the same database.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::{Api, Lab, until};

/// A running server.
pub struct Server {
    child: Child,
    port: u16,
    output: PathBuf,
}

impl Server {
    /// Starts it with its database in `dir` and waits until it listens. `changes` are added to its environment; an
    /// empty value takes a variable away.
    pub async fn start(lab: &Lab, dir: &Path, changes: &[(&str, &str)]) -> Self {
        Self::start_at(free_port(), lab, dir, changes).await
    }

    /// Has it end, and starts another one on its database in `dir`, at its address.
    pub async fn replaced(self, lab: &Lab, dir: &Path) -> Self {
        let port = self.port;
        let status = self.terminate().await;
        assert!(status.success(), "store-http ended with {status}");
        Self::start_at(port, lab, dir, &[]).await
    }

    async fn start_at(port: u16, lab: &Lab, dir: &Path, changes: &[(&str, &str)]) -> Self {
        let output = dir.join(format!("server-{port}.out"));
        let log = File::create(&output).expect("the output file can be made");
        let mut command = Command::new(&lab.server_bin);
        command.current_dir(dir).env_clear().envs(lab.environment(dir)).env("HTTP_PORT", port.to_string());
        for (name, value) in changes {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("store-http starts");
        let mut server = Self { child, port, output };
        server.wait_until_it_listens().await;
        server
    }

    async fn wait_until_it_listens(&mut self) {
        let api = self.api();
        let output = self.output.clone();
        let child = &mut self.child;
        let mut ended = || child.try_wait().ok().flatten();
        let began = std::time::Instant::now();
        while !api.is_live().await {
            let text = || std::fs::read_to_string(&output).unwrap_or_default();
            if let Some(status) = ended() {
                panic!("store-http ended with {status}: {}", text());
            }
            assert!(began.elapsed() < Duration::from_secs(20), "store-http does not listen: {}", text());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its API.
    pub fn api(&self) -> Api {
        Api::new(&self.url())
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// `kill -9`: no handler runs.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
    }

    /// Sends SIGTERM and waits for the end.
    pub async fn terminate(self) -> ExitStatus {
        self.tell_to_end().await;
        self.ended().await
    }

    /// Sends SIGTERM and waits until it is heard.
    pub async fn tell_to_end(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::TERM).expect("it can be signalled");
        until("store-http hears SIGTERM", Duration::from_secs(20), || async {
            if self.output().contains("SIGTERM: stopping") { Ok(()) } else { Err(self.output()) }
        })
        .await;
    }

    /// Waits for the end after [`tell_to_end`](Self::tell_to_end).
    pub async fn ended(mut self) -> ExitStatus {
        let child = &mut self.child;
        until("store-http ends after SIGTERM", Duration::from_secs(40), || {
            let ended = child.try_wait().ok().flatten();
            async move { ended.ok_or_else(|| "it still runs".to_owned()) }
        })
        .await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now, and that no program is given for a connection of its own: those come from 32768 up, and the
/// cluster's own services from 30000 up.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 10_000).expect("it is small");
    let ports = std::iter::repeat_with(|| 20_000 + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000);
    let mut free = ports.take(10_000).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("a free port")
}
