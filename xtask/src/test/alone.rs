//! Each crate by itself: it compiles with the features it asks for, and the domain names no adapter.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Result, bail};

use super::{outcome::Outcome, session::Session};
use crate::{cargo, exec};

/// What the domain must not know.
const ADAPTERS: &[&str] = &["diesel", "kube", "k8s-openapi", "axum", "clap", "reqwest", "store-db", "store-k8s"];
/// The second TLS implementation: one is enough.
const SECOND_TLS: &str = "ring";
/// Combinations of features beside each crate's own defaults.
const VARIANTS: &[&[&str]] =
    &[&["--package", "store-core", "--features", "testing"], &["--package", "store-cli", "--no-default-features"]];

/// Checks every crate alone, then what they depend on.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let packages = cargo::packages()?;
    let alone = packages.iter().map(|package| vec!["--package", &package.name]);
    for arguments in alone.chain(VARIANTS.iter().map(|variant| variant.to_vec())) {
        let mut cargo = cargo::command()?;
        cargo.args(["check", "--locked", "--quiet"]).args(&arguments);
        let what = format!("cargo check {}", arguments.join(" "));
        outcome.check(&what, session.must("cargo check", cargo, deadline));
    }
    outcome.check("store-core depends on no adapter", absent(&["--package", "store-core"], ADAPTERS));
    outcome.check("one TLS implementation", absent(&["--workspace"], &[SECOND_TLS]));
    Ok(outcome)
}

fn absent(of: &[&str], unwanted: &[&str]) -> Result<()> {
    let mut cargo = cargo::command()?;
    cargo.args(["tree", "--locked", "--edges", "normal,build", "--all-features", "--prefix", "none"]).args(of);
    let tree = exec::capture(&mut cargo)?;
    let there = names(&tree);
    let found: Vec<&str> = unwanted.iter().copied().filter(|name| there.contains(name)).collect();
    if !found.is_empty() {
        bail!("{} is among the dependencies", found.join(", "));
    }
    Ok(())
}

/// The packages in the output of `cargo tree --prefix none`: `name v1.2.3 (path)`.
fn names(tree: &str) -> BTreeSet<&str> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_words() {
        let there = names("store-core v0.1.0 (/x)\nstring-cache v1.0.0\nserde v1.0.0 (*)\n");
        assert!(there.contains("serde") && !there.contains("ring"));
    }
}
