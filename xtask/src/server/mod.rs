//! `store-http` as a background process: started, kept, replaced and stopped, for the commands that need one.
//!
//! A file beside its log holds its pid and start time, so that a reused pid is never taken for it.

pub(crate) mod api;
pub(crate) mod demo;
pub(crate) mod port;

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use self::api::Api;
use crate::{
    cluster::processes::{self, Process},
    digest, exec,
    progress::say,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// The server drains what it does before it ends.
const GRACE: Duration = Duration::from_secs(40);
const POLL: Duration = Duration::from_millis(50);
/// Taken from the caller's environment: a server started here is configured here and nowhere else.
const NOT_INHERITED: &[&str] = &[
    "ALLOWED_HOSTS",
    "ALLOW_UNAUTHENTICATED",
    "BASE_DOMAIN",
    "CREDENTIALS_KEY_FILE",
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "FLASK_HOST",
    "FLASK_PORT",
    "HELM_CHART_PATH",
    "HELM_ENV_VALUES_FILE",
    "HELM_VALUES_FILE",
    "HTTP_HOST",
    "HTTP_PORT",
    "KUBECONFIG",
    "KUBE_CONTEXT",
    "LOG_DIR",
    "LOG_FILE",
    "PUBLIC_URL_TEMPLATE",
    "RESERVED_NAMES",
    "STATE_DIR",
];

/// How a server is to run.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    /// For its database, key, log and pid.
    pub(crate) directory: PathBuf,
    pub(crate) port: u16,
    /// Beside what every server here gets.
    pub(crate) environment: BTreeMap<&'static str, OsString>,
}

/// A running server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) port: u16,
}

/// What had to be done to have it running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Kept,
    Started,
    Replaced,
}

/// What the file beside the log says.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pid: i32,
    started: u64,
    port: u16,
    /// Of the program and everything that it was told.
    fingerprint: String,
}

impl Server {
    /// Its API.
    pub(crate) fn api(self) -> Api {
        Api::new(self.port)
    }
}

/// Fails when something else than our own server has the port; to be asked before anything that takes long.
pub(crate) fn demand_port(directory: &Path, port: u16) -> Result<()> {
    match running(directory) {
        Some(server) if server.port == port => Ok(()),
        _ => port::demand_free(port),
    }
}

/// Makes sure that a server runs as `launch` says: one that does already is kept, one of another build is replaced.
pub(crate) fn ensure(launch: &Launch) -> Result<(Server, Change)> {
    let fingerprint = fingerprint(launch)?;
    let mut change = Change::Started;
    if let Some(record) = recorded(&launch.directory) {
        if record.fingerprint == fingerprint && Api::new(record.port).is_ready() {
            let process = Process { pid: record.pid, started: record.started };
            return Ok((Server { process, port: record.port }, Change::Kept));
        }
        if record.port != launch.port {
            // Before the running one is stopped for it.
            port::demand_free(launch.port)?;
        }
        say("replacing a server of another build or configuration");
        stop(&launch.directory)?;
        change = Change::Replaced;
    }
    port::demand_free(launch.port)?;
    let server = start(launch, fingerprint)?;
    if let Err(error) = wait_until_ready(launch, server) {
        stop(&launch.directory)?;
        return Err(error);
    }
    Ok((server, change))
}

/// The server whose files are in `directory`, if it lives.
pub(crate) fn running(directory: &Path) -> Option<Server> {
    let record = recorded(directory)?;
    Some(Server { process: Process { pid: record.pid, started: record.started }, port: record.port })
}

/// Ends the server whose files are in `directory`; whether there was one.
pub(crate) fn stop(directory: &Path) -> Result<bool> {
    let living = recorded(directory).map(|record| Process { pid: record.pid, started: record.started });
    if let Some(process) = living {
        processes::end(&[process], GRACE).context("store-http does not end")?;
    }
    let _ = fs::remove_file(record_file(directory));
    Ok(living.is_some())
}

/// Where it writes what it has to say.
pub(crate) fn log(directory: &Path) -> PathBuf {
    directory.join("server.log")
}

/// Its database.
pub(crate) fn database(directory: &Path) -> PathBuf {
    directory.join("store_platform.db")
}

fn start(launch: &Launch, fingerprint: String) -> Result<Server> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&launch.directory)?;
    let log = open_log(&log(&launch.directory))?;
    // `setsid` of util-linux becomes the program, as its child would be: the pid stays the same.
    let mut command = Command::new("setsid");
    command.arg(&launch.program).current_dir(&launch.directory);
    for name in NOT_INHERITED.iter().copied().chain(own_variables().iter().map(String::as_str)) {
        command.env_remove(name);
    }
    command.envs(environment(launch)).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let child = command.spawn().context("cannot start store-http")?;
    let pid = i32::try_from(child.id())?;
    let Some(process) = Process::find(pid) else { bail!("store-http ended at once:\n{}", last_words(launch)) };
    let record = Record { pid, started: process.started, port: launch.port, fingerprint };
    fs::write(record_file(&launch.directory), serde_json::to_vec(&record)?)?;
    Ok(Server { process, port: launch.port })
}

/// What `cargo run` told this program about itself is nothing for another one.
fn own_variables() -> Vec<String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| name.starts_with("CARGO_")).collect()
}

fn environment(launch: &Launch) -> BTreeMap<&'static str, OsString> {
    let directory = &launch.directory;
    let mut database_url = OsString::from("sqlite:///");
    database_url.push(database(directory));
    let mut all = BTreeMap::from([
        ("DATABASE_URL", database_url),
        ("STATE_DIR", directory.join("state").into()),
        ("LOG_DIR", directory.join("logs").into()),
        ("HTTP_HOST", "127.0.0.1".into()),
        ("HTTP_PORT", launch.port.to_string().into()),
    ]);
    all.extend(launch.environment.iter().map(|(name, value)| (*name, value.clone())));
    all
}

fn wait_until_ready(launch: &Launch, server: Server) -> Result<()> {
    let api = server.api();
    let deadline = Instant::now() + PATIENCE;
    while !api.is_ready() {
        if !server.process.is_alive() {
            bail!("store-http ended; it said:\n{}", last_words(launch));
        }
        if Instant::now() >= deadline {
            bail!("store-http is not ready after {} s; it said:\n{}", PATIENCE.as_secs(), last_words(launch));
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// Cargo writes a program's file only when it built another one, so time and size tell builds apart without reading it.
fn fingerprint(launch: &Launch) -> Result<String> {
    let file = fs::metadata(&launch.program).with_context(|| format!("cannot find {}", launch.program.display()))?;
    let build = (file.mtime(), file.mtime_nsec(), file.size());
    Ok(digest::of(format!("{} {build:?} {:?}", launch.program.display(), environment(launch)).as_bytes()))
}

fn recorded(directory: &Path) -> Option<Record> {
    let record: Record = serde_json::from_slice(&fs::read(record_file(directory)).ok()?).ok()?;
    Process { pid: record.pid, started: record.started }.is_alive().then_some(record)
}

fn record_file(directory: &Path) -> PathBuf {
    directory.join("server.json")
}

fn open_log(path: &Path) -> Result<File> {
    OpenOptions::new().create(true).append(true).open(path).with_context(|| format!("cannot write {}", path.display()))
}

fn last_words(launch: &Launch) -> String {
    exec::tail(&log(&launch.directory))
}
