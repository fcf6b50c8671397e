//! The specification of [`decide`] as a table of facts about the world.

mod common;

use std::time::Duration;

use common::{ObservationExt, POLL, StoreExt, TIMEOUT, ago, nothing, now, pending, store};
use pretty_assertions::assert_eq;
use rstest::rstest;
use store_core::lifecycle::{
    Blocker, Deleted, Deleting, EndedPhase, Failed, Failure, FailureCode, Gate, ObjectRef, Progress, Ready,
    RemovedVolume, Store, TeardownEvidence, TeardownPhase, VolumeFate,
};
use store_core::ports::{
    CredentialsSeen, ErrorClass, NamespaceSeen, Observation, PendingKind, PortError, ReleaseSeen, SetupReport,
    SetupSeen,
};
use store_core::reconcile::{Action, Change, Limits, Step, decide};

fn next(store: &Store, seen: &Observation) -> Action {
    next_after(store, seen, None)
}

fn next_after(store: &Store, seen: &Observation, last_error: Option<&PortError>) -> Action {
    decide(store, seen, &Limits { now: now(), shared_now: now(), timeout: TIMEOUT, poll_interval: POLL, last_error })
}

fn ready() -> Action {
    Action::Record(Change::Ready(1, SetupReport::default()))
}

#[rstest]
#[case::nothing_was_looked_at(Observation::default(), Action::Look)]
#[case::nothing_is_there(nothing(), Action::Do(Step::EnsureNamespace))]
#[case::namespace(nothing().namespace(), Action::Do(Step::EnsureCredentials))]
#[case::credentials(nothing().namespace().credentials(), Action::Do(Step::Install))]
#[case::objects_of_a_cut_off_helm_are_going(nothing().namespace().credentials().leftovers(2), Action::Wait(Duration::from_secs(1)))]
#[case::helm_was_killed(
    nothing().namespace().credentials().release(pending(PendingKind::Install, &[1], None)),
    Action::Record(Change::StartClearing)
)]
#[case::install_failed_halfway(
    nothing().namespace().credentials().release(ReleaseSeen::Failed { revisions: vec![1] }),
    Action::Record(Change::StartClearing)
)]
#[case::an_upgrade_was_killed(
    nothing().namespace().credentials().release(pending(PendingKind::Upgrade, &[1, 2], Some(1))),
    Action::Do(Step::Rollback(1))
)]
#[case::an_upgrade_was_killed_after_one_that_failed(
    nothing().namespace().credentials().release(pending(PendingKind::Upgrade, &[1, 2, 3], Some(1))),
    Action::Do(Step::Rollback(1))
)]
#[case::an_upgrade_was_killed_and_nothing_ever_worked(
    nothing().namespace().credentials().release(pending(PendingKind::Upgrade, &[1, 2], None)),
    Action::Record(Change::StartClearing)
)]
#[case::an_uninstall_was_killed(
    nothing().namespace().credentials().release(ReleaseSeen::Uninstalling { revisions: vec![1] }),
    Action::Do(Step::Uninstall)
)]
#[case::release_deployed(nothing().deployed(), Action::Wait(POLL))]
#[case::release_not_looked_at(nothing().deployed().release(ReleaseSeen::Unknown), Action::Look)]
#[case::database_ready(nothing().deployed().workloads(true, false), Action::Wait(POLL))]
#[case::all_but_the_storefront(
    nothing().deployed().workloads(true, true).setup(SetupSeen::Initialised),
    Action::Wait(POLL)
)]
#[case::everything_ready(nothing().everything_ready(), ready())]
#[case::namespace_is_going(nothing().everything_ready().terminating(), Action::Wait(POLL))]
fn provisioning(#[case] seen: Observation, #[case] expected: Action) {
    assert_eq!(next(&store(), &seen), expected);
}

#[test]
fn a_store_that_is_queued_asks_for_a_place_first() {
    assert_eq!(next(&store().with(|p| p.admitted = false), &nothing()), Action::Admit);
}

#[test]
fn a_reached_goal_beats_a_deadline() {
    assert_eq!(next(&store().past_budget(), &nothing().everything_ready()), ready());
}

