//! How READY stores are doing, for those who follow `GET /events`: it is found out by looking, so no event tells of it.
//!
//! One task looks at stores of which something changed in the cluster, and keeps what is other than it was told last.
//! Readers pull: none of them has a queue that could grow, and one that falls behind misses what was overtaken, but
//! never what holds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use store_core::lifecycle::Status;
use store_core::ports::ListQuery;
use store_core::service::{ConditionDocument, ServiceError, StoreService};
use store_core::store::StoreId;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::feed::Start;

/// No store is looked at more often, whatever happens to it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A store that cannot be read is looked at again after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Whoever read the stores, or lost the stream, less than this ago hears what was told meanwhile.
const REPEATED_FOR: Duration = Duration::from_mins(1);
/// How many changes are taken at once.
const BATCH: usize = 256;

/// What is told of READY stores. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Conditions {
    board: Arc<Mutex<Board>>,
    /// The number of what was told last.
    last: watch::Sender<u64>,
}

/// An entry for each READY store that was looked at.
#[derive(Default)]
struct Board {
    known: HashMap<String, Known>,
    /// What was told last of each store, by its number.
    told: BTreeMap<u64, Told>,
    last: u64,
}

struct Known {
    document: Arc<str>,
    /// Its number, if it was told.
    number: Option<u64>,
}

#[derive(Clone)]
struct Told {
    store_id: String,
    document: Arc<str>,
    at: Instant,
}

impl Conditions {
    /// Starts looking, until `stop`.
    pub(crate) fn start(service: StoreService, stop: CancellationToken) -> Self {
        let conditions = Self { board: Arc::default(), last: watch::Sender::new(0) };
        let watcher = Watcher { service, conditions: conditions.clone(), due: BTreeMap::new() };
        tokio::spawn(async move { stop.run_until_cancelled(watcher.run()).await });
        conditions
    }

    /// A number that is another one whenever something was told.
    pub(crate) fn told(&self) -> u64 {
        *self.last.borrow()
    }

    /// Begins to read, of all stores or of one.
    pub(crate) fn reader(&self, start: Start, store: Option<StoreId>) -> Reader {
        let news = self.last.subscribe();
        let board = self.board();
        let recent = board.told.iter().rev().take_while(|(_, told)| told.at.elapsed() < REPEATED_FOR);
        let seen = match start {
            Start::After(_) => recent.last().map_or(board.last, |(number, _)| number - 1),
            Start::Now | Start::Nonsense => board.last,
        };
        drop(board);
        Reader { conditions: self.clone(), news, seen, store }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up how a store is doing, and tells it if that is news and anybody could have known otherwise.
    fn take_up(&self, condition: &ConditionDocument, is_told: bool) {
        let Ok(document) = serde_json::to_string(condition) else { return };
        let mut board = self.board();
        let number = board.take_up(&condition.store_id, document.into(), is_told);
        drop(board);
        if let Some(number) = number {
            self.last.send_replace(number);
        }
    }

    fn after(&self, seen: u64) -> Option<(u64, Told)> {
        self.board().told.range(seen + 1..).next().map(|(number, told)| (*number, told.clone()))
    }
}

impl Board {
    fn take_up(&mut self, store_id: &str, document: Arc<str>, is_told: bool) -> Option<u64> {
        if self.known.get(store_id).is_some_and(|known| known.document == document) {
            return None;
        }
        self.forget(store_id);
        let store_id = store_id.to_owned();
        let number = is_told.then(|| {
            self.last += 1;
            let told = Told { store_id: store_id.clone(), document: Arc::clone(&document), at: Instant::now() };
            self.told.insert(self.last, told);
            self.last
        });
        self.known.insert(store_id, Known { document, number });
        number
    }

