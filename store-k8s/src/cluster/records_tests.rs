//! Whose an object is, and when a view is whole.

use std::sync::Mutex as Lock;

use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, Pod};
use serde_json::json;

use super::*;
use crate::testing::{StillClock, at, object, store};

const INSTALLATION: Uuid = Uuid::from_u128(1);

fn records() -> Records {
    Records::new(INSTALLATION, Arc::new(StillClock(Lock::new(at(0)))))
}

fn pod(namespace: &str, installation: Uuid) -> Pod {
    object(json!({"metadata": {"name": "p", "namespace": namespace, "resourceVersion": "5", "labels": {
        labels::STORE: "abcdefghij", labels::INSTALLATION: installation.to_string(),
    }}}))
}

fn complete(records: &Records, kinds: impl IntoIterator<Item = Kind>) {
    for kind in kinds {
        records.begin(kind);
        records.complete(kind);
    }
}

#[test]
fn an_object_counts_only_in_its_stores_own_namespace() {
    let records = records();
    complete(&records, Kind::ALL);
    records.apply(&pod("store-abcdefghij", Uuid::from_u128(2)));
    records.apply(&pod("store-zzzzzzzzzz", INSTALLATION));
    records.apply(&pod("default", INSTALLATION));
    assert_eq!(records.observe(&store()).leftovers, 0);
    records.apply(&pod("store-abcdefghij", INSTALLATION));
    assert_eq!(records.observe(&store()).leftovers, 1);
}

#[test]
fn nothing_is_known_until_every_kind_was_listed_and_then_every_store_is_news() {
    let records = records();
    let mut changes = records.changes.subscribe();
    complete(&records, Kind::ALL.into_iter().skip(1));
    let namespace: Namespace = object(json!({"metadata": {"name": "store-abcdefghij", "uid": "u", "labels": {
        labels::STORE: "abcdefghij", labels::INSTALLATION: INSTALLATION.to_string(),
    }}}));
    records.begin(Kind::Namespace);
    records.apply(&namespace);
    assert_eq!(changes.next().now_or_never(), Some(Some(store().id)));
    assert_eq!(records.observe(&store()).namespace, NamespaceSeen::Unknown);
    records.complete(Kind::Namespace);
    assert_eq!(changes.next().now_or_never(), Some(Some(store().id)));
    assert_eq!(records.observe(&store()).namespace, NamespaceSeen::Active { uid: "u".into() });
    records.interrupt(Kind::Pod);
    assert_eq!(records.observe(&store()).namespace, NamespaceSeen::Unknown);
    complete(&records, [Kind::Pod]);
    assert_eq!(changes.next().now_or_never(), Some(Some(store().id)));
}

#[test]
fn a_store_that_goes_before_the_view_is_whole_is_news_as_well() {
    let records = records();
    let mut changes = records.changes.subscribe();
    complete(&records, Kind::ALL.into_iter().skip(1));
    let pod = pod("store-abcdefghij", INSTALLATION);
    records.apply(&pod);
    records.remove(&pod);
    assert_eq!(changes.next().now_or_never(), Some(Some(store().id)));
    complete(&records, [Kind::Namespace]);
    assert_eq!(changes.next().now_or_never(), Some(Some(store().id)));
    complete(&records, [Kind::Pod]);
    assert_eq!(records.lock().len(), 0);
}

#[test]
fn a_store_of_which_nothing_is_left_is_forgotten() {
    let records = records();
    complete(&records, Kind::ALL);
    let pod = pod("store-abcdefghij", INSTALLATION);
    records.apply(&pod);
    records.apply(&pod);
    assert_eq!(records.lock().len(), 1);
    records.remove(&pod);
    assert_eq!(records.observe(&store()).namespace, NamespaceSeen::Absent);
    // Until the next listing a read that was made before may still come back.
    assert_eq!(records.lock().len(), 1);
    complete(&records, [Kind::Pod]);
    assert_eq!(records.lock().len(), 0);
    // A listing that does not have it any more does the same as its deletion.
    records.apply(&pod);
    complete(&records, [Kind::Pod]);
    assert_eq!(records.lock().len(), 0);
}
