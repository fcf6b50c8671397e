//! Counts stores by their status: read once, and from then on kept by what happens.
//!
//! A scrape costs no query, however many stores there are; what is kept of each is its status and step.

use std::collections::HashMap;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use store_core::StoreService;
use store_core::lifecycle::{Event, EventKind, Gate, Position, Status};
use store_core::ports::ListQuery;
use store_core::service::{ServiceError, StoreDocument, StoreRef};
use store_core::store::StoreId;
use tokio_util::sync::CancellationToken;

use super::{EVENTS, GATE, Metrics, QUEUE, READY, STORES};
use crate::feed::{Feed, Item, Reader, Start};

/// After a failure, the count begins anew after this long.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// What was recorded is put aside this often.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// What a store has reached.
type Reached = (Status, Option<Gate>);

/// It waits for a place among those that are brought up.
const WAITING: Reached = (Status::Provisioning, Some(Gate::Queued));

/// Keeps the count.
pub(crate) struct Census {
    service: StoreService,
    feed: Feed,
    stores: HashMap<String, Reached>,
}

impl Census {
    pub(crate) fn new(service: StoreService, feed: Feed) -> Self {
        Self { service, feed, stores: HashMap::new() }
    }

    /// Counts until `stop`.
    pub(crate) async fn run(mut self, metrics: Metrics, stop: CancellationToken) {
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                metrics.upkeep();
            }
        };
        let count = async {
            loop {
                if let Err(error) = self.count().await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "cannot count the stores");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = upkeep => {}
            () = count => {}
        }
    }

    /// Counts from the beginning, and follows until that is not possible any more.
    async fn count(&mut self) -> Result<(), ServiceError> {
        let position = self.read_all().await?;
        let mut reader: Reader = self.feed.reader(Start::After(position), None).await?;
        self.publish();
        loop {
            match reader.next().await {
                Some(Item::Event(event)) => self.take_up(&event).await,
                Some(Item::Reset(_)) => return Ok(()),
                None => return Err(ServiceError::Unavailable { reason: "the feed of changes has ended".to_owned() }),
            }
        }
    }

    async fn read_all(&mut self) -> Result<Position, ServiceError> {
        let mut query = ListQuery::default();
        let mut position = None;
        self.stores.clear();
        loop {
            let page = self.service.list(&query).await?;
            // What happens while the later pages are read comes as events.
            let position = *position.get_or_insert(page.position);
            self.stores.extend(page.stores.into_iter().map(|store| (store.id, (store.status, store.step))));
            query.after = page.next_page_token;
            if query.after.is_none() {
                return Ok(position);
            }
        }
    }

    async fn take_up(&mut self, event: &Event) {
        counter!(EVENTS, "kind" => event.kind.as_str()).increment(1);
        let id = event.store_id.as_str();
        let reached = (event.status, event.step);
        let before = match event.status {
            Status::Deleted => self.stores.remove(id),
            _ => self.stores.insert(id.to_owned(), reached),
        };
        count_one(reached, 1.0);
        if let Some(before) = before {
            count_one(before, -1.0);
        }
        if matches!(event.kind, EventKind::Ready | EventKind::Failed) {
            self.measure(&event.store_id).await;
        }
    }

    /// Sets what is published; from then on, events change it.
    fn publish(&self) {
        for status in Status::ALL.into_iter().filter(|status| is_counted(*status)) {
            let count = self.stores.values().filter(|(is, _)| *is == status).count();
            gauge!(STORES, "status" => status.as_str()).set(number(count));
        }
        gauge!(QUEUE).set(number(self.stores.values().filter(|reached| **reached == WAITING).count()));
    }

    /// How long the attempt took that has just ended. A store that is gone again, or tried again, is not measured.
    async fn measure(&self, id: &StoreId) {
        let Ok(store) = self.service.get(&StoreRef::Id(id.clone())).await else { return };
        if !matches!(store.status, Status::Ready | Status::Failed) {
            return;
        }
        record(&store);
    }
}

/// Counts a store that has reached this, or by -1 one that had.
fn count_one((status, step): Reached, by: f64) {
    if is_counted(status) {
        gauge!(STORES, "status" => status.as_str()).increment(by);
    }
    if (status, step) == WAITING {
        gauge!(QUEUE).increment(by);
    }
}

fn is_counted(status: Status) -> bool {
    status != Status::Deleted
}

fn record(store: &StoreDocument) {
    let engine = store.engine.as_str();
    for gate in &store.gates {
        if let (Some(began), Some(ended)) = (gate.started_at, gate.ended_at) {
            histogram!(GATE, "engine" => engine, "gate" => gate.gate.as_str())
                .record(at_least_none(ended.duration_since(began)));
        }
    }
    let began = store.gates.first().and_then(|gate| gate.started_at);
    if let (Status::Ready, Some(began), Some(ready)) = (store.status, began, store.ready_at) {
        histogram!(READY, "engine" => engine).record(at_least_none(ready.duration_since(began)));
    }
}

/// Clocks of several servers may be apart by a little.
fn at_least_none(duration: impl TryInto<Duration>) -> Duration {
    duration.try_into().unwrap_or_default()
}

fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
