//! Waiting for a store with somebody looking on.

mod bars;
mod lines;
pub(crate) mod stores;

use std::time::Duration;

use store_core::lifecycle::{Event, Position, Status};
use store_core::service::{StoreDocument, StoreRef};
use store_core::store::StoreId;
use tokio::time::Instant;

use crate::door::{Door, Hands};
use crate::failure::Failure;
use crate::terminal::{Terminal, interrupted};
use bars::Bars;
use lines::Lines;

/// How a wait ended.
pub(crate) enum End {
    /// Nothing more happens by itself.
    Settled,
    /// The caller's patience ran out.
    TimedOut,
    /// Ctrl-C.
    Interrupted,
}

/// What was waited for, as it was last seen.
pub(crate) struct Waited {
    /// The store.
    pub(crate) store: StoreDocument,
    /// How it ended.
    pub(crate) end: End,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// What the caller sees meanwhile.
enum View {
    Bars(Bars),
    Lines(Lines),
    Nothing,
}

impl View {
    fn new(store: &StoreDocument, terminal: Terminal) -> Self {
        match terminal {
            Terminal { quiet: true, .. } => Self::Nothing,
            Terminal { shows_messages: true, logs: false, .. } => Self::Bars(Bars::new(store)),
            _ => Self::Lines(Lines::new(store)),
        }
    }

    fn show(&mut self, store: &StoreDocument, news: &[Event]) {
        match self {
            Self::Bars(bars) => bars.show(store, news),
            Self::Lines(lines) => lines.show(store, news),
            Self::Nothing => {}
        }
    }

    fn note(&mut self, note: &str) {
        match self {
            Self::Bars(bars) => bars.note(note),
            Self::Lines(lines) => lines.note(note),
            Self::Nothing => {}
        }
    }

    fn finish(self, has_failed: bool) {
        if let Self::Bars(bars) = self {
            bars.finish(has_failed);
        }
    }
}

/// Waits until nothing more happens to the store by itself, and sees to it that somebody works on it.
pub(crate) async fn until_settled(
    door: &dyn Door,
    store: StoreDocument,
    timeout: Option<Duration>,
    terminal: Terminal,
) -> Result<Waited, Failure> {
    let mut watch = Watch::begin(door, store, terminal)?;
    let end = tokio::select! {
        end = watch.run() => end.map(|()| End::Settled),
        () = interrupted() => Ok(End::Interrupted),
        () = patience(timeout) => Ok(End::TimedOut),
    };
    watch.end(end?).await
}

async fn patience(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

struct Watch<'a> {
    door: &'a dyn Door,
    which: StoreRef,
    store: StoreDocument,
    seen: Position,
    hands: Hands,
    view: View,
    begun: Instant,
}

impl<'a> Watch<'a> {
    fn begin(door: &'a dyn Door, store: StoreDocument, terminal: Terminal) -> Result<Self, Failure> {
        let id = StoreId::parse(&store.id)
            .map_err(|error| Failure::new(format!("the answer has an id that is none: {error}")))?;
        let view = View::new(&store, terminal);
        let (hands, begun) = (Hands::Others, Instant::now());
        Ok(Self { door, which: StoreRef::Id(id), store, seen: 0, hands, view, begun })
    }

    async fn run(&mut self) -> Result<(), Failure> {
        self.skip_history().await;
        loop {
            self.engage().await?;
            match self.look().await {
                Ok(news) => self.view.show(&self.store, &news),
                // A server may be restarted while somebody waits.
                Err(failure) if failure.is_transient() => self.view.note(failure.message()),
                Err(failure) => return Err(failure),
            }
            if self.is_settled() {
                return Ok(());
            }
            self.door.next_look().await;
        }
    }

    /// What happened in earlier attempts is no news. That it cannot be read now is none either.
    async fn skip_history(&mut self) {
        while let Ok(events) = self.door.events(&self.store.id, self.seen).await {
            let Some(last) = events.iter().rfind(|event| event.at < self.store.updated_at) else { return };
            let is_all = events.last().is_some_and(|event| event.position > last.position);
            self.seen = last.position;
            if is_all {
                return;
            }
        }
    }

    /// Whoever worked on it may be gone by now, so this is asked again and again.
    async fn engage(&mut self) -> Result<(), Failure> {
        if matches!(self.hands, Hands::Others) {
            self.hands = self.door.engage(&self.store.id).await?;
        }
        Ok(())
    }

    async fn look(&mut self) -> Result<Vec<Event>, Failure> {
        self.store = self.door.get(&self.which).await?;
        let news = self.door.events(&self.store.id, self.seen).await?;
        if let Some(last) = news.last() {
            self.seen = last.position;
        }
        Ok(news)
    }

    fn is_settled(&self) -> bool {
        matches!(self.store.status, Status::Ready | Status::Failed | Status::Deleted)
    }

    async fn end(self, end: End) -> Result<Waited, Failure> {
        self.view.finish(self.store.status == Status::Failed);
        if let Hands::Own(work) = self.hands {
            work.stop(matches!(end, End::Settled)).await;
        }
        Ok(Waited { store: self.store, end, elapsed: self.begun.elapsed() })
    }
}
