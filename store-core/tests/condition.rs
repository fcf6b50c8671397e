//! How a READY store is doing: what of it is shown, and what an operator is told to do.

mod common;

use common::world::World;
use common::{ObservationExt, StoreExt as _, ago, nothing, now, store};
use rstest::rstest;
use store_core::lifecycle::{Condition, Failure, FailureCode, Gate, Progress, Ready, Status, Store};
use store_core::ports::{NamespaceSeen, Observation};
use store_core::reconcile::condition;
use store_core::store::{Component, StoreId};

fn ready() -> Store {
    let mut store = store().with(|_| {});
    store.progress = Progress::Ready(Ready { attempt: 1, revision: 1, at: ago(600) });
    store
}

/// A shop whose server has not been ready for this long.
fn server_down_for(seconds: u64) -> Observation {
    let mut seen = nothing().everything_ready();
    for workload in seen.workloads.iter_mut().filter(|workload| workload.component == Component::Server) {
        (workload.ready, workload.since) = (false, ago(seconds));
    }
    seen
}

fn degraded(seen: &Observation) -> Failure {
    match condition(&ready(), seen, now()) {
        Condition::Degraded(failure) => failure,
        other => panic!("expected a degraded store, got {other:?}"),
    }
}

#[rstest]
#[case::all_is_well(nothing().everything_ready())]
#[case::one_probe_was_missed(server_down_for(1))]
#[case::a_setup_job_that_somebody_ran_again_says_nothing_of_the_shop(
    nothing().everything_ready().suspicion(FailureCode::CrashLoop, Gate::Setup, 600, 9)
)]
fn healthy(#[case] seen: Observation) {
    assert_eq!(condition(&ready(), &seen, now()), Condition::Healthy);
}

#[test]
fn what_is_not_ready_for_a_while_is_named() {
    let failure = degraded(&server_down_for(60));
    assert_eq!(failure.code, FailureCode::NotReady);
    assert_eq!(failure.object.expect("an object").name, "server");
}

#[test]
fn a_webhook_that_keeps_pods_away_is_the_culprit_of_a_ready_store_although_it_fails_none() {
    let seen = server_down_for(60).suspicion(FailureCode::WebhookDown, Gate::Application, 60, 1);
    assert_eq!(degraded(&seen).code, FailureCode::WebhookDown);
    assert_eq!(
        condition(
            &ready(),
            &nothing().everything_ready().suspicion(FailureCode::WebhookDown, Gate::Application, 60, 1),
            now()
        ),
        Condition::Healthy,
        "the pods that are there serve"
    );
}

#[test]
fn a_namespace_that_is_gone_cannot_be_rolled_back_to() {
    let mut seen = nothing().everything_ready();
    seen.namespace = NamespaceSeen::Absent;
    let failure = degraded(&seen);
    assert_eq!((failure.code, failure.object.expect("an object").kind.as_str()), (FailureCode::Drift, "Namespace"));
    assert!(!failure.hint.contains("rollback") && failure.hint.contains("create it again"), "{}", failure.hint);
}

#[tokio::test(start_paused = true)]
async fn a_condition_goes_degraded_and_back_without_a_write() {
    let world = World::new();
    let _reconciler = world.start();
    let store = world.create("demo").await;
    let ready = world.until(&store.id, Status::Ready).await;
    let id = StoreId::parse(&store.id).expect("an id");
    world.cluster.set_image_broken(&id, true);
    let degraded = world.until_that(&store.id, |store| store.condition.as_deref() == Some("degraded")).await;
    assert_eq!((degraded.status, degraded.version), (Status::Ready, ready.version));
    world.cluster.set_image_broken(&id, false);
    world.until_that(&store.id, |store| store.condition.as_deref() == Some("healthy")).await;
}
