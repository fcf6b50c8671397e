//! `--watch`: stores as they are, and again whenever they change.

use std::collections::BTreeMap;

use store_core::lifecycle::Status;
use store_core::service::{StoreDocument, StoreRef};
use store_core::store::StoreId;

use crate::clock;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::{Format, Output, handle};
use crate::terminal::{Terminal, interrupted};

/// Which stores are watched.
pub(crate) trait Watched {
    /// These, as they are now.
    async fn look(&self, door: &dyn Door) -> Result<Vec<StoreDocument>, Failure>;

    /// Whether nothing can come any more once all that was seen is deleted.
    fn ends_with_them(&self) -> bool;
}

/// Prints every store, and every change of one, until Ctrl-C or until all that is watched is gone.
pub(crate) async fn follow(
    door: &dyn Door,
    which: &impl Watched,
    output: Output,
    terminal: Terminal,
) -> Result<(), Failure> {
    tokio::select! {
        end = run(door, which, output, terminal) => end,
        () = interrupted() => Err(Failure::silent(Exit::Interrupted)),
    }
}

async fn run(door: &dyn Door, which: &impl Watched, output: Output, terminal: Terminal) -> Result<(), Failure> {
    let mut seen = BTreeMap::new();
    let mut printer = Printer { output, has_begun: false };
    let mut was_away = false;
    // What cannot be read at the beginning is an error; later, a server may be restarted while somebody watches.
    let mut stores = which.look(door).await?;
    loop {
        printer.print(&taken_leave(door, &mut seen, &stores).await)?;
        let changed: Vec<_> = stores.into_iter().filter(|store| seen.get(&store.id) != Some(store)).collect();
        printer.print(&changed)?;
        seen.extend(changed.into_iter().map(|store| (store.id.clone(), store)));
        if which.ends_with_them() && seen.values().all(|store| store.status == Status::Deleted) {
            return Ok(());
        }
        stores = loop {
            door.next_look().await;
            match which.look(door).await {
                Ok(stores) => break stores,
                Err(failure) if failure.is_transient() => {
                    if !was_away {
                        terminal.warn(failure.message());
                    }
                    was_away = true;
                }
                Err(failure) => return Err(failure),
            }
        };
        was_away = false;
    }
}

/// Stores that are not listed any more, as what they have become: shown once more, and then forgotten.
async fn taken_leave(
    door: &dyn Door,
    seen: &mut BTreeMap<String, StoreDocument>,
    stores: &[StoreDocument],
) -> Vec<StoreDocument> {
    let is_there = |id: &str| stores.iter().any(|store| store.id == id);
    let gone: Vec<String> = seen
        .iter()
        .filter(|(id, store)| store.status != Status::Deleted && !is_there(id))
        .map(|(id, _)| id.clone())
        .collect();
    let mut left = Vec::new();
    for id in gone {
        let Ok(which) = StoreId::parse(&id).map(StoreRef::Id) else { continue };
        if let Ok(store) = door.get(&which).await {
            seen.remove(&id);
            left.push(store);
        }
    }
    left
}

struct Printer {
    output: Output,
    has_begun: bool,
}

impl Printer {
    fn print(&mut self, stores: &[StoreDocument]) -> Result<(), Failure> {
        if stores.is_empty() {
            return Ok(());
        }
        match self.output.format {
            Format::Json | Format::Yaml => stores.iter().try_for_each(|store| self.output.stream_value(store)),
            Format::Name => stores.iter().try_for_each(|store| self.output.text(handle(store))),
            Format::Table | Format::Wide => self.rows(stores),
        }
    }

    /// The headings once.
    fn rows(&mut self, stores: &[StoreDocument]) -> Result<(), Failure> {
        let text = self.output.watched_stores(stores, clock::now());
        let rows = if self.has_begun { text.split_once('\n').map_or("", |(_, rows)| rows) } else { &text };
        self.has_begun = true;
        self.output.text(rows)
    }
}
