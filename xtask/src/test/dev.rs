//! `cargo xtask dev` on a demo: the page, the API behind it, who may use it, and its end.

use std::{
    env, fs,
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use ureq::{Agent, Body, http::Response};

use crate::{
    cargo::{self, Profile},
    exec, paths,
    server::{demo::Demo, port},
};

const TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(30);
/// A module that the page asks for.
const MODULE: &str = "/ui/src/App.vue";
const POLL: Duration = Duration::from_millis(100);

/// Starts both, looks, and ends both.
pub(super) fn serves(deadline: Instant) -> Result<()> {
    let home = paths::state()?.join("test-dev");
    fs::create_dir_all(&home)?;
    let demo = Demo::start(&cargo::server(Profile::Debug)?, &home, &[])?;
    let dev = Dev::start(&demo, deadline)?;
    let page = dev.text("/ui/")?;
    ensure!(page.contains("/@vite/client"), "the page does not reload by itself:\n{page}");
    let module = dev.text(MODULE)?;
    ensure!(module.contains("import.meta.hot"), "its modules cannot be replaced:\n{module}");
    ensure!(dev.text("/api/v1/stores")?.contains("corner-books"), "the API is not behind it");
    // What its own page may do, nobody may whom the server refuses: shops and strangers have pages, too.
    ensure!(dev.status_of_a_change_by(&dev.base)? == 422, "its own page cannot change anything");
    for stranger in ["http://tea-house.localhost", "http://example.com"] {
        ensure!(dev.status_of_a_change_by(stranger)? == 403, "{stranger} may change something");
    }
    dev.end()
}

struct Dev {
    child: Child,
    port: u16,
    base: String,
    agent: Agent,
}

impl Dev {
    fn start(demo: &Demo, deadline: Instant) -> Result<Self> {
        let port = port::lasting()?;
        let log = fs::File::create(paths::cache()?.join("test-dev.log"))?;
        let mut command = Command::new(env::current_exe()?);
        command.args(["dev", "--server", &demo.url(), "--port", &port.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).proxy(None);
        let base = format!("http://127.0.0.1:{port}");
        let mut dev = Self { child, port, base, agent: config.build().into() };
        // The first module takes as long as all that it imports.
        while dev.text("/ui/").and_then(|_| dev.text(MODULE)).is_err() {
            if let Some(status) = dev.child.try_wait()? {
                bail!("it ended ({status}): {}", exec::tail(&paths::cache()?.join("test-dev.log")));
            }
            ensure!(Instant::now() < deadline, "it does not answer");
            thread::sleep(POLL);
        }
        Ok(dev)
    }

    fn text(&self, path: &str) -> Result<String> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).header("Accept", "*/*").call()?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        Ok(answer.body_mut().read_to_string()?)
    }

    /// The answer to a page of this origin that asks for a store without saying which. It must not be able to read it.
    fn status_of_a_change_by(&self, origin: &str) -> Result<u16> {
        let request = self.agent.post(format!("{}/api/v1/stores", self.base)).header("Origin", origin);
        let answer: Response<Body> = request.content_type("application/json").send("{}")?;
        ensure!(answer.headers().get("access-control-allow-origin").is_none(), "{origin} may read the answer");
        Ok(answer.status().as_u16())
    }

    /// As a supervisor ends it, who knows nothing of what it started.
    fn end(mut self) -> Result<()> {
        exec::capture(Command::new("kill").arg(self.child.id().to_string()))?;
        let begun = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(begun.elapsed() < GRACE, "it goes on after SIGTERM");
            thread::sleep(POLL);
        }
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).context("something still listens on its port")?;
        Ok(())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
