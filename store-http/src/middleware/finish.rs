//! The outermost layer: request ids, complete problems, headers that every answer has, and the access log.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::metrics::Measured;
use crate::problem::{Kind, Refusal};
use crate::tokens::Identity;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_MAX: usize = 128;
/// Probes ask these all the time.
const QUIET: [&str; 4] = ["/health", "/livez", "/readyz", "/api/v1/health"];

/// Runs everything else. Bodies, queries and headers are never logged.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let trace_id = trace_id(request.headers());
    let (begun, measured) = (Instant::now(), Measured::begin(&request));
    // What is logged on the way carries the ids, so that a failure's cause is found by the id that its caller got.
    let span = tracing::info_span!("request", request_id = id, trace_id);
    let mut response = next.run(request).instrument(span).await;
    // Before it is completed: a refusal becomes another answer.
    let identity = response.extensions_mut().remove::<Identity>();
    let caller = identity.and_then(|identity| identity.name);
    let response = complete(response, &path, &id);
    measured.end(response.status());
    let (status, elapsed) = (response.status().as_u16(), begun.elapsed());
    if QUIET.contains(&path.as_str()) {
        tracing::debug!(%method, path, status, ?elapsed, request_id = id, trace_id, caller, "request");
    } else {
        tracing::info!(%method, path, status, ?elapsed, request_id = id, trace_id, caller, "request");
    }
    response
}

/// The caller's id if it is a sane one, otherwise a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_sane = |text: &&str| {
        (1..=REQUEST_ID_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    let theirs = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(is_sane);
    theirs.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The trace that the caller works in, from `traceparent` (W3C Trace Context, level 1): it is logged, so that the log is
/// found from the trace. Anything else is ignored, as the specification wants it.
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let mut parts = line.to_str().ok()?.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |text: &str, length: usize| is_hex(text, length) && text.bytes().any(|byte| byte != b'0');
    // Later versions may add parts at the end.
    let is_known = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    (is_known && is_id(trace, 32) && is_id(parent, 16) && is_hex(flags, 2)).then(|| trace.to_owned())
}

fn complete(mut response: Response, path: &str, id: &str) -> Response {
    if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        // What inner layers added, such as `Allow`, stays.
        let added = std::mem::take(response.headers_mut());
        response = refusal.locate(path, id).into_response();
        for (name, value) in &added {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
        response.headers_mut().remove(header::CONTENT_LENGTH);
    } else if is_bare_error(&response) {
        response = in_our_words(response.status()).locate(path, id).into_response();
    }
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(id).map(|value| (REQUEST_ID, value)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// An error of the framework's own.
fn is_bare_error(response: &Response) -> bool {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    (response.status().is_client_error() || response.status().is_server_error()) && !is_json
}

fn in_our_words(status: StatusCode) -> Refusal {
    let detail = format!("the request was refused: {status}");
    if status.is_client_error() {
        Refusal::new(Kind::MalformedBody, detail)
    } else {
        Refusal::new(Kind::Internal, detail)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    #[rstest]
    #[case("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true)]
    #[case::of_a_later_version("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true)]
    #[case::too_many_parts("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false)]
    #[case::no_trace("00-00000000000000000000000000000000-b7ad6b7169203331-01", false)]
    #[case::no_parent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false)]
    #[case::upper_case("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false)]
    #[case::no_version("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false)]
    #[case::short("00-0af7651916cd43dd", false)]
    #[case::nothing("", false)]
    fn traces(#[case] line: &str, #[case] is_one: bool) {
        let headers = [(TRACEPARENT, HeaderValue::from_str(line).unwrap())].into_iter().collect();
        assert_eq!(trace_id(&headers), is_one.then(|| TRACE.to_owned()));
    }
}
