//! `cargo xtask bench api`: how much the HTTP server answers, with 10,000 stores in SQLite, a write every second and 500
//! open event streams. Every answer is whole and read to its end; there is no cluster, since reads need none.

mod load;
mod processor;
mod undisturbed;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt::Write as _,
    fs,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::{
    load::{Load, ask, get, post, with_streams},
    processor::Processor,
    undisturbed::{Seen, Wanted, ask_undisturbed},
};
use super::{
    floors::{self, Floor},
    memory::peak,
};
use crate::{
    cargo::{self, Profile},
    cluster, exec, paths,
    progress::say,
    results_file,
    server::{self, Launch, Server},
};

const SECTION: &str = "api";
const COMMAND: &str = "cargo xtask bench api --record";
const STORES: u32 = 10_000;
const STREAMS: u32 = 500;
const CONNECTIONS: u32 = 16;
const WARM_UP: Duration = Duration::from_secs(2);
/// At full load, and at half of it.
const FULL: Wanted = Wanted { seconds: 6, within: Duration::from_secs(90) };
const HALF: Wanted = Wanted { seconds: 12, within: Duration::from_mins(5) };
/// Before as much as possible is asked, so that the host does not hold the work of before against us.
const REST: Duration = Duration::from_secs(45);
const LIST: &str = "/api/v1/stores?page_size=1000";
const LISTS: &str = "/api/v1/stores?page_size=";
/// So many sizes of a page in turn that none is still kept when it is asked for again.
const SIZES: u64 = 37;
/// Where nobody answers: the cluster is not what is measured.
const NO_CLUSTER: &str = "http://127.0.0.1:1";

/// What was measured.
#[derive(Debug)]
struct Measured {
    list: Seen,
    /// Lists that nobody asked for just before.
    other_list: Seen,
    get: Seen,
    create: Seen,
    health: Seen,
    half_list: Seen,
    half_get: Seen,
    rss: f64,
    /// The share of the machine that its host gave to others meanwhile.
    stolen: f64,
}

/// Measures, writes the section if asked to, and prints the last line.
pub(super) fn run(record: bool) -> Result<()> {
    let directory = paths::state()?.join("bench-api");
    if directory.exists() {
        server::stop(&directory)?;
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)?;
    let measured = prepare(&directory).and_then(measure);
    server::stop(&directory)?;
    fs::remove_dir_all(&directory)?;
    let measured = measured?;
    if record {
        results_file::write(SECTION, COMMAND, &section(&measured)?)?;
    }
    println!("{}", line(&measured));
    floors::demand(&[
        Floor::at_least("list1000_rps", measured.list.rate(), 300.0),
        Floor::at_least("get_rps", measured.get.rate(), 10_000.0),
        Floor::at_most("p99_read_ms", measured.p99_read(), 10.0),
        Floor::at_most("rss_mib", measured.rss, 128.0),
    ])
}

/// A server on a database with many stores.
fn prepare(directory: &Path) -> Result<Server> {
    let programs = cluster::build_programs()?;
    say("building store-http and prefill optimised");
    let mut build = cargo::build_server(Profile::Release)?;
    if !build.args(["--package", "store-benches"]).status().context("cannot run cargo")?.success() {
        bail!("they do not build");
    }
    let release = cargo::server(Profile::Release)?;
    let mut prefill = std::process::Command::new(release.with_file_name("prefill"));
    prefill.arg(server::database(directory)).arg(STORES.to_string());
    exec::logged(&mut prefill, "filling the database", &directory.join("prefill.log"), String::new)?;
    let kubeconfig = directory.join("kubeconfig");
    fs::write(&kubeconfig, nowhere())?;
    let environment: BTreeMap<&'static str, OsString> = BTreeMap::from([
        ("KUBECONFIG", kubeconfig.into()),
        ("HELM_BINARY", programs.join("helm").into()),
        ("PROVISIONING_TIMEOUT_SECONDS", "3600".into()),
    ]);
    let launch =
        Launch { program: release, directory: directory.to_owned(), port: server::port::lasting()?, environment };
    Ok(server::ensure(&launch)?.0)
}

fn nowhere() -> String {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "clusters": [{ "name": "nowhere", "cluster": { "server": NO_CLUSTER } }],
        "users": [{ "name": "nobody", "user": {} }],
        "contexts": [{ "name": "nowhere", "context": { "cluster": "nowhere", "user": "nobody" } }],
    });
    config.to_string()
}

