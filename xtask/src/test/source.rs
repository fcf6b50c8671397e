//! The parts that read the source: formatting and lints.

use std::time::Instant;

use anyhow::Result;

use super::{outcome::Outcome, session::Session};
use crate::cargo;

/// `cargo fmt`.
pub(crate) fn format(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut cargo = cargo::command()?;
    cargo.args(["fmt", "--all", "--check"]);
    let mut outcome = Outcome::default();
    outcome.check("cargo fmt --all --check", session.must("cargo fmt", cargo, deadline));
    Ok(outcome)
}

/// Clippy.
pub(crate) fn lint(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut cargo = cargo::command()?;
    cargo.args(["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]);
    let mut outcome = Outcome::default();
    outcome.check("cargo clippy", session.must("cargo clippy", cargo, deadline));
    Ok(outcome)
}
