//! `store events`: what happened to a store, and with `-f` what happens.

use comfy_table::Cell;
use store_core::lifecycle::{Event, Position, Status};

use super::Context;
use crate::args::EventsArgs;
use crate::door::{Door, Purpose};
use crate::failure::{Exit, Failure};
use crate::output::{Format, Row, status_cell, table};
use crate::terminal::interrupted;
use crate::text;

pub(super) async fn run(context: &Context, args: EventsArgs) -> Result<(), Failure> {
    if context.output.format == Format::Name {
        return Err(Failure::usage("events have no names").hint("Use -o table, wide, json or yaml."));
    }
    context.through(Purpose::Read, async |door| tell(context, door, &args).await).await
}

async fn tell(context: &Context, door: &dyn Door, args: &EventsArgs) -> Result<(), Failure> {
    let store = door.get(&args.store).await?;
    let mut history = Vec::new();
    let mut seen = 0;
    while let Some(last) = page(door, &store.id, seen, &mut history).await? {
        seen = last;
    }
    print(context, &history, true)?;
    if !args.follow || is_over(&history) {
        return Ok(());
    }
    tokio::select! {
        end = follow(context, door, &store.id, seen) => end,
        () = interrupted() => Err(Failure::silent(Exit::Interrupted)),
    }
}

async fn page(door: &dyn Door, id: &str, after: Position, into: &mut Vec<Event>) -> Result<Option<Position>, Failure> {
    let events = door.events(id, after).await?;
    let last = events.last().map(|event| event.position);
    into.extend(events);
    Ok(last)
}

async fn follow(context: &Context, door: &dyn Door, id: &str, mut seen: Position) -> Result<(), Failure> {
    let mut was_away = false;
    loop {
        match door.events(id, seen).await {
            Ok(news) => {
                print(context, &news, false)?;
                seen = news.last().map_or(seen, |event| event.position);
                if is_over(&news) {
                    return Ok(());
                }
                was_away = false;
            }
            Err(failure) if failure.is_transient() => {
                if !was_away {
                    context.terminal.warn(failure.message());
                }
                was_away = true;
            }
            Err(failure) => return Err(failure),
        }
        door.next_look().await;
    }
}

/// After its deletion, nothing more happens to a store.
fn is_over(events: &[Event]) -> bool {
    events.last().is_some_and(|event| event.status == Status::Deleted)
}

fn print(context: &Context, events: &[Event], with_headings: bool) -> Result<(), Failure> {
    let output = context.output;
    if !output.is_for_people() {
        return events.iter().try_for_each(|event| output.stream_value(event));
    }
    if events.is_empty() {
        return Ok(());
    }
    let rows = events.iter().map(|event| row(event, output.format)).collect();
    // Headings as wide as any value, so that what comes later stands below what came before.
    let headings: &[&str] = match output.format {
        Format::Wide => {
            &["TIME                ", "POSITION", "KIND                ", "STATUS      ", "STEP       ", "MESSAGE"]
        }
        _ => &["TIME                ", "STATUS      ", "MESSAGE"],
    };
    let text = table(headings, rows, output);
    output.text(if with_headings { &text } else { text.split_once('\n').map_or("", |(_, rows)| rows) })
}

fn row(event: &Event, format: Format) -> Row {
    let time = Cell::new(format!("{:.0}", event.at));
    let message = Cell::new(text::plain(&event.message));
    match format {
        Format::Wide => vec![
            time,
            Cell::new(event.position),
            Cell::new(event.kind),
            status_cell(event.status),
            Cell::new(event.step.map_or("-", |step| step.as_str())),
            message,
        ],
        _ => vec![time, status_cell(event.status), message],
    }
}
