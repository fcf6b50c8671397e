//! Tells subscribers which stores changed. Each has a set of its own, so that a slow one misses repetitions but no
//! store, and memory stays bounded by the number of stores.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::stream;
use store_core::ports::ChangeStream;
use store_core::store::StoreId;
use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Subscriber {
    pending: Mutex<Pending>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    stores: BTreeSet<StoreId>,
    closed: bool,
}

/// The subscribers. Dropped, their streams end.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    subscribers: Mutex<Vec<Weak<Subscriber>>>,
}

impl Changes {
    /// A stream of everything from now on.
    pub(crate) fn subscribe(&self) -> ChangeStream {
        let subscriber = Arc::new(Subscriber::default());
        let mut all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&subscriber));
        Box::pin(stream::unfold(subscriber, |subscriber| async move {
            loop {
                let news = subscriber.news.notified();
                {
                    let mut pending = subscriber.pending.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(store) = pending.stores.pop_first() {
                        drop(pending);
                        return Some((store, subscriber.clone()));
                    }
                    if pending.closed {
                        return None;
                    }
                }
                news.await;
            }
        }))
    }

    /// Tells everybody of a store.
    pub(crate) fn tell(&self, store: &StoreId) {
        self.each(|pending| {
            pending.stores.insert(store.clone());
        });
    }

    fn each(&self, change: impl Fn(&mut Pending)) {
        let all = self.subscribers.lock().unwrap_or_else(PoisonError::into_inner);
        for subscriber in all.iter().filter_map(Weak::upgrade) {
            change(&mut subscriber.pending.lock().unwrap_or_else(PoisonError::into_inner));
            // With one waiter for each, the permit is kept if it is not waiting at this moment.
            subscriber.news.notify_one();
        }
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        self.each(|pending| pending.closed = true);
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;

    use super::*;

    fn id(text: &str) -> StoreId {
        StoreId::parse(text).unwrap()
    }

    #[tokio::test]
    async fn a_slow_subscriber_misses_repetitions_but_no_store() {
        let changes = Changes::default();
        let (mut slow, _gone) = (changes.subscribe(), drop(changes.subscribe()));
        for _ in 0..1000 {
            changes.tell(&id("aaaaaaaaaa"));
        }
        changes.tell(&id("bbbbbbbbbb"));
        assert_eq!(slow.next().await, Some(id("aaaaaaaaaa")));
        changes.tell(&id("aaaaaaaaaa"));
        assert_eq!(slow.next().await, Some(id("aaaaaaaaaa")));
        assert_eq!(slow.next().await, Some(id("bbbbbbbbbb")));
        drop(changes);
        assert_eq!(slow.next().await, None);
    }
}