fn failure_of(action: Action) -> Failure {
    match action {
        Action::Record(Change::Fail(failure)) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[rstest]
#[case::image_after_its_grace(nothing().deployed().suspicion(FailureCode::ImagePull, Gate::Application, 60, 1), FailureCode::ImagePull)]
#[case::full_volume(nothing().deployed().suspicion(FailureCode::VolumeFull, Gate::Application, 30, 1), FailureCode::VolumeFull)]
#[case::setup_job_was_removed(nothing().deployed().setup(SetupSeen::Absent), FailureCode::SetupFailed)]
#[case::full_node(nothing().deployed().suspicion(FailureCode::Unschedulable, Gate::Database, 121, 1), FailureCode::Unschedulable)]
#[case::database_keeps_crashing(nothing().deployed().suspicion(FailureCode::CrashLoop, Gate::Database, 61, 3), FailureCode::CrashLoop)]
#[case::setup_gave_up(
    nothing().deployed().setup(SetupSeen::Failed(Failure::new(FailureCode::SetupFailed, "Setup job did not complete", "retry"))),
    FailureCode::SetupFailed
)]
#[case::foreign_namespace(Observation { namespace: NamespaceSeen::Foreign, ..nothing() }, FailureCode::ForeignObject)]
#[case::foreign_secret(Observation { credentials: CredentialsSeen::Foreign, ..nothing().namespace() }, FailureCode::ForeignObject)]
#[case::secret_lost_beside_its_database(nothing().namespace().volume(), FailureCode::CredentialsLost)]
fn fails(#[case] seen: Observation, #[case] expected: FailureCode) {
    assert_eq!(failure_of(next(&store(), &seen)).code, expected);
}

#[rstest]
#[case::image_within_its_grace(nothing().deployed().suspicion(FailureCode::ImagePull, Gate::Application, 50, 1))]
#[case::a_webhook_that_is_down(nothing().deployed().suspicion(FailureCode::WebhookDown, Gate::Database, 3_600, 1))]
#[case::the_server_passes_no_probe_while_the_database_is_not_ready(
    nothing().deployed().suspicion(FailureCode::ProbeFailing, Gate::Application, 3_600, 1)
)]
#[case::a_single_crash(nothing().deployed().suspicion(FailureCode::CrashLoop, Gate::Database, 300, 1))]
#[case::the_server_crashes_while_the_database_is_not_ready(
    nothing().deployed().suspicion(FailureCode::CrashLoop, Gate::Application, 300, 9)
)]
fn does_not_fail(#[case] seen: Observation) {
    assert_eq!(next(&store(), &seen), Action::Wait(POLL));
}

#[test]
fn the_next_look_comes_when_a_grace_ends() {
    let seen = nothing().deployed().suspicion(FailureCode::ImagePull, Gate::Application, 58, 1);
    assert_eq!(next(&store(), &seen), Action::Wait(Duration::from_secs(2)));
}

#[test]
fn the_next_look_comes_when_the_budget_ends() {
    let store = store().with(|p| (p.spent_ms, p.seen_at) = (597_000, Some(ago(1))));
    assert_eq!(next(&store, &nothing().deployed()), Action::Wait(Duration::from_secs(2)));
}

#[test]
fn a_probe_has_its_whole_grace_from_when_the_gates_before_it_were_met() {
    let seen = nothing().deployed().workloads(true, false).setup(SetupSeen::Initialised);
    let seen = seen.suspicion(FailureCode::ProbeFailing, Gate::Application, 3_600, 1);
    let application_since = |seconds| {
        let mut store = store();
        store.gates.advance(6, ago(seconds));
        assert_eq!(store.gates.step(), Some(Gate::Application));
        store
    };
    assert_eq!(next(&application_since(179), &seen), Action::Wait(Duration::from_secs(1)));
    assert_eq!(failure_of(next(&application_since(180), &seen)).code, FailureCode::ProbeFailing);
}

#[test]
fn the_earliest_culprit_is_named() {
    let seen = nothing().deployed().suspicion(FailureCode::ImagePull, Gate::Application, 60, 1).suspicion(
        FailureCode::VolumeClaim,
        Gate::Database,
        61,
        1,
    );
    assert_eq!(failure_of(next(&store(), &seen)).code, FailureCode::VolumeClaim);
}

#[test]
fn a_setup_job_that_failed_because_the_database_could_not_start_blames_the_database() {
    let setup = SetupSeen::Failed(Failure::new(FailureCode::SetupFailed, "Setup job did not complete", "retry"));
    let seen = nothing().deployed().setup(setup).suspicion(FailureCode::ImagePull, Gate::Database, 60, 1);
    assert_eq!(failure_of(next(&store(), &seen)).code, FailureCode::ImagePull);
}

