//! What happens: one store's history, and the stream of everybody's changes (server-sent events).

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::Stream;
use futures::stream;
use serde::{Deserialize, Serialize};
use store_core::lifecycle::{Event, Position};
use store_core::service::StoreRef;
use store_core::store::StoreId;
use utoipa::ToSchema;

use super::store_id;
use crate::answers::{CommonProblems, StoreProblems};
use crate::app::Shared;
use crate::conditions;
use crate::feed::{Item, Reader, Start};
use crate::problem::{Kind, Problem, Refusal};
use crate::query::{Parameters, number};

const LIMIT_MAX: u64 = 1000;
const LIMIT_DEFAULT: u64 = 100;
/// Keeps proxies from closing a quiet stream.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The database's positions are signed 64-bit numbers.
const POSITION_MAX: u64 = i64::MAX.unsigned_abs();

/// A page of a store's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct History {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Ask again with `after` set to this; null on the last page.
    #[schema(value_type = Option<u64>)]
    pub next_after: Option<Position>,
}

/// Reads a store's history, oldest first.
#[utoipa::path(
    get,
    path = "/stores/{id}/events",
    tag = "stores",
    operation_id = "listStoreEvents",
    params(
        ("id" = String, Path, description = "The store's id"),
        ("after" = Option<u64>, Query, description = "Only events after this position"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 1000, description = "100 if absent"),
    ),
    responses(
        (status = 200, description = "A page of events", body = History),
        (status = 400, description = "A parameter is wrong; `errors` names it", body = Problem,
            content_type = "application/problem+json"),
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn history(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Json<History>, Refusal> {
    let id = store_id(path)?;
    let mut parameters = Parameters::parse(query.as_deref());
    let after = parameters.one("after", |text| number(text, 0..=POSITION_MAX)).unwrap_or_default();
    let limit = parameters.one("limit", |text| number(text, 1..=LIMIT_MAX)).unwrap_or(LIMIT_DEFAULT);
    parameters.finish()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // One more than asked for tells whether there is another page.
    let mut events = app.service.events(&StoreRef::Id(id), after, limit + 1).await?;
    let has_more = events.len() > limit;
    events.truncate(limit);
    let next_after = events.last().filter(|_| has_more).map(|event| event.position);
    Ok(Json(History { events, next_after }))
}

/// Follows everybody's changes as server-sent events.
///
/// The id of a message is its position, its name is the event's kind, its data the event as JSON. Without a position it
/// begins now; a position that is not known gets the message `reset` with the current position, and the reader must
/// read the stores again. A comment every 15 s keeps the connection alive.
///
/// Of READY stores it also tells how they are doing, which no event does: the message `condition`, without an id, has a
/// `ConditionDocument` as data, and comes when any of it is another than before, at most once a second for a store. Only
/// the last one counts; whoever begins after a position also gets those of the last minute.
#[utoipa::path(
    get,
    path = "/events",
    tag = "stores",
    operation_id = "followEvents",
    params(
        ("position" = Option<u64>, Query, description = "Begin after this position, such as that of a list"),
        ("store" = Option<String>, Query, description = "Only this store's events"),
        ("Last-Event-ID" = Option<String>, Header, description = "Resume after this message; wins over `position`"),
    ),
    responses(
        (status = 200, description = "The stream", body = Event, content_type = "text/event-stream"),
        (status = 400, description = "A parameter is wrong; `errors` names it", body = Problem,
            content_type = "application/problem+json"),
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn follow(
    State(app): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let mut parameters = Parameters::parse(query.as_deref());
    let position = parameters.one("position", |text| number(text, 0..=POSITION_MAX));
    let store = parameters.one("store", |text| {
        StoreId::parse(text)
            .map_err(|_| "must be a store's id: 10 characters of a-z and 0-9, the first a letter".to_owned())
    });
    parameters.finish()?;
    if let Some(id) = &store {
        app.service.get(&StoreRef::Id(id.clone())).await?;
    }
    let busy = || Refusal::new(Kind::Overloaded, "too many readers follow the events; come again in a while");
    let place = app.feed.place().ok_or_else(busy)?;
    let start = start(position, &headers);
    let conditions = app.conditions.reader(start, store.clone());
    let reader = app.feed.reader(start, Some(place)).await?;
    let stream = Sse::new(messages(reader, conditions, store))
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"));
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, stream).into_response())
}

fn start(position: Option<Position>, headers: &HeaderMap) -> Start {
    let last_event = headers.get(HeaderName::from_static("last-event-id"));
    match last_event.map(|value| value.to_str().unwrap_or("?").trim()) {
        Some(text) if !text.is_empty() => text.parse().map_or(Start::Nonsense, Start::After),
        _ => position.map_or(Start::Now, Start::After),
    }
}

fn messages(
    reader: Reader,
    conditions: conditions::Reader,
    store: Option<StoreId>,
) -> impl Stream<Item = Result<Message, Infallible>> {
    stream::unfold((reader, conditions, store), |(mut reader, mut conditions, store)| async {
        loop {
            let message = tokio::select! {
                biased;
                item = reader.next() => match item? {
                    Item::Event(event) if store.as_ref().is_some_and(|id| *id != event.store_id) => continue,
                    Item::Event(event) => message(event.position, event.kind.as_str(), &*event),
                    Item::Reset(position) => message(position, "reset", serde_json::json!({ "position": position })),
                },
                // Without an id, so that a reader who comes back resumes after the last event.
                condition = conditions.next() => Message::default().event("condition").data(&*condition),
            };
            return Some((Ok(message), (reader, conditions, store)));
        }
    })
}

fn message(id: Position, name: &str, data: impl Serialize) -> Message {
    let data = serde_json::to_string(&data).unwrap_or_default();
    Message::default().id(id.to_string()).event(name).data(data)
}
