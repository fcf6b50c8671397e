//! The feed of changes behind `GET /events`: one task looks at the database for all readers, and keeps the last events
//! ready for them.
//!
//! Readers pull: none of them has a queue that could grow. A reader that falls behind reads from the database at its
//! own pace; one that takes nothing off its connection is cut off by the connection's write timeout.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store_core::lifecycle::{Event, Position};
use store_core::service::{ServiceError, StoreService};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

/// How many readers there may be at once.
pub(crate) const READERS_MAX: usize = 512;
/// Other processes' writes are seen at least this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many events are kept ready.
const RECENT_MAX: usize = 1024;
/// How many events are read from the database at once.
const BATCH: usize = 256;
/// About so many readers take up an event in the same millisecond. With hundreds of them, requests would wait for all.
const READERS_AT_ONCE: usize = 8;

/// Everybody's events, in commit order.
#[derive(Clone)]
pub(crate) struct Feed {
    service: StoreService,
    recent: Arc<Mutex<VecDeque<Arc<Event>>>>,
    last: watch::Sender<Option<Position>>,
    readers: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Where a reader wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// With what happens from now on.
    Now,
    /// After this position.
    After(Position),
    /// After a position that nobody could have been given.
    Nonsense,
}

/// What a reader gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// The position it asked for is not known: it has to read everything again, and goes on from here.
    Reset(Position),
    /// Something happened.
    Event(Arc<Event>),
}

impl Feed {
    /// Starts looking, until `stop`.
    pub(crate) fn start(service: StoreService, stop: CancellationToken) -> Self {
        let feed = Self {
            service,
            recent: Arc::default(),
            last: watch::Sender::new(None),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            stop,
        };
        tokio::spawn(feed.clone().run());
        feed
    }

    /// A place for a reader; `None` if all are taken.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.readers).try_acquire_owned().ok()
    }

    /// Begins to read, in this place; this server itself needs none.
    pub(crate) async fn reader(
        &self,
        start: Start,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Reader, ServiceError> {
        let news = self.last.subscribe();
        let taken = READERS_MAX - self.readers.available_permits().min(READERS_MAX);
        let before = if place.is_some() { taken.saturating_sub(1) } else { 0 };
        let turn = Duration::from_millis(u64::try_from(before / READERS_AT_ONCE).unwrap_or_default());
        let (last, oldest) = self.service.positions().await?;
        let (position, reset) = match start {
            Start::Now => (last, false),
            Start::After(position) if position <= last && position + 1 >= oldest => (position, false),
            Start::After(_) | Start::Nonsense => (last, true),
        };
        let ready = reset.then_some(Item::Reset(last)).into_iter().collect();
        Ok(Reader { feed: self.clone(), news, turn, position, ready, _place: place })
    }

    async fn run(self) {
        let mut notices = self.service.notices();
        let mut is_failing = false;
        loop {
            match self.look().await {
                Ok(()) => is_failing = false,
                Err(error) if !is_failing => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot follow the changes");
                    is_failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                Ok(()) = notices.changed() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Takes up what is new.
    async fn look(&self) -> Result<(), ServiceError> {
        let Some(mut last) = *self.last.borrow() else {
            let (last, _) = self.service.positions().await?;
            self.last.send_replace(Some(last));
            return Ok(());
        };
        loop {
            let news = self.service.changes(last, BATCH).await?;
            let Some(newest) = news.last() else { return Ok(()) };
            last = newest.position;
            let is_all = news.len() < BATCH;
            self.keep(news);
            self.last.send_replace(Some(last));
            if is_all {
                return Ok(());
            }
        }
    }

    fn keep(&self, news: Vec<Event>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.extend(news.into_iter().map(Arc::new));
        let surplus = recent.len().saturating_sub(RECENT_MAX);
        recent.drain(..surplus);
    }

    /// The events after `position`, from those kept ready if they reach back that far.
    async fn after(&self, position: Position) -> Result<Vec<Arc<Event>>, ServiceError> {
        if let Some(kept) = self.kept_after(position) {
            return Ok(kept);
        }
        Ok(self.service.changes(position, BATCH).await?.into_iter().map(Arc::new).collect())
    }

    /// `None` if an event between `position` and the oldest one kept could be missing.
    fn kept_after(&self, position: Position) -> Option<Vec<Arc<Event>>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.front()?.position > position + 1 {
            return None;
        }
        let from = recent.partition_point(|event| event.position <= position);
        Some(recent.range(from..).take(BATCH).cloned().collect())
    }
}

/// One reader of the feed.
pub(crate) struct Reader {
    feed: Feed,
    news: watch::Receiver<Option<Position>>,
    /// How long it lets others go first.
    turn: Duration,
    position: Position,
    ready: VecDeque<Item>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Reader {
    /// The next item; `None` when the server stops or the database fails, and the reader has to come again.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        loop {
            if self.feed.stop.is_cancelled() {
                return None;
            }
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            let last = *self.news.borrow_and_update();
            if last.is_some_and(|last| last > self.position) {
                self.fill().await?;
                continue;
            }
            tokio::select! {
                () = self.feed.stop.cancelled() => return None,
                changed = self.news.changed() => changed.ok()?,
            }
            if !self.turn.is_zero() {
                tokio::time::sleep(self.turn).await;
            }
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let events = match self.feed.after(self.position).await {
            Ok(events) => events,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a reader of the changes is cut off");
                return None;
            }
        };
        if let Some(newest) = events.last() {
            self.position = newest.position;
        } else {
            // What was there is not kept any more.
            let (last, _) = self.feed.service.positions().await.ok()?;
            self.position = last;
            self.ready.push_back(Item::Reset(last));
        }
        self.ready.extend(events.into_iter().map(Item::Event));
        Some(())
    }
}