fn measure(server: Server) -> Result<Measured> {
    let ids = ids(server)?;
    let (turn, writes) = (AtomicU64::new(0), AtomicU64::new(0));
    let list = || get(LIST);
    let one = || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        get(&format!("/api/v1/stores/{}", ids[usize::try_from(turn).unwrap_or_default() % ids.len()]))
    };
    let health = || get("/api/v1/health");
    let create = || new_store(writes.fetch_add(1, Ordering::Relaxed));
    let load = |rate: Option<f64>| Load { port: server.port, connections: CONNECTIONS, lasts: WARM_UP, rate };
    let seen = |what: &str, rate: Option<f64>, wanted: Wanted, next: load::NextRequest<'_>| {
        say(what);
        ask(load(rate), next)?;
        let seen = ask_undisturbed(load(rate), wanted, next)?;
        say(format!("  {} a second, p99 {} ms", seen.rates(), seen.p99s()));
        anyhow::Ok(seen)
    };
    let full = |what: &str, next: load::NextRequest<'_>| {
        thread::sleep(REST);
        seen(&format!("as many as it answers: {what}"), None, FULL, next)
    };
    let half = |what: &str, full: &Seen, next: load::NextRequest<'_>| {
        seen(&format!("half as many: {what}"), Some(full.rate() / 2.0), HALF, next)
    };
    let tokens = page_tokens(server)?;
    let other_list = || {
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        let page = usize::try_from(turn).unwrap_or_default() % tokens.len();
        get(&format!("{LISTS}{}&page_token={}", 1_000 - turn % SIZES, tokens[page]))
    };
    let before = Processor::now()?;
    with_streams(server.port, "/api/v1/events", STREAMS, || {
        while_writing(server, &create, || {
            let lists = full("lists of 1,000 stores", &list)?;
            let gets = full("single stores", &one)?;
            let other_lists = full("lists that nobody just asked for", &other_list)?;
            let (half_list, half_get) = (half("lists", &lists, &list)?, half("single stores", &gets, &one)?);
            let healths = full("health", &health)?;
            let creates = full("new stores", &create)?;
            Ok(Measured {
                list: lists,
                other_list: other_lists,
                get: gets,
                create: creates,
                health: healths,
                half_list,
                half_get,
                rss: peak(server.process)?,
                stolen: before.stolen_since()?,
            })
        })
    })
}

/// Asks for one new store a second beside the work.
fn while_writing<T>(server: Server, create: load::NextRequest<'_>, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let second = Load { port: server.port, connections: 1, lasts: Duration::from_secs(1), rate: Some(1.0) };
            while !stop.load(Ordering::Relaxed) {
                ask(second, create)?;
            }
            anyhow::Ok(())
        });
        let done = work();
        stop.store(true, Ordering::Relaxed);
        writer.join().map_err(|_| anyhow::anyhow!("the writer's thread ended"))?.context("the write every second")?;
        done
    })
}

fn new_store(number: u64) -> Vec<u8> {
    let body = json!({
        "name": format!("new-{number}"), "engine": "medusa", "admin_username": "admin",
        "admin_email": "shopkeeper@example.com", "admin_password": format!("A long passphrase {number}"),
    });
    post("/api/v1/stores", &body.to_string())
}

fn ids(server: Server) -> Result<Vec<String>> {
    let stores = server.api().stores()?;
    let ids: Option<Vec<String>> = stores.iter().map(|store: &Value| store["id"].as_str().map(str::to_owned)).collect();
    ids.filter(|ids| !ids.is_empty()).context("the server lists no stores")
}

/// The cursors of all pages but the first.
fn page_tokens(server: Server) -> Result<Vec<String>> {
    let mut tokens = Vec::new();
    loop {
        let after = tokens.last().map(|token| format!("&page_token={token}")).unwrap_or_default();
        let page = server.api().get(&format!("{LIST}{after}"))?;
        match page["next_page_token"].as_str() {
            Some(token) => tokens.push(token.to_owned()),
            None => return Ok(tokens),
        }
    }
}

impl Measured {
    fn p99_read(&self) -> f64 {
        self.half_list.p99_ms().max(self.half_get.p99_ms())
    }
}

fn line(measured: &Measured) -> String {
    let Measured { list, get, create, health, rss, .. } = measured;
    format!(
        "list1000_rps={:.0} get_rps={:.0} create_rps={:.0} health_rps={:.0} p99_read_ms={:.1} sse_streams={STREAMS} \
         rss_mib={rss:.0}",
        list.rate(),
        get.rate(),
        create.rate(),
        health.rate(),
        measured.p99_read()
    )
}

fn section(measured: &Measured) -> Result<String> {
    let cores = thread::available_parallelism()?.get();
    let date = exec::capture(std::process::Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let Measured { list, other_list, get, create, health, half_list, half_get, rss, stolen } = measured;
    let mut text = format!(
        "## What the HTTP server answers\n\n{STORES} stores in SQLite, one new store a second, {STREAMS} open event \
         streams, {CONNECTIONS} connections; server and load share {cores} cores, of which others on the same host took \
         {stolen:.0} % meanwhile ({}); between the loads they rest. Every answer is whole. A p99 is that of half of the \
         load in the same row. Figures are those of the seconds in which, as in the one before, others took no more than \
         1 % of the machine, or of every second where there were fewer such than wanted; in brackets those of every second, \
         and how many of them counted.\n\nThe cluster cannot be reached: no store is observed, so a list costs less than \
         with one. All connections ask for the same list, the first page, which is made again when \
         something on it changed, and at least every ten seconds; new stores are on the last page. \"Other lists\" are \
         pages of 964 to 1,000 stores in turn, each made for one answer.\n\n\
         | request | a second | p99 in ms |\n|---|---|---|\n",
        date.trim()
    );
    let row = |what: &str, full: &Seen, half: Option<&Seen>| {
        format!("| {what} | {} | {} |\n", full.rates(), half.map(Seen::p99s).unwrap_or_default())
    };
    text += &row(&format!("list of 1,000 stores ({:.0} MiB/s)", list.mib_s()), list, Some(half_list));
    text += &row("other lists", other_list, None);
    text += &row("one store", get, Some(half_get));
    text += &row("new store", create, None);
    text += &row("health", health, None);
    write!(text, "\nThe most that was resident: {rss:.0} MiB.")?;
    Ok(text)
}
