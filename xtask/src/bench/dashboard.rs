//! `cargo xtask bench dashboard`: what the dashboard weighs, how soon a list of 1,000 stores is there, how soon a change is
//! seen, and the same with 10,000: in Chromium, on a demo in an optimised build.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
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
/// As many as one installation is made for.
const STORES_MAX: u32 = 10_000;
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
    let (few, many) = (Seen::of(&browser, STORES)?, Seen::of(&browser, STORES_MAX)?);
    if record {
        results_file::write(SECTION, COMMAND, &section(&weight, &few, &many)?)?;
    }
    println!(
        "js_css_gzip_kb={weight} first_list_ms={:.0} event_to_screen_ms={:.0}",
        few.first_list, few.event_to_screen
    );
    floors::demand(&[
        Floor::at_most("js_css_gzip_kb", weight.parse()?, 100.0),
        Floor::at_most("first_list_ms", few.first_list, 1_000.0),
    ])
}

/// What Chromium saw of a demo: medians, in milliseconds.
#[derive(Deserialize)]
struct Seen {
    first_list: f64,
    event_to_screen: f64,
    /// The longest that the page was busy and could not answer, while it was searched and a store came up.
    longest_task: f64,
}

impl Seen {
    fn of(browser: &Path, stores: u32) -> Result<Self> {
        say(format!("a list of {stores} stores"));
        let home = paths::state()?.join("bench-dashboard");
        fs::create_dir_all(&home)?;
        let demo = Demo::start(&cargo::server(Profile::Release)?, &home, &["--demo-stores", &stores.to_string()])?;
        let input = json!({"url": demo.url(), "stores": stores});
        let mut node = Command::new("node");
        node.arg("dashboard-bench.mjs").current_dir(browser);
        let seen = serde_json::from_str(&exec::feed(&mut node, &input.to_string())?)?;
        drop(demo);
        fs::remove_dir_all(&home)?;
        Ok(seen)
    }
}

fn section(weight: &str, few: &Seen, many: &Seen) -> Result<String> {
    let cores = thread::available_parallelism()?.get();
    let date = exec::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let row = |what: &str, of: fn(&Seen) -> f64| format!("| {what} | {:.0} ms | {:.0} ms |\n", of(few), of(many));
    Ok(format!(
        "## The dashboard\n\nIn Chromium, on a demo; browser and server share {cores} cores ({}). Medians of 5. JavaScript \
         and CSS have {weight} KB, gzip.\n\n| stores | {STORES} | {STORES_MAX} |\n|---|---|---|\n{}{}{}",
        date.trim(),
        row("from the call to the list, with all of them counted", |seen| seen.first_list),
        row("from a change to the screen", |seen| seen.event_to_screen),
        row("the longest that the page was busy while it was searched", |seen| seen.longest_task),
    ))
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
