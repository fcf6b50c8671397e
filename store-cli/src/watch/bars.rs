//! Progress on a terminal: every gate with its time, the current one alive.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use store_core::lifecycle::{Event, EventKind, Gate, GateRecord, Status};
use store_core::service::StoreDocument;

use crate::text;

const TICK: Duration = Duration::from_millis(100);

const HEAD: &str = "{spinner:.cyan} {elapsed:>4.cyan}  {wide_msg}";
const WAITING: &str = "    {prefix:12.dim}";
const ACTIVE: &str = "  {spinner:.cyan} {prefix:12} {elapsed:>6.cyan}  {wide_msg:.dim}";
const MET: &str = "  {spinner:.green} {prefix:12} {msg:>6.dim}";
const FAILED: &str = "  ✗ {prefix:12.red} {elapsed:>6}";
const LEFT: &str = "  - {prefix:12} {elapsed:>6}";
/// The last one is that of a bar that is done.
const TICKS: &str = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏✓";

/// One line for each gate, or one for a teardown.
pub(super) struct Bars {
    multi: MultiProgress,
    head: ProgressBar,
    gates: Vec<(GateRecord, ProgressBar)>,
    attempt: u32,
    /// What went wrong last and is not mended yet.
    trouble: Option<String>,
    /// What happened last.
    last: Option<String>,
}

impl Bars {
    pub(super) fn new(store: &StoreDocument) -> Self {
        let multi = MultiProgress::new();
        let head = multi.add(ProgressBar::new_spinner().with_style(style(HEAD)));
        head.enable_steady_tick(TICK);
        let mut bars = Self { multi, head, gates: Vec::new(), attempt: store.attempt, trouble: None, last: None };
        bars.show(store, &[]);
        bars
    }

    pub(super) fn show(&mut self, store: &StoreDocument, news: &[Event]) {
        for event in news {
            // The next thing that works ends the trouble.
            self.trouble = is_trouble(event).then(|| event.message.clone());
            self.last = Some(event.message.clone());
        }
        let is_coming_up = matches!(store.status, Status::Provisioning | Status::Ready | Status::Failed);
        if self.attempt != store.attempt || !is_coming_up {
            self.clear_gates();
            self.attempt = store.attempt;
        }
        self.head.set_message(text::plain(&headline(store, self.last.as_deref())).replace('\n', " "));
        if is_coming_up {
            self.show_gates(store);
        }
    }

    pub(super) fn note(&self, note: &str) {
        self.head.set_message(text::plain(note).replace('\n', " "));
    }

    pub(super) fn finish(self, has_failed: bool) {
        let template = if has_failed { FAILED } else { LEFT };
        for (record, bar) in &self.gates {
            if record.started_at.is_some() && record.ended_at.is_none() {
                bar.set_style(style(template));
            }
            bar.abandon();
        }
        self.head.finish_and_clear();
    }

    fn show_gates(&mut self, store: &StoreDocument) {
        for (index, record) in store.gates.iter().enumerate() {
            match self.gates.get(index) {
                Some((known, _)) if known == record => {}
                Some((known, bar)) => {
                    paint(bar, record, known.started_at.is_none());
                    self.gates[index].0 = *record;
                }
                None => {
                    let bar = self.multi.add(ProgressBar::new_spinner());
                    paint(&bar, record, true);
                    self.gates.push((*record, bar));
                }
            }
        }
        let message = self.trouble.as_deref().or(store.parked.as_deref()).unwrap_or_default();
        for (record, bar) in &self.gates {
            if record.ended_at.is_none() && Some(record.gate) == store.step {
                bar.set_message(text::plain(&waits_for(record.gate, store, message)).replace('\n', " "));
            }
        }
    }

    fn clear_gates(&mut self) {
        for (_, bar) in self.gates.drain(..) {
            bar.finish_and_clear();
            self.multi.remove(&bar);
        }
    }
}

fn headline(store: &StoreDocument, last: Option<&str>) -> String {
    let what = match store.status {
        Status::Deleting => "deleting",
        Status::Deleted => "deleted",
        _ if store.attempt > 1 => "trying again to bring up",
        _ => "bringing up",
    };
    let why = match &store.blocker {
        Some(blocker) => Some(blocker.message.as_str()),
        None if store.status == Status::Deleting => store.parked.as_deref().or(last),
        None => None,
    };
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    format!("{what} {}{why}", store.name)
}

fn waits_for(gate: Gate, store: &StoreDocument, message: &str) -> String {
    match store.queue_position {
        Some(position) if gate == Gate::Queued && message.is_empty() => format!("number {position} in the queue"),
        _ => message.to_owned(),
    }
}

fn is_trouble(event: &Event) -> bool {
    matches!(event.kind, EventKind::ActionFailed | EventKind::Recovering | EventKind::TeardownBlocked)
}

fn paint(bar: &ProgressBar, record: &GateRecord, is_new: bool) {
    bar.set_prefix(record.gate.as_str());
    // A gate that the attempt before had met begins anew.
    if record.ended_at.is_none() && bar.is_finished() {
        bar.reset();
    }
    match (record.started_at, record.ended_at) {
        (Some(start), Some(end)) => {
            bar.set_style(style(MET));
            bar.finish_with_message(text::duration(text::between(start, end)));
        }
        (Some(_), None) => {
            bar.set_style(style(ACTIVE));
            if is_new {
                bar.reset_elapsed();
            }
            bar.enable_steady_tick(TICK);
        }
        (None, _) => {
            bar.set_style(style(WAITING));
            bar.tick();
        }
    }
}

#[expect(clippy::expect_used, reason = "the templates are constants, and a test draws each of them")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("a template that is well-formed").tick_chars(TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed() {
        for template in [HEAD, WAITING, ACTIVE, MET, FAILED, LEFT] {
            style(template);
        }
    }
}
