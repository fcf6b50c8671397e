//! Tables in the manner of `kubectl`: columns without lines, never wrapped, coloured where colours are wanted.

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use jiff::Timestamp;
use store_core::lifecycle::Status;
use store_core::service::StoreDocument;

use super::{Format, Output};
use crate::text;

/// A line of cells.
pub(crate) type Row = Vec<Cell>;

/// A table with these headings.
pub(crate) fn table(headings: &[&str], rows: Vec<Row>, output: Output) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if output.colours {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    table.set_header(headings.iter().map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

impl Output {
    /// Stores as a table.
    pub(crate) fn stores(self, stores: &[StoreDocument], now: Timestamp) -> String {
        let rows = stores.iter().map(|store| self.row(store, now)).collect();
        let mut headings = vec!["NAME", "ENGINE", "STATUS", "DETAIL", "AGE", "URL"];
        if self.format == Format::Wide {
            headings.extend(["ID", "PLAN", "ATTEMPT", "NAMESPACE", "ADMIN"]);
        }
        table(&headings, rows, self)
    }

    /// The same, with headings as wide as most values, so that rows that come later stand below those before.
    pub(crate) fn watched_stores(self, stores: &[StoreDocument], now: Timestamp) -> String {
        let rows = stores.iter().map(|store| self.row(store, now)).collect();
        let mut headings =
            vec!["NAME                    ", "ENGINE     ", "STATUS      ", "DETAIL              ", "AGE ", "URL"];
        if self.format == Format::Wide {
            headings.extend(["ID        ", "PLAN  ", "ATTEMPT", "NAMESPACE       ", "ADMIN"]);
        }
        table(&headings, rows, self)
    }

    fn row(self, store: &StoreDocument, now: Timestamp) -> Row {
        let mut row = vec![
            Cell::new(text::plain(&store.name)),
            Cell::new(store.engine),
            status_cell(store.status),
            Cell::new(text::plain(&detail(store))),
            Cell::new(text::age(store.created_at, now)),
            Cell::new(text::plain(&store.store_url)),
        ];
        if self.format == Format::Wide {
            row.extend([
                Cell::new(text::plain(&store.id)),
                Cell::new(store.plan),
                Cell::new(store.attempt),
                Cell::new(text::plain(&store.namespace)),
                Cell::new(text::plain(&store.admin_email)),
            ]);
        }
        row
    }
}

/// A status in its colour.
pub(crate) fn status_cell(status: Status) -> Cell {
    let cell = Cell::new(status);
    match status_colour(status) {
        Some(colour) => cell.fg(colour),
        None => cell,
    }
}

/// The colour of a status.
pub(crate) fn status_colour(status: Status) -> Option<Color> {
    match status {
        Status::Ready => Some(Color::Green),
        Status::Failed => Some(Color::Red),
        Status::Provisioning => Some(Color::Yellow),
        Status::Deleting | Status::Deleted => Some(Color::DarkGrey),
        _ => None,
    }
}

/// What there is to say about a status, in a word or a few.
fn detail(store: &StoreDocument) -> String {
    if store.parked.is_some() {
        return "parked".to_owned();
    }
    let detail = match store.status {
        Status::Provisioning => match store.queue_position {
            Some(position) => Some(format!("queued ({position})")),
            None => store.step.map(|step| step.to_string()),
        },
        Status::Ready => match &store.degraded {
            Some(degraded) => Some(format!("degraded: {}", degraded.failure.code)),
            None => store.condition.clone(),
        },
        Status::Failed => store.failure.as_ref().map(|failure| failure.code.to_string()),
        Status::Deleting => store.blocker.as_ref().map(|_| "blocked".to_owned()),
        _ => None,
    };
    detail.unwrap_or_else(|| "-".to_owned())
}
