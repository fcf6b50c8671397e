//! Faults injected for real, and what only looks like one. The cases report into a file, since a test that passes has
//! its output hidden; a case that is listed here and did not report that it is right is wrong, whatever the reason.

use std::{collections::BTreeMap, env, fs, path::Path, time::Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    paths,
};

/// Most of their time is waiting.
const AT_ONCE: &str = "--test-threads=12";
/// Everybody in the cluster feels these.
const ONE_BY_ONE: &str = "--test-threads=1";
/// What the paths of the tests that belong here begin with.
const TOGETHER: &str = "injected::together::";
const ALONE: &str = "injected::alone::";

/// The cases: faults that must be told, as the right failure of the right object, in time.
const FAULTS: &[&str] = &[
    "a_claim_whose_storage_class_is_missing_fails_the_store",
    "a_setup_job_that_exceeds_its_backoff_limit_fails_the_store",
    "an_image_that_cannot_be_pulled_fails_the_store",
];
/// The cases that must not fail.
const CONTROLS: &[&str] = &[];

/// Runs them all: those that touch only their own namespaces together, then the others one by one.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let cluster = session.cluster()?;
    session.must("building the server", cargo::build_server(Profile::Debug)?, deadline)?;
    session.test_programs("e2e", deadline)?;
    let server = cargo::server(Profile::Debug)?;
    let report = paths::cache()?.join("test-diagnosis.jsonl");
    fs::write(&report, "").with_context(|| format!("cannot write {}", report.display()))?;
    let bin = |name: &str| cluster.bin_dir.join(name);
    let (kubectl, helm, helm_3, xtask) = (bin("kubectl"), bin("helm"), bin("helm3"), env::current_exe()?);
    let environment = [
        ("STORE_TEST_KUBECONFIG", cluster.kubeconfig.as_path()),
        ("STORE_TEST_KUBECTL", &kubectl),
        ("STORE_TEST_HELM", &helm),
        ("STORE_TEST_HELM3", &helm_3),
        ("STORE_TEST_SERVER_BIN", &server),
        ("STORE_TEST_XTASK_BIN", &xtask),
        ("STORE_TEST_CONTAINERD_SOCKET", &cluster.containerd_socket),
        ("STORE_TEST_REPORT", &report),
    ];
    let mut outcome = Outcome::default();
    for (threads, group, other) in [(AT_ONCE, TOGETHER, ALONE), (ONE_BY_ONE, ALONE, TOGETHER)] {
        let other = format!("--skip={other}");
        // Somebody who names tests means those, not all that belong here.
        let group = session.filter.is_empty().then_some(group);
        let arguments: Vec<&str> = [threads, &other].into_iter().chain(group).collect();
        outcome.add(unit::run_ignored(session, "e2e", &arguments, &environment, deadline)?);
    }
    let verdict = Verdict::of(&read(&report)?);
    println!("{}", verdict.table);
    let failed = outcome.failed.join(" ");
    outcome.failed.extend(
        verdict
            .wrong
            .iter()
            .filter(|name| !failed.contains(*name))
            .map(|name| format!("{name}: it did not run, or did not say that it is right")),
    );
    println!("{}", verdict.line);
    outcome.last_line = Some(verdict.line);
    Ok(outcome)
}

/// What one case reported.
#[derive(Debug, Deserialize)]
struct Report {
    case: String,
    right: bool,
    what: Option<String>,
    detection_s: Option<f64>,
    allowed_s: Option<f64>,
}

fn read(report: &Path) -> Result<Vec<Report>> {
    let text = fs::read_to_string(report).with_context(|| format!("cannot read {}", report.display()))?;
    let read = |line: &str| serde_json::from_str(line).with_context(|| format!("{}: {line}", report.display()));
    text.lines().map(read).collect()
}

/// What all cases together say.
struct Verdict {
    table: String,
    wrong: Vec<&'static str>,
    line: String,
}

impl Verdict {
    fn of(reports: &[Report]) -> Self {
        // One that reported twice is right only if it was so both times.
        let mut right: BTreeMap<&str, bool> = BTreeMap::new();
        for report in reports {
            *right.entry(&report.case).or_insert(true) &= report.right;
        }
        let is_wrong = |name: &&&'static str| !right.get(**name).copied().unwrap_or_default();
        let wrong: Vec<&str> = FAULTS.iter().chain(CONTROLS).filter(is_wrong).copied().collect();
        let count = |names: &[&'static str]| names.iter().filter(|name| !wrong.contains(*name)).count();
        let worst = reports.iter().filter_map(|report| report.detection_s).fold(0.0, f64::max);
        let line = format!(
            "cases={} right={} controls={} controls_right={} worst_detection_s={worst:.1}",
            FAULTS.len(),
            count(FAULTS),
            CONTROLS.len(),
            count(CONTROLS),
        );
        let table = reports.iter().map(Report::row).collect::<Vec<_>>().join("\n");
        Self { table, wrong, line }
    }
}

impl Report {
    fn row(&self) -> String {
        let verdict = if self.right { "right" } else { "WRONG" };
        let seconds = |value: Option<f64>| value.map_or("-".to_owned(), |seconds| format!("{seconds:.1}"));
        let (took, allowed) = (seconds(self.detection_s), seconds(self.allowed_s));
        let what = self.what.as_deref().unwrap_or("-");
        format!("{verdict}  {took:>6} of {allowed:>6} s  {what:<22} {}", self.case)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn report(case: &str, right: bool, detection_s: f64) -> Report {
        Report { case: case.to_owned(), right, what: None, detection_s: Some(detection_s), allowed_s: None }
    }

    #[test]
    fn a_case_is_wrong_unless_it_says_that_it_is_right() {
        let none = Verdict::of(&[]);
        assert_eq!(none.wrong.len(), FAULTS.len() + CONTROLS.len());
        let all: Vec<Report> = FAULTS.iter().chain(CONTROLS).map(|name| report(name, true, 1.0)).collect();
        assert!(Verdict::of(&all).wrong.is_empty());
        let again: Vec<Report> = all.into_iter().chain([report(FAULTS[0], false, 7.04)]).collect();
        let verdict = Verdict::of(&again);
        assert_eq!(verdict.wrong, [FAULTS[0]]);
        let expected = format!("cases={} right={} ", FAULTS.len(), FAULTS.len() - 1);
        assert!(verdict.line.starts_with(&expected), "{}", verdict.line);
        assert!(verdict.line.ends_with("worst_detection_s=7.0"), "{}", verdict.line);
    }

    #[test]
    fn every_case_is_listed_as_what_it_is() {
        let listed = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        assert_eq!(listed(FAULTS), written("case!(Fault)"));
        assert_eq!(listed(CONTROLS), written("case!(Control)"));
    }

    /// The names of the tests that begin a case so.
    fn written(begin: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for folder in ["together", "alone"] {
            let folder = paths::workspace().join("e2e/tests/diagnosis/injected").join(folder);
            for entry in fs::read_dir(folder).unwrap() {
                let text = fs::read_to_string(entry.unwrap().path()).unwrap();
                let parts = text.split("\nasync fn ").skip(1).filter(|part| part.contains(begin));
                names.extend(parts.map(|part| part.split('(').next().unwrap().to_owned()));
            }
        }
        names
    }
}