    fn forget(&mut self, store_id: &str) {
        let number = self.known.remove(store_id).and_then(|known| known.number);
        number.map(|number| self.told.remove(&number));
    }
}

/// One reader.
pub(crate) struct Reader {
    conditions: Conditions,
    news: watch::Receiver<u64>,
    /// The number of what it got last.
    seen: u64,
    store: Option<StoreId>,
}

impl Reader {
    /// What is told next, as JSON. Loses nothing when it is dropped before.
    pub(crate) async fn next(&mut self) -> Arc<str> {
        loop {
            while let Some((number, told)) = self.conditions.after(self.seen) {
                self.seen = number;
                if self.store.as_ref().is_none_or(|store| store.as_str() == told.store_id) {
                    return told.document;
                }
            }
            // The sender lives as long as this reader's clone of it.
            let _ = self.news.changed().await;
        }
    }
}

/// Looks.
struct Watcher {
    service: StoreService,
    conditions: Conditions,
    /// When to look at which store.
    due: BTreeMap<StoreId, Instant>,
}

impl Watcher {
    async fn run(mut self) {
        let mut changes = self.service.cluster_changes().ready_chunks(BATCH).chain(stream::pending());
        let mut cluster = self.service.cluster_states();
        let mut is_open = cluster.borrow_and_update().is_open();
        let (mut is_first, mut are_all_due) = (true, true);
        let mut not_before = Instant::now();
        loop {
            let next = if are_all_due { Some(not_before) } else { self.due.values().min().copied() };
            tokio::select! {
                Some(batch) = changes.next() => {
                    let now = Instant::now();
                    self.due.extend(batch.into_iter().map(|id| (id, now)));
                }
                // Changes what is known of every store, without a change of any of them.
                Ok(()) = cluster.changed() => {
                    let was_open = std::mem::replace(&mut is_open, cluster.borrow_and_update().is_open());
                    are_all_due |= was_open != is_open;
                }
                () = tokio::time::sleep_until(next.unwrap_or(not_before).max(not_before)), if next.is_some() => {
                    // Whoever read the stores before the very first look has seen the same, unless the cluster came meanwhile.
                    let is_told = !is_first || cluster.has_changed().unwrap_or_default();
                    is_first = false;
                    match self.look(is_told, are_all_due).await {
                        Ok(()) => are_all_due = false,
                        Err(error) => {
                            let error = &error as &dyn std::error::Error;
                            tracing::debug!(error, "cannot look at the stores' condition");
                        }
                    }
                    not_before = Instant::now() + LOOK_EVERY;
                }
            }
        }
    }

    async fn look(&mut self, is_told: bool, are_all_due: bool) -> Result<(), ServiceError> {
        if are_all_due {
            self.look_at_all(is_told).await?;
        }
        let now = Instant::now();
        let due: Vec<_> = self.due.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        for id in due {
            let outlook = match self.service.condition(&id).await {
                Ok(outlook) => outlook,
                Err(error @ ServiceError::Unavailable { .. }) => return Err(error),
                Err(error) => {
                    // Its row is of a newer version, perhaps; the others are told of all the same.
                    let error = &error as &dyn std::error::Error;
                    tracing::debug!(error, store = %id, "cannot tell how a store is doing");
                    self.due.insert(id, Instant::now() + AGAIN_AFTER);
                    continue;
                }
            };
            self.due.remove(&id);
            let Some(outlook) = outlook else {
                self.conditions.board().forget(id.as_str());
                continue;
            };
            self.conditions.take_up(&outlook.condition, true);
            if let Some(after) = outlook.next_verdict {
                self.due.insert(id, Instant::now() + after);
            }
        }
        Ok(())
    }

    /// Each is due then, too: a list does not say when time alone changes a verdict.
    async fn look_at_all(&mut self, is_told: bool) -> Result<(), ServiceError> {
        let mut query = ListQuery { statuses: vec![Status::Ready], ..ListQuery::default() };
        let mut ready = HashSet::new();
        loop {
            let page = self.service.list(&query).await?;
            for condition in page.stores.into_iter().filter_map(ConditionDocument::of) {
                self.conditions.take_up(&condition, is_told);
                if let Ok(id) = StoreId::parse(&condition.store_id) {
                    self.due.insert(id, Instant::now());
                }
                ready.insert(condition.store_id);
            }
            query.after = page.next_page_token;
            if query.after.is_none() {
                break;
            }
        }
        let mut board = self.conditions.board();
        let gone: Vec<_> = board.known.keys().filter(|id| !ready.contains(*id)).cloned().collect();
        for id in gone {
            board.forget(&id);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_kept_for_each_store() {
        let mut board = Board::default();
        assert_eq!(board.take_up("one", "unknown".into(), false), None, "nobody has to be told");
        for round in 0..1000 {
            let document = if round % 2 == 0 { "healthy" } else { "degraded" };
            for store in ["one", "two"] {
                assert!(board.take_up(store, document.into(), true).is_some());
                assert_eq!(board.take_up(store, document.into(), true), None, "it is no news");
            }
        }
        assert_eq!((board.known.len(), board.told.len()), (2, 2));
        board.forget("one");
        let left: Vec<_> = board.told.values().map(|told| told.store_id.as_str()).collect();
        assert_eq!((board.known.len(), left), (1, vec!["two"]));
    }
}
