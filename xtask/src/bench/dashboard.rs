//! `cargo xtask bench dashboard`: what the dashboard weighs, how soon a list of 1,000 stores is there, and how soon a change
//! is seen: in Chromium, on a demo in an optimised build.

use std::{
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::floors::{self, Floor};
use crate::{
    cargo::{self, Profile},
    dashboard::{Workshop, npm},
    exec,
    install::{self, Group},
    paths,
    progress::say,
    results_file,
    server::demo::Demo,
    test::browser_directory,
};

const SECTION: &str = "dashboard";
const COMMAND: &str = "cargo xtask bench dashboard --record";
const STORES: u32 = 1_000;
const DEADLINE: Duration = Duration::from_mins(10);

/// Measures, writes the section if asked to, and prints the last line.
pub(super) fn run(record: bool) -> Result<()> {
    install::ensure(&[Group::Browser, Group::Dashboard])?;
    let weight = weight()?;
    say("building store-http optimised");
    if !cargo::build_server(Profile::Release)?.status().context("cannot run cargo")?.success() {
        bail!("store-http does not build");
    }
    let browser = browser_directory(Instant::now() + DEADLINE)?;
    let home = paths::state()?.join("bench-dashboard");
    fs::create_dir_all(&home)?;
    let demo = Demo::start(&cargo::server(Profile::Release)?, &home, &["--demo-stores", &STORES.to_string()])?;
    let input = json!({"url": demo.url(), "stores": STORES});
    let mut node = Command::new("node");
    node.arg("dashboard-bench.mjs").current_dir(&browser);
    let measured: Value = serde_json::from_str(&exec::feed(&mut node, &input.to_string())?)?;
    drop(demo);
    fs::remove_dir_all(&home)?;
    let (list, event) = (&measured["first_list_ms"], &measured["event_to_screen_ms"]);
    if record {
        let cores = thread::available_parallelism()?.get();
        let date = exec::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
        let text = format!(
            "## The dashboard\n\nIn Chromium, on a demo with {STORES} stores; browser and server share {cores} cores ({}). \
             Medians of 5.\n\n| what | |\n|---|---|\n| JavaScript and CSS, gzip | {weight} KB |\n| from the call to the \
             list | {list} ms |\n| from a change to the screen | {event} ms |",
            date.trim()
        );
        results_file::write(SECTION, COMMAND, &text)?;
    }
    println!("js_css_gzip_kb={weight} first_list_ms={list} event_to_screen_ms={event}");
    floors::demand(&[
        Floor::at_most("js_css_gzip_kb", weight.parse()?, 100.0),
        Floor::at_most("first_list_ms", list.as_f64().unwrap_or(f64::NAN), 1_000.0),
    ])
}

fn weight() -> Result<String> {
    let workshop = Workshop::open()?;
    for script in ["build", "size"] {
        let mut npm = npm(&workshop.project(), &["run", "--silent", script]);
        let printed = exec::capture(&mut npm)?;
        if script == "size" {
            let sizes: Value = serde_json::from_str(&printed).context("npm run size prints no JSON")?;
            return Ok(sizes["js_css_gzip_kb"].to_string());
        }
    }
    bail!("nothing was weighed")
}
