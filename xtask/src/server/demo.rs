//! `store-http --demo`: a server on a simulated cluster, in memory, that ends with its value.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{api::Api, port};

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A running demo.
#[derive(Debug)]
pub(crate) struct Demo {
    child: Child,
    pub(crate) port: u16,
}

impl Demo {
    /// Starts it with these arguments, at home in this directory, and waits until it listens.
    pub(crate) fn start(program: &Path, home: &Path, arguments: &[&str]) -> Result<Self> {
        let port = port::lasting()?;
        let mut command = command(program, home);
        command.args(["--demo", "--no-env-file", "--http-port", &port.to_string()]).args(arguments);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut demo = Self { child: child.with_context(|| format!("cannot run {}", program.display()))?, port };
        let (api, begun) = (Api::new(port), Instant::now());
        while !api.is_ready() {
            if let Some(status) = demo.child.try_wait()? {
                bail!("the demo ended ({status})");
            }
            if begun.elapsed() > PATIENCE {
                bail!("the demo is not ready after {} s", PATIENCE.as_secs());
            }
            thread::sleep(POLL);
        }
        Ok(demo)
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes an admin's token in a new file of this directory; returns the file and the token.
pub(crate) fn admin_token(program: &Path, home: &Path) -> Result<(PathBuf, String)> {
    let file = home.join("tokens.yaml");
    let mut command = command(program, home);
    command.args(["token", "new", "--name", "test", "--role", "admin", "--file"]).arg(&file);
    let printed = crate::exec::capture(&mut command)?;
    let token = printed.split_whitespace().find(|word| word.starts_with("stp_")).context("no token was printed")?;
    Ok((file, token.to_owned()))
}

/// With nothing of this process's environment.
fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).current_dir(home);
    command
}
