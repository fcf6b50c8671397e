//! The records of all stores, and the folding of objects into them: from the watches, and from fresh reads.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use kube::Resource;
use store_core::lifecycle::Store;
use store_core::ports::{Clock, NamespaceSeen, Observation};
use store_core::store::StoreId;
use uuid::Uuid;

use super::changes::Changes;
use super::diagnosis::Trouble;
use super::facts::{Fact, Fold, Kind};
use super::record::{Mute, Record};
use crate::labels;

/// Everything that is known of the cluster. Nothing here waits or asks.
pub(crate) struct Records {
    installation: Uuid,
    clock: Arc<dyn Clock>,
    stores: Mutex<HashMap<StoreId, Record>>,
    listings: HashMap<Kind, Listing>,
    pub(crate) changes: Changes,
}

/// How far the watch of a kind is.
#[derive(Debug, Default)]
struct Listing {
    round: AtomicU64,
    complete: AtomicBool,
}

impl Records {
    pub(crate) fn new(installation: Uuid, clock: Arc<dyn Clock>) -> Self {
        let listings = Kind::ALL.map(|kind| (kind, Listing::default())).into();
        Self { installation, clock, stores: Mutex::default(), listings, changes: Changes::default() }
    }

    pub(crate) fn installation(&self) -> Uuid {
        self.installation
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A listing of a kind begins.
    pub(crate) fn begin(&self, kind: Kind) {
        self.listings[&kind].round.fetch_add(1, Ordering::SeqCst);
    }

    /// A listing of a kind is complete: what it did not have is gone.
    pub(crate) fn complete(&self, kind: Kind) {
        let (round, now) = (self.round(kind), self.now());
        let mut stores = self.lock();
        let was_complete = self.is_complete();
        self.listings[&kind].complete.store(true, Ordering::SeqCst);
        let is_complete = self.is_complete();
        stores.retain(|store, record| {
            // With the last kind, every store can be seen for the first time, also one that has gone meanwhile.
            if record.sweep(kind, round, now) || is_complete != was_complete {
                self.changes.tell(store);
            }
            !is_complete || !record.is_empty()
        });
    }

    /// A kind cannot be listed any more: what is known of it grows old, so nothing is known until it can.
    pub(crate) fn interrupt(&self, kind: Kind) {
        self.listings[&kind].complete.store(false, Ordering::SeqCst);
    }

    /// Whether every kind was listed completely, and can be listed still.
    pub(crate) fn is_complete(&self) -> bool {
        self.listings.values().all(|listing| listing.complete.load(Ordering::SeqCst))
    }

    /// In which listing a kind is.
    pub(crate) fn round(&self, kind: Kind) -> u64 {
        self.listings[&kind].round.load(Ordering::SeqCst)
    }

    /// Folds an object that a watch told of.
    pub(crate) fn apply<K: Fold>(&self, object: &K) {
        let Some(store) = self.owner(object) else { return };
        let (round, now) = (self.round(K::KIND), self.now());
        let mut stores = self.lock();
        let record = stores.entry(store.clone()).or_default();
        if record.apply(K::KIND, object.name(), object.fact(), version(object), round, now) {
            self.changes.tell(&store);
        }
    }

    /// Forgets an object that a watch saw deleted.
    pub(crate) fn remove<K: Fold>(&self, object: &K) {
        let Some(store) = self.owner(object) else { return };
        let now = self.now();
        let mut stores = self.lock();
        let Some(record) = stores.get_mut(&store) else { return };
        if record.remove(K::KIND, &object.name(), version(object), now) {
            self.changes.tell(&store);
        }
        if self.is_complete() && record.is_empty() {
            stores.remove(&store);
        }
    }

    /// Changes the record of a store, made if need be, and forgets it if nothing is left in it.
    pub(crate) fn update<T>(&self, store: &StoreId, change: impl FnOnce(&mut Record) -> T) -> T {
        let mut stores = self.lock();
        let record = stores.entry(store.clone()).or_default();
        let result = change(record);
        if record.is_empty() {
            stores.remove(store);
        }
        result
    }

    /// What is known of a store. Everything is unknown until every kind was listed.
    pub(crate) fn observe(&self, store: &Store) -> Observation {
        if !self.is_complete() {
            return Observation::default();
        }
        match self.lock().get(&store.id) {
            Some(record) => record.observation(store),
            None => Observation { namespace: NamespaceSeen::Absent, ..Record::default().observation(store) },
        }
    }

    /// Objects that have been mute since before `until`, of all stores.
    pub(crate) fn mutes(&self, until: Timestamp) -> Vec<(StoreId, Mute)> {
        let stores = self.lock();
        let of = |(store, record): (&StoreId, &Record)| {
            record.mutes().into_iter().map(|mute| (store.clone(), mute)).collect::<Vec<_>>()
        };
        stores.iter().flat_map(of).filter(|(_, mute)| mute.since <= until).collect()
    }

    /// The classes of ingresses that have no address.
    pub(crate) fn waiting_classes(&self) -> BTreeSet<String> {
        self.lock().values().flat_map(|record| record.waiting_classes().map(str::to_owned)).collect()
    }

    /// Keeps which ingress classes the cluster has.
    pub(crate) fn classes_are(&self, classes: &BTreeSet<String>) {
        for record in self.lock().values_mut() {
            let exists = record.waiting_classes().next().map(|class| classes.contains(class));
            record.class_exists = exists;
        }
    }

    /// Keeps what events told of an object.
    pub(crate) fn told(&self, store: &StoreId, mute: &Mute, trouble: Option<Trouble>) {
        let now = self.now();
        if self.update(store, |record| record.tell(mute, trouble, now)) {
            self.changes.tell(store);
        }
    }

    /// The store that an object belongs to: by its labels, and only in that store's own namespace.
    fn owner<K: Fold>(&self, object: &K) -> Option<StoreId> {
        let own = object.meta().labels.as_ref()?;
        let store = StoreId::parse(own.get(labels::STORE)?).ok()?;
        let place = if K::KIND == Kind::Namespace { &object.meta().name } else { &object.meta().namespace };
        let is_ours = labels::are_of(Some(own), self.installation, &store);
        (is_ours && place.as_deref() == Some(store.namespace().as_str())).then_some(store)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StoreId, Record>> {
        self.stores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The objects of a complete read, as a record takes them. Those that are not the store's are left out.
pub(crate) fn folded<K: Fold>(items: &[K], installation: Uuid, store: &StoreId) -> Vec<(String, Fact, u64)> {
    let ours = |item: &&K| labels::are_of(item.meta().labels.as_ref(), installation, store);
    items.iter().filter(ours).map(|item| (item.name(), item.fact(), version(item))).collect()
}

/// Resource versions grow for objects of one kind (KEP-5504 makes official what etcd always did); 0 if unreadable,
/// which counts as unknown.
fn version<K: Resource>(object: &K) -> u64 {
    parse_version(object.meta().resource_version.as_deref())
}

/// A resource version as a number.
pub(crate) fn parse_version(text: Option<&str>) -> u64 {
    text.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
