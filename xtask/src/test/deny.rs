//! cargo-deny: licences, bans and sources always; advisories where their database can be reached.

use std::{fs, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context, Result};

use super::{outcome::Outcome, session::Session};
use crate::{cargo, paths, progress::say};

const VERSION: &str = "0.20.2";

/// Runs the checks.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let program = ensure(session, deadline)?;
    let mut outcome = Outcome::default();
    for check in ["licenses", "bans", "sources"] {
        let mut deny = deny(&program)?;
        deny.args(["check", check]);
        outcome.check(&format!("cargo deny check {check}"), session.must("cargo deny", deny, deadline));
    }
    advisories(session, &program, deadline, &mut outcome)?;
    Ok(outcome)
}

fn advisories(session: &Session, program: &PathBuf, deadline: Instant, outcome: &mut Outcome) -> Result<()> {
    let mut fetch = deny(program)?;
    fetch.args(["fetch", "db"]);
    let mut said = String::new();
    let fetched = session.shown(fetch, deadline, |line| {
        if !line.trim().is_empty() {
            line.trim().clone_into(&mut said);
        }
    })?;
    if !fetched.success() {
        outcome.skip("advisories", &format!("their database cannot be reached from here: {said}"));
        return Ok(());
    }
    let mut check = deny(program)?;
    check.args(["check", "--disable-fetch", "advisories"]);
    outcome.check("cargo deny check advisories", session.must("cargo deny", check, deadline));
    Ok(())
}

/// cargo-deny run through cargo, as it expects.
fn deny(program: &PathBuf) -> Result<Command> {
    let from_cargo = cargo::command()?;
    let mut command = Command::new(program);
    command.current_dir(paths::workspace()).arg("--color").arg("never").arg("--locked");
    for (name, value) in from_cargo.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Ok(command)
}

/// Installs the pinned version into the cache, once.
fn ensure(session: &Session, deadline: Instant) -> Result<PathBuf> {
    let home = paths::cache()?.join("tools").join(format!("cargo-deny-{VERSION}"));
    let program = home.join("bin/cargo-deny");
    if program.is_file() {
        return Ok(program);
    }
    fs::create_dir_all(&home).with_context(|| format!("cannot create {}", home.display()))?;
    say(format!("installing cargo-deny {VERSION} into {} (built from source, once)", home.display()));
    let mut cargo = cargo::command()?;
    // Its own directory: nothing of it can be shared with the workspace, and it goes when it is done.
    cargo.env_remove("CARGO_TARGET_DIR");
    cargo.args(["install", "--locked", "--debug", "--version", VERSION, "cargo-deny", "--root"]).arg(&home);
    session.must("cargo install cargo-deny", cargo, deadline)?;
    Ok(program)
}
