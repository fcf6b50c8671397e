//! Calling cargo from inside `cargo xtask`: a clean environment, one target directory for all checkouts, our packages.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{dashboard, exec, paths};

/// What `cargo run` sets for the program that it runs. Left in place it would make nested builds differ from a user's
/// own, and so be done twice.
const INHERITED: &[&str] = &["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The binaries that users run.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) server: PathBuf,
    pub(crate) cli: PathBuf,
}

/// How programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Debug,
    /// Quick to run.
    Release,
}

impl Profile {
    /// The directory below the target directory, and the profile's name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// One of the workspace's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
}

/// `cargo` in the workspace, with the shared target directory.
pub(crate) fn command() -> Result<Command> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| INHERITED.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }
    command.current_dir(paths::workspace()).env("CARGO_TARGET_DIR", target_directory()?);
    if env::var_os("CI").is_some() && env::var_os("CARGO_INCREMENTAL").is_none() {
        // Nobody edits there: what it would keep for the next edit only fills the disk.
        command.env("CARGO_INCREMENTAL", "0");
    }
    command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    Ok(command)
}

/// Where builds go: `CARGO_TARGET_DIR`, else a directory in the cache, so that a fresh checkout finds its dependencies built.
pub(crate) fn target_directory() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR").filter(|given| !given.is_empty()) {
        Some(given) => Ok(std::path::absolute(given)?),
        None => Ok(paths::cache()?.join("target")),
    }
}

/// The command that builds `store-http` and `store`, in one go; the dashboard that goes into the server is built here.
pub(crate) fn build_programs(profile: Profile) -> Result<Command> {
    dashboard::ensure()?;
    build(&["store-http", "store-cli"], profile)
}

/// The command that builds `store-http` alone, with the dashboard.
pub(crate) fn build_server(profile: Profile) -> Result<Command> {
    dashboard::ensure()?;
    build(&["store-http"], profile)
}

fn build(packages: &[&str], profile: Profile) -> Result<Command> {
    let mut cargo = command()?;
    cargo.args(["build", "--locked"]).args(packages.iter().flat_map(|package| ["--package", package]));
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    Ok(cargo)
}

/// Where the built programs are.
pub(crate) fn programs(profile: Profile) -> Result<Programs> {
    Ok(Programs { server: server(profile)?, cli: built(Path::new(profile.name()).join("store"))? })
}

/// Where the built server is.
pub(crate) fn server(profile: Profile) -> Result<PathBuf> {
    built(Path::new(profile.name()).join("store-http"))
}

/// An example that was built with the tests.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    built(Path::new("debug/examples").join(name))
}

/// The simulation, where it was built.
pub(crate) fn simulation() -> Result<PathBuf> {
    built(Path::new("simulation/examples/simulate").to_owned())
}

fn built(below: PathBuf) -> Result<PathBuf> {
    let program = target_directory()?.join(below);
    if !program.is_file() {
        bail!("{} was not built", program.display());
    }
    Ok(program)
}

/// The workspace's packages, by name.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let text = exec::capture(command()?.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().context("cargo metadata lists no packages")? {
        let name = package["name"].as_str().context("a package without a name")?.to_owned();
        let manifest = Path::new(package["manifest_path"].as_str().context("a package without a manifest")?);
        let directory = manifest.parent().context("a manifest without a directory")?.to_owned();
        packages.push(Package { name, directory });
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}
