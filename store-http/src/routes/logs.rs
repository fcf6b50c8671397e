//! A store's pods, and what they say.

use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use futures::{FutureExt as _, Stream, StreamExt as _, stream};
use store_core::ports::{LogRequest, LogStream, PortError};
use store_core::service::{PodComponent, PodList, StoreRef};

use super::store_id;
use crate::answers::{CommonProblems, StoreProblems};
use crate::app::Shared;
use crate::problem::{Kind, Problem, Refusal};
use crate::query::{Parameters, number};

/// A log that is followed ends after this time; whoever wants more asks again.
const FOLLOWED_FOR: Duration = Duration::from_hours(1);
/// A log that is not followed is read within this time.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// Lists the store's pods, the newest first.
#[utoipa::path(
    get,
    path = "/stores/{id}/pods",
    tag = "stores",
    operation_id = "listStorePods",
    params(("id" = String, Path, description = "The store's id")),
    responses(
        (status = 200, description = "The pods, as they are now; none where there are none", body = PodList),
        StoreProblems,
        CommonProblems,
    )
)]
pub(super) async fn pods(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<PodList>, Refusal> {
    Ok(Json(app.service.pods(&StoreRef::Id(store_id(path)?)).await?))
}

/// Reads the log of the newest pod of a component.
///
/// One line for each line of the log; lines longer than 16 KiB are cut. With `follow` the answer goes on with what is
/// said from now, until the container ends, or for an hour. Without it, a log that cannot be read to its end within 30 s
/// breaks the answer off, so that it is not taken for a whole one. There is a limit to how many logs are read at once:
/// beyond it, the answer is 503, and `Retry-After` says when to come again.
#[utoipa::path(
    get,
    path = "/stores/{id}/logs",
    tag = "stores",
    operation_id = "readStoreLogs",
    params(
        ("id" = String, Path, description = "The store's id"),
        ("component" = PodComponent, Query, description = "Whose log"),
        ("follow" = Option<bool>, Query, description = "Whether to go on; false if absent"),
        ("tail" = Option<u16>, Query, minimum = 1, maximum = 5000,
            description = "How many of the last lines to begin with; 200 if absent"),
    ),
    responses(
        (status = 200, description = "The log", body = String, content_type = "text/plain"),
        (status = 400, description = "A parameter is missing or wrong; `errors` names it", body = Problem,
            content_type = "application/problem+json"),
        (status = 404, description = "There is no such store, or no pod of this component that has begun",
            body = Problem, content_type = "application/problem+json"),
        CommonProblems,
    )
)]
pub(super) async fn logs(
    State(app): State<Shared>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let id = store_id(path)?;
    let request = log_request(query.as_deref())?;
    let busy = || Refusal::new(Kind::Overloaded, "too many logs are read at once; come again in a while");
    let place = app.log_readers.clone().try_acquire_owned().map_err(|_| busy())?;
    let follow = request.follow;
    let lines = app.service.logs(&StoreRef::Id(id), request).await?;
    let limit = if follow { FOLLOWED_FOR } else { READ_WITHIN };
    let stop = app.stop.clone();
    let over = async move {
        tokio::select! {
            () = stop.cancelled() => Some("the server stops"),
            () = tokio::time::sleep(limit) => (!follow).then_some("it takes too long to read"),
        }
    };
    let said = text(lines, over.boxed()).map(move |part| {
        // The place is free again when the stream is dropped.
        let _ = &place;
        part
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(said)).into_response())
}

fn log_request(query: Option<&str>) -> Result<LogRequest, Refusal> {
    let mut parameters = Parameters::parse(query);
    let component = parameters.one("component", |text| text.parse::<PodComponent>().map_err(|error| error.to_string()));
    let follow = parameters.one("follow", |text| text.parse::<bool>().map_err(|_| "must be true or false".to_owned()));
    let tail = parameters.one("tail", |text| number(text, 1..=LogRequest::TAIL_MAX.into()));
    parameters.finish()?;
    let component = component
        .ok_or_else(|| Refusal::parameter("component", format!("is required; allowed: {}", PodComponent::NAMES)))?;
    let tail = tail.and_then(|lines| u32::try_from(lines).ok()).unwrap_or(LogRequest::TAIL_DEFAULT);
    Ok(LogRequest::of(component.into()).tail(tail).following(follow.unwrap_or_default()))
}

/// The lines until they end or it is `over`. With a reason that breaks the answer off, so that nobody takes what was cut off
/// for all there is.
fn text(
    lines: LogStream,
    over: BoxFuture<'static, Option<&'static str>>,
) -> impl Stream<Item = Result<Bytes, PortError>> + Send {
    stream::unfold(Some((lines, over)), move |reading| async move {
        let (mut lines, mut over) = reading?;
        let line = tokio::select! {
            biased;
            why = &mut over => why.map(|why| Err(PortError::transient(format!("the log was cut off: {why}")))),
            line = lines.next() => line,
        };
        match line? {
            Ok(mut line) => {
                line.push('\n');
                Some((Ok(Bytes::from(line)), Some((lines, over))))
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a log broke off");
                Some((Err(error), None))
            }
        }
    })
}
