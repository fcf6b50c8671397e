//! Everything that needs nothing: unit, integration and doc tests, and examples. Also builds the tests for later parts.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{
    mark::Mark,
    outcome::{Outcome, Skip},
    session::Session,
    skips::{self, Skips},
    stream,
    tally::Tally,
};
use crate::cargo;

/// Those that need nothing; cargo has built them with the tests.
const EXAMPLES: &[&str] = &["fakes"];

/// A built test binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TestProgram {
    pub(crate) package: String,
    /// Binary and source, as the tally names them.
    pub(crate) label: String,
    pub(crate) directory: PathBuf,
    pub(crate) executable: PathBuf,
}

/// Runs `cargo test` as users do.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut cargo = cargo::command()?;
    cargo.args(["test", "--locked", "--workspace", "--no-fail-fast"]);
    let mut outcome = tallied(session, vec![("cargo test".to_owned(), cargo)], deadline, Skips::begin()?)?;
    for name in EXAMPLES {
        let example = cargo::example(name).map(Command::new);
        let result = example.and_then(|example| session.must(name, example, deadline));
        outcome.check(&format!("the example {name}"), result);
    }
    Ok(outcome)
}

/// Runs the ignored tests of one package, with what they are told through the environment.
pub(crate) fn run_ignored(
    session: &mut Session,
    package: &str,
    arguments: &[&str],
    environment: &[(&str, &Path)],
    deadline: Instant,
) -> Result<Outcome> {
    let programs = session.test_programs(package, deadline)?;
    let filter = session.filter.clone();
    let skips = Skips::begin()?;
    let commands = programs.into_iter().map(|program| {
        let mut command = Command::new(&program.executable);
        command.arg("--ignored").args(arguments).args(&filter).current_dir(&program.directory);
        command.env("CARGO_MANIFEST_DIR", &program.directory).envs(environment.iter().copied());
        command.env(skips::VARIABLE, skips.file());
        (program.label, command)
    });
    let commands = commands.collect();
    let outcome = tallied(session, commands, deadline, skips)?;
    if outcome.passed == 0 && outcome.failed.is_empty() && outcome.skipped.is_empty() {
        bail!("{package} has no ignored test: nothing was proven");
    }
    Ok(outcome)
}

fn tallied(
    session: &mut Session,
    commands: Vec<(String, Command)>,
    deadline: Instant,
    skips: Skips,
) -> Result<Outcome> {
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for (label, command) in commands {
        tally.begin(&label);
        println!("-- {label}");
        let (failed, results) = (tally.failed.len(), tally.results());
        match session.shown(command, deadline, |line| tally.line(line)) {
            Ok(status) if status.success() && tally.results() == results => {
                broken.push(format!("{label}: no test result was printed"));
            }
            Ok(status) if !status.success() && tally.failed.len() == failed => {
                broken.push(format!("{label}: {status}"));
            }
            Ok(_) => {}
            Err(error) => broken.push(format!("{label}: {error:#}")),
        }
    }
    tally.close();
    let told = skips.end(&mut tally)?;
    session.remember(&tally);
    tally.failed.extend(broken);
    let ignored = tally.ignored.into_iter().map(|test| Skip { what: test.name, why: test.why });
    let skipped = ignored.chain(told).collect();
    Ok(Outcome { passed: tally.passed, failed: tally.failed, skipped, ..Outcome::default() })
}

/// Builds the workspace's tests and tells where they are.
pub(crate) fn build(mark: &Mark, deadline: Instant) -> Result<Vec<TestProgram>> {
    let mut cargo = cargo::command()?;
    cargo.args(["test", "--locked", "--workspace", "--no-run", "--message-format", "json-render-diagnostics"]);
    let packages = cargo::packages()?;
    let mut programs = Vec::new();
    let status = stream::run(cargo, mark, deadline, |line| match serde_json::from_str::<Value>(line) {
        Ok(message) => programs.extend(test_program(&message, &packages)),
        Err(_) => println!("{line}"),
    })?;
    if !status.success() {
        bail!("the tests do not build ({status})");
    }
    Ok(programs)
}

fn test_program(message: &Value, packages: &[cargo::Package]) -> Option<TestProgram> {
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let executable = PathBuf::from(message["executable"].as_str()?);
    let manifest = Path::new(message["manifest_path"].as_str()?).parent()?;
    let package = packages.iter().find(|package| package.directory == manifest)?;
    let source = Path::new(message["target"]["src_path"].as_str()?).strip_prefix(manifest).ok()?;
    let label = label(&executable, source).ok()?;
    Some(TestProgram { package: package.name.clone(), label, directory: manifest.to_owned(), executable })
}

fn label(executable: &Path, source: &Path) -> Result<String> {
    let file = executable.file_name().context("a program without a name")?.to_string_lossy();
    let krate = file.rsplit_once('-').map_or(file.as_ref(), |(name, _)| name);
    Ok(format!("{krate} {}", source.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn test_binaries_are_found_among_cargos_messages() {
        let packages = [cargo::Package { name: "store-k8s".into(), directory: "/w/store-k8s".into() }];
        let message = |test: bool| {
            json!({
                "reason": "compiler-artifact", "manifest_path": "/w/store-k8s/Cargo.toml",
                "target": {"src_path": "/w/store-k8s/tests/cluster.rs"},
                "profile": {"test": test}, "executable": "/t/debug/deps/cluster-0af1",
            })
        };
        let program = test_program(&message(true), &packages).unwrap();
        assert_eq!((program.package.as_str(), program.label.as_str()), ("store-k8s", "cluster tests/cluster.rs"));
        assert_eq!(test_program(&message(false), &packages), None);
        assert_eq!(test_program(&json!({"reason": "build-finished"}), &packages), None);
    }
}
