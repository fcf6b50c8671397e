//! How READY stores are doing, as the stream of changes tells it. Time is simulated.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use common::Api;
use common::stream::{Message, Reader};
use pretty_assertions::assert_eq;
use serde_json::{Value, json};
use store_core::reconcile::Reconciler;
use store_core::store::StoreId;
use tokio::time::{Instant, sleep, timeout};

/// What makes a store unhealthy has been seen for long enough to be believed at once.
const SETTLED: Duration = Duration::from_mins(10);

/// An API with a READY store.
async fn with_store() -> (Api, Reconciler, StoreId) {
    let api = Api::new();
    let reconciler = api.start();
    let id = api.create("mystore").await;
    api.until(&id, "READY").await;
    (api, reconciler, StoreId::parse(&id).unwrap())
}

/// The next message, which comes soon and is of a condition.
async fn condition(reader: &mut Reader) -> Value {
    let Message { id, event, data } = timeout(Duration::from_mins(2), reader.message()).await.unwrap().unwrap();
    assert_eq!((id.as_str(), event.as_str()), ("", "condition"));
    data
}

async fn is_quiet(reader: &mut Reader) -> bool {
    timeout(Duration::from_secs(10), reader.message()).await.is_err()
}

/// What the store's document says of its condition.
async fn document(api: &Api, id: &StoreId) -> Value {
    let store = api.get(&format!("/api/v1/stores/{id}")).await.json();
    let mut condition = json!({"store_id": id});
    for member in ["condition", "degraded", "published", "unpublished"] {
        condition[member] = store[member].clone();
    }
    condition
}

#[tokio::test(start_paused = true)]
async fn a_store_that_degrades_and_recovers_is_told_of() {
    let (api, _reconciler, id) = with_store().await;
    sleep(SETTLED).await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    for (is_broken, expected) in [(true, "degraded"), (false, "healthy")] {
        api.cluster.set_image_broken(&id, is_broken);
        let told = condition(&mut reader).await;
        assert_eq!((&told["store_id"], &told["condition"]), (&json!(id), &json!(expected)));
        assert_eq!(told["degraded"]["code"], if is_broken { json!("image_pull") } else { Value::Null });
        assert_eq!(told, document(&api, &id).await, "it is the document's own");
        assert!(is_quiet(&mut reader).await, "nothing is told twice");
    }
    let next = api.create("another").await;
    let event = reader.message().await.unwrap();
    assert_eq!((event.event.as_str(), &event.data["store_id"]), ("created", &json!(next)));
    let since = event.id.parse::<u64>().unwrap() - 1;
    let mut resumed = Reader::open(&api, "/api/v1/events", Some(&since.to_string())).await;
    assert_eq!(resumed.message().await, Some(event), "positions go on as if there were no conditions");
}

/// Nothing changes in the cluster after the first moment.
#[tokio::test(start_paused = true)]
async fn a_verdict_that_takes_time_is_told_when_it_is_due() {
    let (api, _reconciler, id) = with_store().await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    api.cluster.set_image_broken(&id, true);
    let began = Instant::now();
    let mut told = Vec::new();
    while told.last().is_none_or(|(_, code)| *code != json!("image_pull")) {
        let code = condition(&mut reader).await["degraded"]["code"].clone();
        told.push((began.elapsed().as_secs(), code));
    }
    let expected = [(0, Value::Null), (2, json!("not_ready")), (60, json!("image_pull"))];
    let codes = |told: &[(u64, Value)]| told.iter().map(|(_, code)| code.clone()).collect::<Vec<_>>();
    assert_eq!(codes(&told), codes(&expected));
    for ((told, _), (expected, _)) in told.iter().zip(&expected) {
        assert!(told.abs_diff(*expected) <= 1, "{told} s, not {expected} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_goes_and_comes_changes_what_is_known() {
    let (api, _reconciler, id) = with_store().await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    assert_eq!(condition(&mut reader).await["condition"], "healthy", "it has become READY just now");
    for (is_reachable, expected) in [(false, "unknown"), (true, "healthy")] {
        api.cluster.set_reachable(is_reachable);
        let told = condition(&mut reader).await;
        assert_eq!((&told["store_id"], &told["condition"]), (&json!(id), &json!(expected)));
    }
}

/// So briefly that the cluster as a whole never counted as away.
#[tokio::test(start_paused = true)]
async fn a_store_that_could_not_be_seen_for_a_moment_is_looked_at_again() {
    let (api, _reconciler, id) = with_store().await;
    sleep(SETTLED).await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    api.cluster.set_reachable(false);
    api.cluster.set_image_broken(&id, false);
    assert_eq!(condition(&mut reader).await["condition"], "unknown");
    api.cluster.set_reachable(true);
    assert_eq!(condition(&mut reader).await["condition"], "healthy");
}

#[tokio::test(start_paused = true)]
async fn whoever_follows_one_store_hears_of_that_one() {
    let (api, _reconciler, id) = with_store().await;
    let other = api.create("another").await;
    api.until(&other, "READY").await;
    sleep(SETTLED).await;
    let mut mine = Reader::open(&api, &format!("/api/v1/events?store={id}"), None).await;
    let mut others = Reader::open(&api, &format!("/api/v1/events?store={other}"), None).await;
    api.cluster.set_image_broken(&id, true);
    assert_eq!(condition(&mut mine).await["condition"], "degraded");
    assert!(is_quiet(&mut others).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_back_soon_hears_what_was_told_meanwhile() {
    let (api, _reconciler, id) = with_store().await;
    sleep(SETTLED).await;
    let position = api.get("/api/v1/stores").await.json()["position"].clone();
    let resuming = format!("/api/v1/events?position={position}");
    api.cluster.set_image_broken(&id, true);
    sleep(Duration::from_secs(30)).await;
    let mut back = Reader::open(&api, &resuming, None).await;
    assert_eq!(condition(&mut back).await["condition"], "degraded");
    let mut new = Reader::open(&api, "/api/v1/events", None).await;
    assert!(is_quiet(&mut new).await, "a new reader has read the stores");
    sleep(Duration::from_secs(30)).await;
    let mut late = Reader::open(&api, &resuming, None).await;
    assert!(is_quiet(&mut late).await, "it is over a minute old");
}

#[tokio::test(start_paused = true)]
async fn one_who_reads_slowly_misses_repetitions_but_not_the_last() {
    let (api, _reconciler, id) = with_store().await;
    sleep(SETTLED).await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    for round in 0..1000 {
        api.cluster.set_image_broken(&id, round % 2 == 0);
        sleep(Duration::from_millis(10)).await;
    }
    api.cluster.set_image_broken(&id, true);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(condition(&mut reader).await["condition"], "degraded");
    assert!(is_quiet(&mut reader).await);
}

#[tokio::test(start_paused = true)]
async fn of_a_store_that_is_not_ready_nothing_is_told() {
    let (api, _reconciler, id) = with_store().await;
    sleep(SETTLED).await;
    let mut reader = Reader::open(&api, "/api/v1/events", None).await;
    api.delete(&format!("/api/v1/stores/{id}")).await;
    api.until(id.as_str(), "DELETED").await;
    while let Ok(message) = timeout(Duration::from_secs(10), reader.message()).await {
        assert_ne!(message.unwrap().event, "condition");
    }
}
