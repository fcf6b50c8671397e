//! What the reconciler and the service do together, on a simulated cluster and in simulated time.

mod common;

use std::time::Duration;

use common::world::{PASSWORD, World, request};
use pretty_assertions::assert_eq;
use store_core::lifecycle::{EventKind, FailureCode, Gate, Status};
use store_core::ports::{ActionKind, ErrorClass, ListQuery, PortError, StoreRepository};
use store_core::reconcile::Scope;
use store_core::service::{RetryStore, ServiceError, StoreRef};
use store_core::store::StoreId;

fn id(text: &str) -> StoreId {
    StoreId::parse(text).expect("an id")
}

fn by_id(text: &str) -> StoreRef {
    StoreRef::Id(id(text))
}

#[tokio::test(start_paused = true)]
async fn a_store_becomes_ready_gate_by_gate_and_is_gone_after_its_deletion() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    assert_eq!((store.status, store.step), (Status::Provisioning, Some(Gate::Queued)));

    let store = world.until(&store.id, Status::Ready).await;
    let took = store.ready_at.expect("a time").duration_since(store.created_at);
    // Four milestones of 3 s and a Helm of 0.3 s; nothing may have waited for a timer.
    assert!(took.as_millis() < 12_500, "{took:?}");
    assert!(store.gates.iter().all(|gate| gate.started_at.is_some() && gate.ended_at.is_some()), "{:#?}", store.gates);
    assert_eq!(store.condition.as_deref(), Some("healthy"));
    assert!(store.details["publishable_api_key"].starts_with("pk_"));
    let installs = world.cluster.runs().iter().filter(|(_, kind)| *kind == ActionKind::Install).count();
    assert_eq!(installs, 1);

    let events = world.service.events(&by_id(&store.id), 0, 100).await.expect("history");
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds.first(), Some(&EventKind::Created));
    assert_eq!(kinds.last(), Some(&EventKind::Ready));
    assert!(events.is_sorted_by_key(|event| event.position));

    let answer = world.service.delete(&by_id(&store.id), None).await.expect("accepted");
    assert_eq!(answer.status, Status::Deleting);
    let store = world.until(&store.id, Status::Deleted).await;
    assert_eq!(world.cluster.stores(), []);
    let evidence = store.teardown.expect("evidence");
    assert_eq!((evidence.release_revisions, evidence.volumes.len()), (vec![1], 1));
    world.create("demo").await;
    reconciler.shutdown(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn the_admin_password_is_in_the_secret_and_no_longer_in_the_database() {
    let world = World::new();
    let store = world.create("demo").await;
    assert!(world.repository.sealed_password(&id(&store.id)).await.expect("read").is_some());
    let _reconciler = world.start();
    world.until(&store.id, Status::Ready).await;
    let secret = world.cluster.secret(&id(&store.id)).expect("a Secret");
    assert_eq!(secret["admin-password"], PASSWORD);
    assert_eq!(secret["database-password"].len(), 32);
    assert!(world.repository.sealed_password(&id(&store.id)).await.expect("read").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_image_that_cannot_be_pulled_fails_the_store_and_a_retry_brings_it_up() {
    let world = World::new();
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.cluster.set_image_broken(&id(&store.id), true);
    let failed = world.until(&store.id, Status::Failed).await;
    assert_eq!(failed.failure.as_ref().map(|failure| failure.code), Some(FailureCode::ImagePull));
    assert!(failed.failure_reason.expect("a reason").contains("Pod server"));
    assert!(world.repository.sealed_password(&id(&store.id)).await.expect("read").is_none());

    let secret = world.cluster.secret(&id(&store.id));
    world.cluster.set_image_broken(&id(&store.id), false);
    let answer = world.service.retry(&by_id(&store.id), RetryStore::default(), None).await.expect("accepted");
    assert_eq!((answer.status, answer.attempt), (Status::Provisioning, 2));
    let store = world.until(&store.id, Status::Ready).await;
    assert_eq!(store.attempt, 2);
    assert_eq!(world.cluster.secret(&id(&store.id)), secret, "the Secret of the first attempt stays");
    let kinds: Vec<_> = world.cluster.runs().into_iter().map(|(_, kind)| kind).collect();
    let helm: Vec<_> = kinds.into_iter().filter(|kind| kind.starts_process()).collect();
    assert_eq!(helm, [ActionKind::Install, ActionKind::Uninstall, ActionKind::Install]);
}

#[tokio::test(start_paused = true)]
async fn only_a_failed_store_can_be_retried() {
    let world = World::new();
    let store = world.create("demo").await;
    let refused = world.service.retry(&by_id(&store.id), RetryStore::default(), None).await;
    assert!(matches!(refused, Err(ServiceError::WrongStatus { status: Status::Provisioning })), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn transient_errors_are_tried_again_and_permanent_ones_fail_at_once() {
    let world = World::new();
    for _ in 0..3 {
        world.cluster.plan_error(ActionKind::Install, PortError::transient("connection refused"));
    }
    let _reconciler = world.start();
    let store = world.create("patient").await;
    world.until(&store.id, Status::Ready).await;

    world.cluster.plan_error(ActionKind::Install, PortError::permanent("values do not fit the schema"));
    let store = world.create("broken").await;
    let failed = world.until(&store.id, Status::Failed).await;
    let failure = failed.failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::ReleaseRefused);
    assert_eq!(failure.event.as_deref(), Some("values do not fit the schema"));
}

#[tokio::test(start_paused = true)]
async fn an_action_that_always_fails_spends_the_budget_and_does_not_fill_the_history() {
    let world = World::with(|settings| settings.timeout = Duration::from_mins(5));
    for _ in 0..500 {
        world.cluster.plan_error(ActionKind::Install, PortError::transient("the webhook does not answer"));
    }
    let _reconciler = world.start();
    let store = world.create("demo").await;
    let failed = world.until(&store.id, Status::Failed).await;
    let failure = failed.failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::TimedOut);
    assert_eq!(failure.event.as_deref(), Some("the webhook does not answer"));
    let took = failed.updated_at.duration_since(failed.created_at).as_secs();
    assert!((300..=340).contains(&took), "{took} s");
    let events = world.service.events(&by_id(&store.id), 0, 100).await.expect("history");
    let told = events.iter().filter(|event| event.kind == EventKind::ActionFailed).count();
    assert!((4..=6).contains(&told), "{told} events for more than ten failures");
}

#[tokio::test(start_paused = true)]
async fn a_retry_after_a_refusal_is_judged_by_its_own_evidence() {
    let world = World::new();
    world.cluster.plan_error(ActionKind::Install, PortError::permanent("values do not fit the schema"));
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.until(&store.id, Status::Failed).await;
    world.service.retry(&by_id(&store.id), RetryStore::default(), None).await.expect("accepted");
    world.until(&store.id, Status::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_process_remembers_of_an_earlier_attempt_fails_no_later_one() {
    let world = World::new();
    world.cluster.plan_error(ActionKind::Install, PortError::permanent("values do not fit the schema"));
    let first = world.start();
    let store = world.create("demo").await;
    world.until(&store.id, Status::Failed).await;
    first.shutdown(Duration::from_secs(1)).await;

    // Another process begins the second attempt, and leaves the rest of it to the first.
    for _ in 0..10 {
        world.cluster.plan_error(ActionKind::Install, PortError::transient("connection refused"));
    }
    world.service.retry(&by_id(&store.id), RetryStore::default(), None).await.expect("accepted");
    let second = world.another("second").start(Scope::All);
    world.until_that(&store.id, |store| store.step == Some(Gate::Release)).await;
    second.shutdown(Duration::from_secs(1)).await;
    let _first = world.start();
    let settled = world.until_that(&store.id, |store| store.status != Status::Provisioning).await;
    assert_eq!((settled.status, settled.attempt), (Status::Ready, 2), "{:?}", settled.failure_reason);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_the_platform_lacks_parks_the_store_and_costs_it_no_time() {
    let world = World::with(|settings| settings.timeout = Duration::from_mins(5));
    for _ in 0..100 {
        let error = PortError::new(ErrorClass::Denied, "cannot create services: not allowed");
        world.cluster.plan_error(ActionKind::Install, error);
    }
    let _reconciler = world.start();
    let store = world.create("demo").await;
    let parked = world.until_that(&store.id, |store| store.parked.is_some()).await;
    assert_eq!(parked.parked.as_deref(), Some("cannot create services: not allowed"));
    world.clock.sleep(Duration::from_mins(20)).await;
    let waiting = world.get(&store.id).await;
    assert_eq!(waiting.status, Status::Provisioning, "{:?}", waiting.failure_reason);
    assert_eq!(waiting.parked, parked.parked);
    let ready = world.until(&store.id, Status::Ready).await;
    assert_eq!((ready.attempt, ready.parked), (1, None));
}

#[tokio::test(start_paused = true)]
async fn a_new_admin_password_is_only_taken_where_the_old_one_is_lost() {
    let world = World::new();
    world.cluster.plan_error(ActionKind::Install, PortError::permanent("values do not fit the schema"));
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.until(&store.id, Status::Failed).await;
    let request = RetryStore { admin_password: Some("another-password".into()) };
    // Asked for again because the first answer was lost, the answer is that of any other retry.
    let ready = world.create("ready").await;
    world.until(&ready.id, Status::Ready).await;
    let refused = world.service.retry(&by_id(&ready.id), request.clone(), None).await;
    assert!(matches!(refused, Err(ServiceError::WrongStatus { status: Status::Ready })), "{refused:?}");
    let refused = world.service.retry(&by_id(&store.id), request, None).await;
    assert!(
        matches!(&refused, Err(ServiceError::Invalid(errors)) if errors[0].field == "admin_password"),
        "{refused:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn one_store_that_is_worked_on_alone_does_not_wait_for_the_others() {
    let world = World::with(|settings| settings.max_in_progress = 1);
    world.create("older").await;
    world.clock.sleep(Duration::from_millis(1)).await;
    let store = world.create("mine").await;
    let _reconciler = world.service.start(Scope::Only(id(&store.id)));
    world.until(&store.id, Status::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_is_bound_after_the_teardown_began_is_waited_for_and_told() {
    let world = World::new();
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.until_that(&store.id, |store| store.step == Some(Gate::Database)).await;
    let goes_at = world.clock.now() + Duration::from_secs(90);
    world.cluster.bind_late_volume(&id(&store.id), goes_at);
    world.service.delete(&by_id(&store.id), None).await.expect("accepted");
    let gone = world.until(&store.id, Status::Deleted).await;
    assert!(gone.deleted_at.expect("a time") >= goes_at, "it was gone before its volume was");
    assert_eq!(gone.teardown.expect("evidence").volumes.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_a_shutdown_nothing_begins_and_what_ran_too_long_is_cut_off() {
    let world = World::with_slow_helm(Duration::from_mins(1));
    let reconciler = world.start();
    let store = world.create("demo").await;
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::Install) {
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    let runs = world.cluster.runs().len();
    assert!(!reconciler.shutdown(Duration::from_secs(5)).await, "Helm takes longer than the grace period");
    world.clock.sleep(Duration::from_mins(5)).await;
    assert_eq!(world.cluster.runs().len(), runs);
    let _reconciler = world.another("second").start(Scope::All);
    world.until(&store.id, Status::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_worker_does_not_begin_when_a_shutdown_makes_room() {
    let world = World::with(|settings| settings.max_workers = 1);
    let mut stores = Vec::new();
    for name in ["one", "two", "three"] {
        stores.push(world.create(name).await);
    }
    // All at once: while the first is installed, the others wait for its place.
    let reconciler = world.start();
    let installs = || world.cluster.runs().iter().filter(|(_, kind)| *kind == ActionKind::Install).count();
    while installs() == 0 {
        world.clock.sleep(Duration::from_millis(10)).await;
    }
    let begun = world.cluster.runs();
    assert!(reconciler.shutdown(Duration::from_secs(20)).await, "the installation ends within the grace period");
    assert_eq!(world.cluster.runs(), begun);
    let successor = world.another("second");
    let _reconciler = successor.start(Scope::All);
    for store in stores {
        world.until(&store.id, Status::Ready).await;
    }
    assert_eq!(installs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_stops_an_installation_that_runs() {
    let world = World::new();
    let _reconciler = world.start();
    let store = world.create("demo").await;
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::Install) {
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    world.service.delete(&by_id(&store.id), None).await.expect("accepted");
    let store = world.until(&store.id, Status::Deleted).await;
    assert!(store.ready_at.is_none());
    assert_eq!(world.cluster.stores(), []);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_by_another_process_stops_an_installation_at_once() {
    let world = World::with_slow_helm(Duration::from_mins(1));
    let _reconciler = world.start();
    let store = world.create("demo").await;
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::Install) {
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    // It runs in another process, so it stops nothing here; the database tells of it.
    let before = world.clock.now();
    world.another("second").delete(&by_id(&store.id), None).await.expect("accepted");
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::DeleteNamespace) {
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    let took = world.clock.now().duration_since(before);
    assert!(took.as_millis() < 100, "it waited for a timer: {took:?}");
    world.until(&store.id, Status::Deleted).await;
}

#[tokio::test(start_paused = true)]
async fn time_in_which_the_cluster_is_away_is_not_counted_while_helm_waits_for_it_either() {
    let (helm, away) = (Duration::from_secs(90), Duration::from_secs(75));
    let world = World::build(helm, |settings| settings.timeout = Duration::from_mins(1));
    let _reconciler = world.start();
    let store = world.create("demo").await;
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::Install) {
        world.clock.sleep(Duration::from_millis(10)).await;
    }
    world.cluster.set_reachable(false);
    world.clock.sleep(away).await;
    world.cluster.set_reachable(true);
    world.until(&store.id, Status::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn what_looked_wrong_before_the_cluster_was_away_has_its_whole_grace_after() {
    let world = World::new();
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.cluster.set_image_broken(&id(&store.id), true);
    world.until_that(&store.id, |store| store.step == Some(Gate::Setup)).await;
    world.cluster.set_reachable(false);
    world.clock.sleep(Duration::from_mins(2)).await;
    world.cluster.set_reachable(true);
    world.clock.sleep(Duration::from_secs(10)).await;
    world.cluster.set_image_broken(&id(&store.id), false);
    let ready = world.until_that(&store.id, |store| store.status != Status::Provisioning).await;
    assert_eq!(ready.status, Status::Ready, "{:?}", ready.failure_reason);
}

#[tokio::test(start_paused = true)]
async fn time_in_which_the_cluster_is_away_is_not_counted_and_no_store_fails_for_it() {
    let world = World::with(|settings| settings.timeout = Duration::from_mins(1));
    let _reconciler = world.start();
    let store = world.create("demo").await;
    world.until_that(&store.id, |store| store.step == Some(Gate::Database)).await;
    world.cluster.set_reachable(false);
    world.clock.sleep(Duration::from_mins(10)).await;
    let parked = world.get(&store.id).await;
    assert_eq!(parked.status, Status::Provisioning);
    assert!(parked.parked.expect("a reason").contains("cannot be reached"));
    world.cluster.set_reachable(true);
    world.until(&store.id, Status::Ready).await;
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_spent_fails_the_store_and_names_the_gate() {
    let world = World::with(|settings| settings.timeout = Duration::from_secs(20));
    world.cluster.set_reachable(true);
    let _reconciler = world.start();
    let store = world.create("demo").await;
    // Broken, but its grace (30 s) is longer than the budget.
    world.cluster.set_image_broken(&id(&store.id), true);
    let failed = world.until(&store.id, Status::Failed).await;
    let failure = failed.failure.expect("a failure");
    assert_eq!(failure.code, FailureCode::TimedOut);
    assert!(failure.event.expect("the suspect").contains("image"), "the prime suspect is named");
}

#[tokio::test(start_paused = true)]
async fn another_cluster_parks_everything_and_nothing_is_touched() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    world.until(&store.id, Status::Ready).await;
    reconciler.shutdown(Duration::from_secs(1)).await;
    let runs = world.cluster.runs().len();

    world.cluster.set_uid("another-cluster");
    let service = world.another("second");
    let _reconciler = service.start(Scope::All);
    service.delete(&by_id(&store.id), None).await.expect("an intent is always accepted");
    world.clock.sleep(Duration::from_mins(2)).await;
    let parked = service.get(&by_id(&store.id)).await.expect("reads go on");
    assert_eq!(parked.status, Status::Deleting);
    assert!(parked.parked.expect("a reason").contains("another-cluster"));
    assert_eq!(world.cluster.runs().len(), runs);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_is_succeeded_and_the_release_is_installed_once() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    world.until_that(&store.id, |store| store.step == Some(Gate::Database)).await;
    drop(reconciler);
    let service = world.another("second");
    let _reconciler = service.start(Scope::All);
    world.until(&store.id, Status::Ready).await;
    let installs = world.cluster.runs().iter().filter(|(_, kind)| *kind == ActionKind::Install).count();
    assert_eq!(installs, 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_killed_helm_left_is_cleared_away_and_installed_again() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    world.until_that(&store.id, |store| store.step == Some(Gate::Database)).await;
    drop(reconciler);
    world.cluster.leave_pending_install(&id(&store.id));
    let _reconciler = world.another("second").start(Scope::All);
    world.until(&store.id, Status::Ready).await;
    let events = world.service.events(&by_id(&store.id), 0, 100).await.expect("history");
    assert!(events.iter().any(|event| event.kind == EventKind::Recovering));
}

#[tokio::test(start_paused = true)]
async fn no_more_stores_than_allowed_are_brought_up_at_once_and_the_others_know_their_place() {
    let world = World::with(|settings| settings.max_in_progress = 2);
    let _reconciler = world.start();
    let mut ids = Vec::new();
    for number in 0..5 {
        ids.push(world.create(&format!("shop-{number}")).await.id);
        world.clock.sleep(Duration::from_millis(1)).await;
    }
    world.until_that(&ids[0], |store| store.step == Some(Gate::Database)).await;
    let last = world.get(&ids[4]).await;
    assert_eq!((last.step, last.queue_position), (Some(Gate::Queued), Some(3)));
    for id in &ids {
        world.until(id, Status::Ready).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_secret_is_named_and_a_new_admin_password_does_not_replace_the_database_password() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    world.until_that(&store.id, |store| store.step == Some(Gate::Setup)).await;
    drop(reconciler);
    world.cluster.remove_secret(&id(&store.id));
    let _reconciler = world.another("second").start(Scope::All);
    let failed = world.until(&store.id, Status::Failed).await;
    assert_eq!(failed.failure.expect("a failure").code, FailureCode::CredentialsLost);
}

#[tokio::test(start_paused = true)]
async fn a_name_is_taken_until_its_store_is_gone_and_one_key_gives_one_store() {
    let world = World::new();
    let first = world.service.create(request("demo"), Some("key-1")).await.expect("accepted");
    let again = world.service.create(request("demo"), Some("key-1")).await.expect("replayed");
    assert_eq!((first.replayed, again.replayed, &again.store.id), (false, true, &first.store.id));
    let taken = world.service.create(request("demo"), None).await;
    assert!(
        matches!(&taken, Err(ServiceError::NameTaken { existing, .. }) if existing.as_str() == first.store.id),
        "{taken:?}"
    );
    let reused = world.service.create(request("other"), Some("key-1")).await;
    assert!(matches!(reused, Err(ServiceError::KeyReused)), "{reused:?}");
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_missing_or_wrong_is_named_at_once() {
    let world = World::new();
    let mut wrong = request("x");
    wrong.admin_email = None;
    wrong.admin_password = Some("short".into());
    wrong.engine = Some("shopify".to_owned());
    let Err(ServiceError::Invalid(errors)) = world.service.create(wrong, None).await else { panic!("not refused") };
    let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["name", "engine", "admin_email", "admin_password"]);
    assert!(!format!("{errors:?}").contains("short"), "a password is never repeated");
    assert_eq!(world.service.list(&ListQuery::default()).await.expect("a list").stores, []);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_in_the_cluster_is_named_and_nothing_foreign_is_touched() {
    let world = World::new();
    let store = world.create("demo").await;
    world.cluster.occupy_namespace(&id(&store.id));
    let _reconciler = world.start();
    let failed = world.until(&store.id, Status::Failed).await;
    assert_eq!(failed.failure.expect("a failure").code, FailureCode::ForeignObject);
    world.service.delete(&by_id(&store.id), None).await.expect("accepted");
    world.until(&store.id, Status::Deleted).await;
    assert_eq!(world.cluster.stores(), [id(&store.id)], "the foreign namespace is still there");
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_running_actions_end_and_the_next_run_goes_on() {
    let world = World::new();
    let reconciler = world.start();
    let store = world.create("demo").await;
    while !world.cluster.runs().iter().any(|(_, kind)| *kind == ActionKind::Install) {
        world.clock.sleep(Duration::from_millis(5)).await;
    }
    assert!(reconciler.shutdown(Duration::from_secs(20)).await, "the installation ends within the grace period");
    assert_eq!(world.get(&store.id).await.status, Status::Provisioning);
    let _reconciler = world.another("second").start(Scope::All);
    world.until(&store.id, Status::Ready).await;
}
