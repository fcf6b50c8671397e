//! One store for people, in as many lines as it needs.

use std::fmt::Write as _;

use jiff::Timestamp;
use store_core::lifecycle::{GateRecord, Published, Status};
use store_core::service::StoreDocument;

use super::{Format, Output};
use crate::text;

/// Lines of `label  value`, aligned.
#[derive(Default)]
struct Lines(Vec<(String, String)>);

impl Lines {
    fn add(&mut self, label: &str, value: impl std::fmt::Display) {
        self.0.push((label.to_owned(), text::plain(&value.to_string()).into_owned()));
    }

    fn add_if(&mut self, label: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.add(label, value);
        }
    }

    fn finish(self) -> String {
        let width = self.0.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
        self.0.iter().fold(String::new(), |mut text, (label, value)| {
            let colon = if label.is_empty() { "" } else { ":" };
            let _ = writeln!(text, "{:<pad$}{value}", format!("{label}{colon}"), pad = width + 3);
            text
        })
    }
}

/// Labels and values, aligned.
#[cfg(feature = "embedded")]
pub(crate) fn fields(fields: &[(&str, &str)]) -> String {
    let mut lines = Lines::default();
    for (label, value) in fields {
        lines.add(label, value);
    }
    lines.finish()
}

/// What one wants to know after a store was made.
pub(crate) fn created(store: &StoreDocument) -> String {
    let mut lines = Lines::default();
    lines.add("Store", &store.store_url);
    lines.add("Admin", &store.admin_url);
    lines.add("Log in as", format!("{} (user name {})", store.admin_email, store.admin_username));
    add_password(&mut lines, store);
    lines.finish()
}

fn add_password(lines: &mut Lines, store: &StoreDocument) {
    if cfg!(feature = "embedded") {
        lines.add("Password", format!("shown by: store credentials {}", store.name));
    }
    lines.add("Secret", format!("{}/{}", store.namespace, store.credentials_secret));
}

/// Everything about one store.
pub(crate) fn details(store: &StoreDocument, now: Timestamp, output: Output) -> String {
    let mut lines = Lines::default();
    lines.add("Name", &store.name);
    lines.add("Id", &store.id);
    lines.add("Engine", store.engine);
    lines.add("Plan", store.plan);
    add_state(&mut lines, store);
    lines.add("Store", &store.store_url);
    lines.add("Admin", &store.admin_url);
    lines.add("Log in as", format!("{} (user name {})", store.admin_email, store.admin_username));
    if store.deleted_at.is_none() {
        add_password(&mut lines, store);
    }
    for (fact, value) in &store.details {
        lines.add(&fact.replace(['_', '-'], " "), value);
    }
    add_times(&mut lines, store, now);
    if output.format == Format::Wide {
        lines.add("Namespace", &store.namespace);
        lines.add("Release", &store.helm_release);
        lines.add("Attempt", store.attempt);
        lines.add("Generation", store.generation);
        lines.add("Version", store.version);
    }
    add_teardown(&mut lines, store);
    format!("{}{}", lines.finish(), gates(store, now))
}

fn add_state(lines: &mut Lines, store: &StoreDocument) {
    lines.add("Status", store.status);
    lines.add_if("Protected", store.protected.then_some("from deletion"));
    lines.add_if("Queued", store.queue_position.map(|position| format!("number {position} in the queue")));
    lines.add_if("Parked", store.parked.as_ref());
    lines.add_if("Reason", store.failure_reason.as_ref());
    lines.add_if("Condition", store.condition.as_ref());
    lines.add_if("Degraded", store.degraded.as_ref().map(|degraded| &degraded.reason));
    lines.add_if("Published", (store.status == Status::Ready).then(|| published(store)));
    lines.add_if("Blocked by", store.blocker.as_ref().map(|blocker| format!("{}. {}", blocker.message, blocker.hint)));
}

fn published(store: &StoreDocument) -> String {
    match (store.published, &store.unpublished) {
        (Published::Yes, _) => "yes".to_owned(),
        (Published::No, Some(why)) => format!("no: {}", why.reason),
        (Published::No, None) => "no".to_owned(),
        (Published::Unknown, _) => "unknown".to_owned(),
    }
}

fn add_times(lines: &mut Lines, store: &StoreDocument, now: Timestamp) {
    let ago = |time: Timestamp| format!("{time:.0} ({} ago)", text::age(time, now));
    lines.add("Created", ago(store.created_at));
    lines.add_if("Ready", store.ready_at.map(ago));
    lines.add_if("Deleted", store.deleted_at.map(ago));
}

fn add_teardown(lines: &mut Lines, store: &StoreDocument) {
    let Some(teardown) = &store.teardown else { return };
    lines.add_if("Namespace UID", teardown.namespace_uid.as_ref());
    let listed = |all: Vec<String>| Some(all.join(", ")).filter(|text| !text.is_empty());
    lines.add_if("Revisions", listed(teardown.release_revisions.iter().map(u32::to_string).collect()));
    lines.add_if("Workloads", listed(teardown.workloads.iter().map(ToString::to_string).collect()));
    for volume in &teardown.volumes {
        lines.add("Volume", format!("{} (claim {}), {:?}", volume.name, volume.claim, volume.fate).to_lowercase());
    }
    for ended in &teardown.phases {
        let took = text::duration(text::between(ended.started_at, ended.ended_at));
        lines.add("Gone", format!("{} after {took}", ended.phase.as_str()));
    }
}

/// The gates of the last attempt, unless they are history.
fn gates(store: &StoreDocument, now: Timestamp) -> String {
    if !matches!(store.status, Status::Provisioning | Status::Ready | Status::Failed) {
        return String::new();
    }
    let is_moving = store.status == Status::Provisioning;
    let lines = store.gates.iter().map(|record| gate(record, is_moving, now));
    format!("Gates:\n{}", lines.collect::<String>())
}

fn gate(record: &GateRecord, is_moving: bool, now: Timestamp) -> String {
    let (mark, time) = match (record.started_at, record.ended_at) {
        (Some(start), Some(end)) => ("+", text::duration(text::between(start, end))),
        (Some(start), None) if is_moving => (">", text::duration(text::between(start, now))),
        (Some(_), None) => ("x", "not met".to_owned()),
        (None, _) => (" ", String::new()),
    };
    format!("  {mark} {:<12} {time}", record.gate.as_str()).trim_end().to_owned() + "\n"
}
