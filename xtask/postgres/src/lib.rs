//! A private PostgreSQL server for tests: on a free port of 127.0.0.1, with its data in a temporary directory, never as
//! root, and gone when its owner is, however that ends.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let mut server = private_postgres::Postgres::start()?;
//! println!("{}", server.url());
//! server.restart()?;
//! # Ok(())
//! # }
//! ```

mod directory;
mod programs;

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use directory::Directory;
use programs::Programs;

pub use programs::is_installed;

const USER: &str = "postgres";
/// Nobody else on this machine is to get in.
const PASSWORD: &str = "only+for:tests/1";
/// The same, as a URL has it.
const PASSWORD_IN_URL: &str = "only%2Bfor%3Atests%2F1";
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// Another program may take a free port before the server does.
const PORTS_TRIED: u32 = 5;

/// What every server is told: its data need not survive the machine, and it serves many test programs at once.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("fsync", "off"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "off"),
    ("max_connections", "400"),
    ("shared_buffers", "32MB"),
    ("log_min_messages", "warning"),
];

/// A running server, or one that was stopped for a while. Dropping it stops it and removes its data.
#[derive(Debug)]
pub struct Postgres {
    programs: Programs,
    directory: Directory,
    settings: Vec<(String, String)>,
    port: u16,
    server: Option<Child>,
}

/// What is special about a server.
#[derive(Debug, Default)]
pub struct Options {
    settings: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

impl Options {
    /// With this setting of `postgresql.conf`.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this file among its data, which only the server can read.
    #[must_use]
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Makes the data and starts the server.
    pub fn start(self) -> Result<Postgres> {
        let programs = Programs::find()?;
        let directory = Directory::new(&programs)?;
        initialize(&programs, &directory)?;
        for (name, content) in &self.files {
            directory.write(&programs, directory.data().join(name), content)?;
        }
        let mut server = Postgres { programs, directory, settings: self.settings, port: 0, server: None };
        let mut tries = 0;
        loop {
            tries += 1;
            server.port = free_port()?;
            match server.launch() {
                Err(error) if tries == PORTS_TRIED => return Err(error),
                Err(_) => {}
                Ok(()) => return Ok(server),
            }
        }
    }
}

impl Postgres {
    /// A server that is like any other.
    pub fn start() -> Result<Self> {
        Options::default().start()
    }

    /// The URL of its administrator's database.
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The URL of this database, whether it is there or not.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://{USER}:{PASSWORD_IN_URL}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port on 127.0.0.1, the same for as long as it lives.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Child::id)
    }

    /// Runs statements in this database, as its administrator.
    pub fn run(&self, database: &str, sql: &str) -> Result<String> {
        said(&mut self.psql(database, sql))
    }

    /// Begins to run statements in this database, which go on until they end or the answer is killed.
    pub fn begin(&self, database: &str, sql: &str) -> Result<Child> {
        let mut psql = self.psql(database, sql);
        psql.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("cannot run psql")
    }

    fn psql(&self, database: &str, sql: &str) -> Command {
        let mut psql = Command::new(self.programs.path("psql"));
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        psql.args(["--host", "127.0.0.1", "--username", USER, "--dbname", database, "--command", sql]);
        psql.arg("--port").arg(self.port.to_string()).env("PGPASSWORD", PASSWORD);
        psql
    }

    /// Stops it as an administrator would, connections and all, and starts it again on the same port.
    pub fn restart(&mut self) -> Result<()> {
        self.stop()?;
        self.resume()
    }

    /// Stops it as an administrator would: open transactions are undone.
    pub fn stop(&mut self) -> Result<()> {
        self.end(Signal::INT)
    }

    /// Kills it: nothing is put in order, the next start recovers from its log.
    pub fn kill(&mut self) -> Result<()> {
        self.end(Signal::QUIT)
    }

    /// Starts it again after it was stopped or killed.
    pub fn resume(&mut self) -> Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        self.launch()
    }

    /// Freezes it, with every connection that it serves: it answers nothing, and loses nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal_all(Signal::STOP)
    }

    /// Lets it go on after it was frozen.
    pub fn thaw(&self) -> Result<()> {
        self.signal_all(Signal::CONT)
    }

    fn signal_all(&self, signal: Signal) -> Result<()> {
        let server = self.server.as_ref().context("it does not run")?.id();
        let children = fs::read_to_string(format!("/proc/{server}/task/{server}/children"))?;
        // The one that starts the others comes first when they stop, so that none is missed.
        let all = std::iter::once(server.to_string()).chain(children.split_whitespace().map(str::to_owned));
        for process in all.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
            // One that serves a connection may end at any time.
            let _ = kill_process(process, signal);
        }
        Ok(())
    }

    fn launch(&mut self) -> Result<()> {
        let log = self.directory.log();
        let output = File::options().create(true).append(true).open(&log)?;
        let mut command = self.programs.as_owner("postgres");
        command.arg("-D").arg(self.directory.data()).arg("-p").arg(self.port.to_string());
        command.arg("-c").arg(format!("unix_socket_directories={}", self.directory.path().display()));
        let own = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in SETTINGS.iter().copied().chain(own) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).current_dir(self.directory.path());
        let mut server = command.spawn().context("PostgreSQL cannot be started")?;
        let over = Instant::now() + PATIENCE;
        while !self.is_ready() {
            if let Some(status) = server.try_wait()? {
                bail!("PostgreSQL ended at once ({status}):\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            if Instant::now() > over {
                let _ = server.kill();
                let _ = server.wait();
                bail!("PostgreSQL is not ready:\n{}", fs::read_to_string(&log).unwrap_or_default());
            }
            thread::sleep(POLL);
        }
        self.server = Some(server);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        let mut probe = Command::new(self.programs.path("pg_isready"));
        probe.args(["--quiet", "--host", "127.0.0.1", "--port", &self.port.to_string()]);
        probe.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    fn end(&mut self, signal: Signal) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        kill_process(Pid::from_child(&server), signal)?;
        // Frozen, it would not hear that.
        kill_process(Pid::from_child(&server), Signal::CONT)?;
        if wait(&mut server)?.is_none() {
            server.kill()?;
            server.wait()?;
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Its data are removed next, so nothing has to be put in order.
        if let Err(error) = self.kill() {
            eprintln!("a PostgreSQL server could not be stopped: {error:#}");
        }
    }
}

fn initialize(programs: &Programs, directory: &Directory) -> Result<()> {
    let password = directory.write(programs, "password", PASSWORD)?;
    let mut command = programs.as_owner("initdb");
    command.arg("-D").arg(directory.data()).arg("--pwfile").arg(&password);
    command.args(["-U", USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
    said(command.current_dir(directory.path())).context("initdb")?;
    fs::remove_file(password)?;
    Ok(())
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn wait(server: &mut Child) -> Result<Option<ExitStatus>> {
    let over = Instant::now() + PATIENCE;
    loop {
        match server.try_wait()? {
            None if Instant::now() < over => thread::sleep(POLL),
            ended => return Ok(ended),
        }
    }
}

/// What a program says, which must end well.
fn said(command: &mut Command) -> Result<String> {
    let name = Path::new(command.get_program()).display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