#[test]
fn time_that_runs_out_names_the_gate_and_the_prime_suspect() {
    let seen = nothing().deployed().suspicion(FailureCode::VolumeClaim, Gate::Database, 5, 1);
    let failure = failure_of(next(&store().past_budget(), &seen));
    assert_eq!(failure.code, FailureCode::TimedOut);
    assert!(failure.message.starts_with("Provisioning timed out"), "{}", failure.message);
    assert!(failure.message.contains("\"database\""), "{}", failure.message);
    assert!(failure.reason().contains("Pod server-0"), "{}", failure.reason());
}

#[rstest]
#[case::permanent(ErrorClass::Permanent, Some(FailureCode::ReleaseRefused))]
#[case::conflict(ErrorClass::Conflict, Some(FailureCode::ForeignObject))]
#[case::transient(ErrorClass::Transient, None)]
fn a_refused_action(#[case] class: ErrorClass, #[case] expected: Option<FailureCode>) {
    let error = PortError::new(class, "values do not fit the schema");
    let action = next_after(&store(), &nothing().namespace().credentials(), Some(&error));
    match expected {
        Some(code) => assert_eq!(failure_of(action).code, code),
        None => assert_eq!(action, Action::Do(Step::Install)),
    }
}

#[test]
fn what_the_cluster_shows_beats_what_helm_said() {
    let error = PortError::permanent("it said that it failed");
    assert_eq!(next_after(&store(), &nothing().deployed(), Some(&error)), Action::Wait(POLL));
}

#[rstest]
#[case::release_is_there(nothing().deployed(), Action::Do(Step::Uninstall))]
#[case::pods_are_going(nothing().namespace().credentials().leftovers(1), Action::Wait(Duration::from_secs(1)))]
#[case::nothing_is_left(nothing().namespace().credentials(), Action::Record(Change::Cleared))]
#[case::ready_by_the_attempt_before(nothing().everything_ready(), Action::Do(Step::Uninstall))]
fn a_later_attempt_clears_away_the_one_before(#[case] seen: Observation, #[case] expected: Action) {
    assert_eq!(next(&store().with(|p| p.clearing = true), &seen), expected);
}

fn failed(attempt: u32) -> Store {
    let mut store = store();
    let failure = Failure::new(FailureCode::TimedOut, "late", "retry");
    store.progress = Progress::Failed(Failed { attempt, failure, at: now() });
    store
}

#[test]
fn a_failed_store_rests_until_another_attempt_is_wanted() {
    let mut store = failed(1);
    assert_eq!(next(&store, &nothing()), Action::Rest);
    store.intent.attempt = 2;
    assert_eq!(next(&store, &nothing()), Action::Record(Change::BeginAttempt(2)));
}

#[test]
fn a_ready_store_is_left_alone_whatever_is_seen() {
    let mut store = store();
    store.progress = Progress::Ready(Ready { attempt: 1, revision: 1, at: now() });
    for seen in [nothing(), nothing().deployed(), nothing().everything_ready(), Observation::default()] {
        assert_eq!(next(&store, &seen), Action::Rest);
    }
}

fn evidence() -> TeardownEvidence {
    let (name, claim, reclaim_policy) = ("pv-1".into(), "data-database-0".into(), Some("Delete".into()));
    let volume = RemovedVolume { name, claim, reclaim_policy, fate: VolumeFate::Deleted };
    TeardownEvidence {
        namespace_uid: Some("uid-1".into()),
        release_revisions: vec![1],
        workloads: vec![ObjectRef::new("StatefulSet", "database"), ObjectRef::new("Deployment", "server")],
        volumes: vec![volume],
        phases: Vec::new(),
    }
}

fn deleting(since: u64, uninstall_tried: bool) -> Store {
    let mut store = store().wanted_gone();
    store.progress = Progress::Deleting(Deleting {
        since: ago(since),
        evidence: evidence(),
        uninstall_tried,
        blocker: None,
        errors_in_a_row: 0,
    });
    store
}

#[test]
fn a_teardown_begins_by_writing_down_what_there_is() {
    let seen = nothing().everything_ready().volume();
    assert_eq!(next(&store().wanted_gone(), &seen), Action::Record(Change::BeginTeardown(evidence())));
    assert_eq!(next(&failed(1).wanted_gone(), &seen), Action::Record(Change::BeginTeardown(evidence())));
}

