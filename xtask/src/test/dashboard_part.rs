//! The dashboard: its types, its units and its weight by npm, then its walks in Chromium on a demo.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};

use super::{browser, dev, outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    dashboard::{self, Workshop, npm},
    paths,
};

/// Each has a browser and a server.
const AT_ONCE: &str = "--test-threads=2";
const HERE: &str = "in_a_demo";

/// Runs everything that needs no cluster.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    if session.filter.is_empty() {
        let workshop = Workshop::open()?;
        for (what, script) in [("types and units", "check"), ("it builds", "build"), ("at most 100 KB gzip", "size")] {
            let done = session.must(&format!("npm run {script}"), npm(&workshop.project(), &["run", script]), deadline);
            outcome.check(&format!("the dashboard: {what}"), done);
        }
    }
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    if session.filter.is_empty() {
        outcome.check("`cargo xtask dev` serves it with hot reload, and ends with its program", dev::serves(deadline));
    }
    // Somebody who names tests means those, not all that belong here.
    let arguments: &[&str] = if session.filter.is_empty() { &[AT_ONCE, HERE] } else { &[AT_ONCE] };
    outcome.add(walks(session, arguments, &[], deadline)?);
    Ok(outcome)
}

/// Goes to every page and leaves its picture in this folder.
pub(crate) fn pictures(session: &mut Session, folder: &Path, deadline: Instant) -> Result<Outcome> {
    walks(session, &["in_a_demo_every_page"], &[("STORE_TEST_PICTURES", folder)], deadline)
}

fn walks(session: &mut Session, arguments: &[&str], more: &[(&str, &Path)], deadline: Instant) -> Result<Outcome> {
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    let (server, browser) = (cargo::server(Profile::Debug)?, browser::ensure(session, deadline)?);
    let source = paths::workspace().join("store-http/dashboard");
    let nginx = paths::find_program("nginx").context("there is no nginx")?;
    let built = dashboard::built()?;
    let own: [(&str, &Path); 5] = [
        ("STORE_TEST_SERVER_BIN", &server),
        ("STORE_TEST_BROWSER_DIR", &browser),
        ("STORE_TEST_DASHBOARD_DIR", &source),
        ("STORE_TEST_DASHBOARD_DIST", &built),
        ("STORE_TEST_NGINX", &nginx),
    ];
    unit::run_ignored(session, "e2e", arguments, &[&own, more].concat(), deadline)
}
