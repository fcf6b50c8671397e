//! Faults injected for real, and what only looks like one. The cases report into a file, since a test that passes has
//! its output hidden; a case that is listed here and did not report that it is right is wrong, whatever the reason.

use std::{collections::BTreeMap, env, fs, path::Path, time::Instant};

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{outcome::Outcome, session::Session, unit};
use crate::{
    cargo::{self, Profile},
    cluster::Cluster,
    exec, paths,
};

/// Most of their time is waiting.
const AT_ONCE: &str = "--test-threads=12";
/// Everybody in the cluster feels these.
const ONE_BY_ONE: &str = "--test-threads=1";
/// What the paths of the tests that belong here begin with.
const TOGETHER: &str = "injected::together::";
const ALONE: &str = "injected::alone::";

/// On what they make that belongs to no namespace.
const MADE_BY_CASES: &str = "store-platform/test=diagnosis";

/// The cases: faults that must be told, as the right failure of the right object, in time.
const FAULTS: &[&str] = &[
    "a_chart_that_cannot_be_rendered_is_refused_once",
    "a_claim_whose_storage_class_is_missing_fails_the_store",
    "a_container_that_is_killed_for_its_memory_fails_the_store",
    "a_container_whose_secret_is_missing_fails_the_store",
    "a_deployment_deleted_by_hand_is_drift",
    "a_deployment_deleted_by_hand_is_repaired_when_asked_for",
    "a_finalizer_that_holds_the_namespace_is_named_and_never_forced",
    "a_host_that_is_taken_is_refused_before_anything_is_made",
    "a_mysql_that_keeps_crashing_fails_the_store",
    "a_name_used_again_while_the_old_namespace_goes_gets_a_namespace_of_its_own",
    "a_pod_that_no_node_has_room_for_fails_the_store",
    "a_pod_that_pod_security_refuses_fails_the_store",
    "a_postgresql_that_keeps_crashing_fails_the_store",
    "a_ready_store_whose_image_cannot_be_pulled_any_more_is_degraded",
    "a_release_record_that_is_too_large_is_refused_at_once",
    "a_setup_job_past_its_deadline_fails_the_store",
    "a_setup_job_that_exceeds_its_backoff_limit_fails_the_store",
    "a_setup_job_that_is_removed_does_not_hang_the_store",
    "a_startup_probe_that_never_passes_fails_the_store",
    "a_volume_that_is_full_fails_the_store",
    "a_volume_that_is_to_be_kept_is_listed_and_kept",
    "a_webhook_that_holds_the_namespace_is_named",
    "an_admission_webhook_that_is_down_is_named_and_waited_for",
    "an_api_service_that_does_not_answer_is_named_as_the_blocker",
    "an_image_that_cannot_be_pulled_fails_the_store",
    "an_ingress_whose_class_is_missing_is_not_published",
    "an_ingress_without_an_address_is_not_published",
    "an_object_of_somebody_else_is_named_and_never_taken_over",
    "every_attempt_is_judged_by_its_own_setup_job",
    "pods_that_a_quota_forbids_fail_the_store",
    "time_that_runs_out_names_the_gate_and_the_prime_suspect_of_a_real_store",
    "values_against_the_schema_of_the_real_chart_are_refused_once",
    "values_of_exactly_4096_bytes_are_applied_to_the_last_key",
];
/// The cases that must not fail.
const CONTROLS: &[&str] =
    &["a_single_crash_is_no_failure", "a_slow_database_is_no_failure", "an_image_pull_that_recovers_is_no_failure"];

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
        ("STORE_TEST_KUBECONFIG", cluster.platform_kubeconfig.as_path()),
        ("STORE_TEST_ADMIN_KUBECONFIG", cluster.kubeconfig.as_path()),
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
        let found = unit::run_ignored(session, "e2e", &arguments, &environment, deadline);
        sweep(&cluster)?;
        outcome.add(found?);
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

/// Removes what belongs to the whole cluster of cases that were killed: an API service that does not answer keeps every
/// namespace from going.
fn sweep(cluster: &Cluster) -> Result<()> {
    let mut delete = cluster.kubectl();
    delete.args(["delete", "apiservices,validatingwebhookconfigurations,ingressclasses,storageclasses"]);
    delete.args(["--selector", MADE_BY_CASES, "--ignore-not-found"]);
    exec::capture(&mut delete).map(drop)
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
