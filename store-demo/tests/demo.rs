//! What the demo shows, in paused time.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use store_core::StoreService;
use store_core::lifecycle::{FailureCode, Status};
use store_core::ports::{ListQuery, LogRequest};
use store_core::reconcile::ReconcilerSettings;
use store_core::service::{CreateStore, RetryStore, ServiceSettings, StoreDocument, StoreRef};
use store_core::store::{Component, PublicUrlTemplate};
use store_core::testing::{SeededEntropy, TestClock};
use store_demo::{Demo, DemoParts};
use tokio::time::{Instant, sleep, timeout};

async fn demo(stores: usize) -> Demo {
    let template = PublicUrlTemplate::parse("http://{name}.localhost:5000").unwrap();
    let settings = ServiceSettings::new(template, ReconcilerSettings::new("demo"));
    let (clock, entropy) = (Arc::new(TestClock::new()), Arc::new(SeededEntropy::new(1)));
    Demo::start(DemoParts { clock, entropy, settings, stores }).await.unwrap()
}

async fn create(service: &StoreService, name: &str) {
    let request = CreateStore {
        name: Some(name.to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some("correct horse".to_owned().into()),
        plan: None,
    };
    service.create(request, None).await.unwrap();
}

/// The store, once it is as wanted.
async fn until(service: &StoreService, which: &StoreRef, wanted: impl Fn(&StoreDocument) -> bool) -> StoreDocument {
    let began = Instant::now();
    loop {
        let store = service.get(which).await.unwrap();
        if wanted(&store) {
            return store;
        }
        assert!(began.elapsed() < Duration::from_mins(10), "{store:?}");
        sleep(Duration::from_millis(100)).await;
    }
}

fn named(name: &str) -> StoreRef {
    StoreRef::parse(name).unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_begins_with_a_store_of_each_kind() {
    let demo = demo(0).await;
    let list = demo.service().list(&ListQuery::default()).await.unwrap();
    let statuses: Vec<_> = list.stores.iter().map(|store| store.status).collect();
    for status in [Status::Ready, Status::Failed, Status::Provisioning, Status::Deleting] {
        assert!(statuses.contains(&status), "{status} is not among {statuses:?}");
    }
    let degraded = until(demo.service(), &named("degraded-bikes"), |store| store.degraded.is_some()).await;
    assert_eq!(degraded.degraded.unwrap().failure.code, FailureCode::CrashLoop);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_degrades_is_told_of() {
    let demo = demo(0).await;
    create(demo.service(), "degraded-garden").await;
    let store = until(demo.service(), &named("degraded-garden"), |store| store.status == Status::Ready).await;
    assert_eq!(store.condition.as_deref(), Some("healthy"));
    let mut changes = demo.service().cluster_changes();
    let id = timeout(Duration::from_mins(1), changes.next()).await.unwrap().unwrap();
    assert_eq!(id.as_str(), store.id);
    let outlook = demo.service().condition(&id).await.unwrap().unwrap();
    let next = outlook.next_verdict.expect("it is not believed at once");
    assert_eq!((outlook.condition.condition.as_str(), next), ("healthy", Duration::from_secs(2)));
    sleep(next).await;
    let outlook = demo.service().condition(&id).await.unwrap().unwrap();
    assert_eq!(outlook.condition.condition, "degraded");
}

#[tokio::test(start_paused = true)]
async fn a_store_becomes_ready_gate_by_gate_while_one_can_watch() {
    let demo = demo(0).await;
    let began = Instant::now();
    create(demo.service(), "garden").await;
    let store = until(demo.service(), &named("garden"), |store| store.status == Status::Ready).await;
    let took = began.elapsed();
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(25), "{took:?}");
    let ends: Vec<_> = store.gates.iter().map(|gate| gate.ended_at.unwrap()).collect();
    assert!(ends.is_sorted() && ends.first() < ends.last());
    assert!(store.details.contains_key("publishable_api_key"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_to_fail_says_why_and_succeeds_when_retried() {
    let demo = demo(0).await;
    create(demo.service(), "may-fail").await;
    for which in [named("may-fail"), named("fail-flowers")] {
        let failed = until(demo.service(), &which, |store| store.status == Status::Failed).await;
        let failure = failed.failure.unwrap();
        assert_eq!(failure.code, FailureCode::SetupFailed);
        assert_eq!(failure.object.unwrap().kind, "Job");
        assert!(!failure.hint.is_empty());
        demo.service().retry(&which, RetryStore::default(), None).await.unwrap();
        let ready = until(demo.service(), &which, |store| store.status == Status::Ready).await;
        assert_eq!(ready.attempt, 2);
    }
}

/// With the error that its store names, and nothing after it, however long that is ago.
#[tokio::test(start_paused = true)]
async fn the_log_of_a_setup_that_failed_ends_with_its_error() {
    let demo = demo(0).await;
    let request = LogRequest::of(Component::Setup).following(true);
    let lines = demo.service().logs(&named("fail-flowers"), request).await.unwrap();
    let lines: Vec<_> = timeout(Duration::from_mins(10), lines.collect()).await.expect("its end");
    let last = lines.last().unwrap().as_ref().unwrap();
    let store = demo.service().get(&named("fail-flowers")).await.unwrap();
    let said = "Error: the sample products could not be imported: connection reset by peer";
    assert!(store.failure_reason.unwrap().contains(said) && last.ends_with(said), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_teardown_that_is_stuck_names_its_blocker_and_ends() {
    let demo = demo(0).await;
    let id = demo.service().get(&named("stuck-toys")).await.unwrap().id;
    let blocked = until(demo.service(), &named(&id), |store| store.blocker.is_some()).await;
    assert_eq!(blocked.blocker.unwrap().object.unwrap().kind, "PersistentVolumeClaim");
    let gone = until(demo.service(), &named(&id), |store| store.status == Status::Deleted).await;
    assert_eq!(gone.teardown.unwrap().volumes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_holds_many_stores() {
    let demo = demo(10_000).await;
    let mut query = ListQuery { statuses: vec![Status::Ready], ..ListQuery::default() };
    let mut names = std::collections::BTreeSet::new();
    loop {
        let page = demo.service().list(&query).await.unwrap();
        names.extend(page.stores.into_iter().map(|store| store.name));
        let Some(token) = page.next_page_token else { break };
        query.after = Some(token);
    }
    assert!(names.len() > 10_000, "{}", names.len());
    let last = named("shop-10000");
    until(demo.service(), &last, |store| store.condition.as_deref() == Some("healthy")).await;
    let events = demo.service().events(&last, 0, 10).await.unwrap();
    assert_eq!(events.len(), 2);
}
