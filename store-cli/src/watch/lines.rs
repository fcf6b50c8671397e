//! Progress where nobody watches live: one line on standard error for each thing that happened.

use std::io::Write;

use store_core::lifecycle::Event;
use store_core::service::StoreDocument;
use tokio::time::Instant;

use crate::text;

/// Lines with the time since the wait began.
pub(super) struct Lines {
    name: String,
    begun: Instant,
    last_note: Option<String>,
}

impl Lines {
    pub(super) fn new(store: &StoreDocument) -> Self {
        Self { name: store.name.clone(), begun: Instant::now(), last_note: None }
    }

    pub(super) fn show(&mut self, store: &StoreDocument, news: &[Event]) {
        for event in news {
            self.line(&event.message);
        }
        match &store.parked {
            Some(reason) => self.note(&format!("parked: {reason}")),
            None => self.last_note = None,
        }
    }

    /// Says something once, not again and again while it stays true.
    pub(super) fn note(&mut self, note: &str) {
        if self.last_note.as_deref() != Some(note) {
            self.line(note);
            self.last_note = Some(note.to_owned());
        }
    }

    fn line(&self, text: &str) {
        let elapsed = text::duration(self.begun.elapsed());
        let _ = writeln!(std::io::stderr(), "{} {elapsed:>7}  {}", self.name, text::plain(text));
    }
}
