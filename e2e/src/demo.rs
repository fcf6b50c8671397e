//! `store-http --demo`: the server on a simulated cluster, in memory, for what is about the dashboard and the API and not
//! about shops.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::run_script_in;
use crate::lab::variable;
use crate::{Api, free_port, until};

/// A running demo.
pub struct Demo {
    child: Child,
    port: u16,
    output: PathBuf,
}

impl Demo {
    /// Starts it with these arguments beside `--demo`, with what it prints in `dir`, and waits until it answers.
    pub async fn start(dir: &Path, arguments: &[&str]) -> Self {
        Self::start_at(free_port(), dir, arguments).await
    }

    /// Kills it and starts another one at the same address, which knows nothing of what this one knew.
    pub async fn replaced(mut self, dir: &Path) -> Self {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it can be waited for");
        Self::start_at(self.port, dir, &[]).await
    }

    async fn start_at(port: u16, dir: &Path, arguments: &[&str]) -> Self {
        let output = dir.join(format!("demo-{port}.out"));
        let log = File::create(&output).expect("the output file can be made");
        let child = store_http()
            .args(["--demo", "--no-env-file", "--http-port", &port.to_string()])
            .args(arguments)
            .current_dir(dir)
            .env("HOME", dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("store-http starts");
        let demo = Self { child, port, output };
        let api = Api::new(&demo.url());
        until("the demo answers", Duration::from_secs(20), || async {
            if api.is_live().await { Ok(()) } else { Err(demo.output()) }
        })
        .await;
        demo
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its API.
    pub fn api(&self) -> Api {
        Api::new(&self.url())
    }

    /// What it printed.
    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }

    /// Takes one of the browser's walks; it must end well. `input` is what it is told beside where the demo is.
    pub fn walk(&self, script: &str, input: &Value) -> Value {
        Self::walk_at(&self.url(), script, input)
    }

    /// The same at this address, while the demo there may come and go.
    pub fn walk_at(url: &str, script: &str, input: &Value) -> Value {
        let mut all = json!({ "url": url });
        if let (Some(all), Some(more)) = (all.as_object_mut(), input.as_object()) {
            all.extend(more.clone());
        }
        run_script_in(Path::new(&variable("STORE_TEST_BROWSER_DIR")), script, &all)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a token, adds it to the file and returns it.
pub fn new_token(file: &Path, name: &str, role: &str) -> String {
    let mut command = store_http();
    command.args(["token", "new", "--name", name, "--role", role, "--file"]).arg(file);
    let output = command.output().expect("store-http runs");
    let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    let token = said.split_whitespace().find(|word| word.starts_with("stp_"));
    token.unwrap_or_else(|| panic!("no token was printed: {told}")).to_owned()
}

/// With nothing of this process's environment: no setting of somebody's reaches it.
fn store_http() -> Command {
    let mut command = Command::new(variable("STORE_TEST_SERVER_BIN"));
    command.env_clear();
    command
}