#[rstest]
#[case::release_there(deleting(1, false), nothing().deployed(), Action::Do(Step::Uninstall))]
#[case::uninstall_was_tried(deleting(1, true), nothing().deployed(), Action::Do(Step::DeleteNamespace("uid-1".into())))]
#[case::no_release(deleting(1, false), nothing().namespace(), Action::Do(Step::DeleteNamespace("uid-1".into())))]
#[case::namespace_going(deleting(1, true), nothing().terminating(), Action::Wait(POLL))]
#[case::volume_going(deleting(1, true), nothing().volume(), Action::Wait(Duration::from_secs(1)))]
#[case::all_gone(deleting(1, true), nothing(), Action::Record(Change::Deleted))]
#[case::name_taken_by_somebody_else(
    deleting(1, true),
    Observation { namespace: NamespaceSeen::Foreign, ..nothing() },
    Action::Record(Change::Deleted)
)]
fn tearing_down(#[case] store: Store, #[case] seen: Observation, #[case] expected: Action) {
    assert_eq!(next(&store, &seen), expected);
}

#[test]
fn a_teardown_that_is_held_up_names_what_holds_it_up_once_and_goes_on_trying() {
    let blocker = Blocker { message: "finalizer example.com/hold".into(), object: None, hint: "remove it".into() };
    let mut seen = nothing();
    seen.namespace = NamespaceSeen::Terminating { uid: "uid-1".into(), blocker: Some(blocker.clone()) };
    assert_eq!(next(&deleting(50, true), &seen), Action::Wait(POLL));
    assert_eq!(next(&deleting(59, true), &seen), Action::Wait(Duration::from_secs(1)), "it is told in time");
    let mut store = deleting(61, true);
    let named = Action::Record(Change::Blocked(Some(blocker.clone())));
    assert_eq!(next(&store, &seen), named);
    // Whoever looks may have a clock of its own.
    let an_hour_behind =
        Limits { now: ago(3_600), shared_now: now(), timeout: TIMEOUT, poll_interval: POLL, last_error: None };
    assert_eq!(decide(&store, &seen, &an_hour_behind), named);
    if let Progress::Deleting(deleting) = &mut store.progress {
        deleting.blocker = Some(blocker);
    }
    assert_eq!(next(&store, &seen), Action::Wait(POLL));
    seen.namespace = NamespaceSeen::Terminating { uid: "uid-1".into(), blocker: None };
    assert_eq!(
        next(&store, &seen),
        Action::Record(Change::Blocked(None)),
        "what holds it up no more is not named any more"
    );
}

#[test]
fn each_phase_of_a_teardown_is_timed_once() {
    let mut store = deleting(60, false);
    let Progress::Deleting(deleting) = &mut store.progress else { panic!() };
    assert!(deleting.ends(TeardownPhase::Release, ago(50)));
    assert!(!deleting.ends(TeardownPhase::Release, ago(45)));
    assert!(deleting.ends(TeardownPhase::Namespace, ago(40)));
    let Ok(Progress::Deleted(deleted)) = store.progress.finish_teardown(ago(30)) else { panic!() };
    let took = |ended: &EndedPhase| (ended.phase.as_str(), ended.ended_at.duration_since(ended.started_at).as_secs());
    let phases: Vec<_> = deleted.evidence.phases.iter().map(took).collect();
    assert_eq!(phases, [("release", 10), ("namespace", 10), ("volumes", 10)]);
}

#[rstest]
#[case::nothing_came_late(nothing(), Action::Record(Change::LookedAgain))]
#[case::a_namespace_came_late(nothing().namespace(), Action::Do(Step::DeleteNamespace("uid-1".into())))]
#[case::it_is_going(nothing().terminating(), Action::Wait(Duration::from_secs(5)))]
fn a_tombstone_is_looked_at_once_more(#[case] seen: Observation, #[case] expected: Action) {
    let mut store = store().wanted_gone();
    let deleted = |looked_again| Progress::Deleted(Deleted { at: now(), evidence: evidence(), looked_again });
    store.progress = deleted(false);
    assert_eq!(next(&store, &seen), expected);
    store.progress = deleted(true);
    assert_eq!(next(&store, &seen), Action::Rest);
}
