//! Data on standard output: tables for people, JSON and YAML for programs, names for other commands.

mod details;
mod table;

use std::io::Write;

use clap::ValueEnum;
use serde::Serialize;
use store_core::service::StoreDocument;

#[cfg(feature = "embedded")]
pub(crate) use details::fields;
pub(crate) use details::{created, details};
pub(crate) use table::{Row, status_cell, table};

use crate::failure::Failure;
use crate::terminal::Terminal;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Table,
    /// For people, with more columns
    Wide,
    /// For programs; streams are JSON Lines
    Json,
    /// For programs and people
    Yaml,
    /// Only what other commands take: the name, or the id of a deleted store
    Name,
}

/// Standard output. When its reader is gone, printing ends without a complaint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// The format.
    pub(crate) format: Format,
    /// Whether colours are wanted.
    pub(crate) colours: bool,
}

impl Output {
    /// For this terminal.
    pub(crate) fn new(format: Format, terminal: Terminal) -> Self {
        Self { format, colours: terminal.colours_output }
    }

    /// Whether people read it, not programs.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self.format, Format::Table | Format::Wide)
    }

    /// Prints text with a line break at its end.
    #[expect(clippy::unused_self, reason = "all data goes through the output")]
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::silent(crate::failure::Exit::Failure),
            _ => Failure::new(format!("cannot write to standard output: {error}")),
        })
    }

    /// Prints a value for programs.
    pub(crate) fn value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match self.format {
            Format::Yaml => yaml_serde::to_string(value).map_err(cannot_print)?,
            _ => serde_json::to_string_pretty(value).map_err(cannot_print)?,
        };
        self.text(&text)
    }

    /// Prints one value of a stream: a line of JSON, or a document of YAML.
    pub(crate) fn stream_value(self, value: &impl Serialize) -> Result<(), Failure> {
        let text = match self.format {
            Format::Yaml => format!("---\n{}", yaml_serde::to_string(value).map_err(cannot_print)?),
            _ => serde_json::to_string(value).map_err(cannot_print)?,
        };
        self.text(&text)
    }

    /// Prints one store: `people` says how people see it.
    pub(crate) fn store(self, store: &StoreDocument, people: impl FnOnce(Self) -> String) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Wide => self.text(&people(self)),
            Format::Json | Format::Yaml => self.value(store),
            Format::Name => self.text(handle(store)),
        }
    }
}

/// The word by which other commands find a store: a deleted one has given up its name.
pub(crate) fn handle(store: &StoreDocument) -> &str {
    if store.deleted_at.is_some() { &store.id } else { &store.name }
}

fn cannot_print(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("cannot print the answer: {error}"))
}
