//! The outermost layer: request ids, complete problems, headers that every answer has, and the access log.

use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use crate::problem::{Kind, Refusal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID_MAX: usize = 128;
/// Probes ask these all the time.
const QUIET: [&str; 4] = ["/health", "/livez", "/readyz", "/api/v1/health"];

/// Runs everything else. Bodies, queries and headers are never logged.
pub(super) async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let begun = Instant::now();
    let response = complete(next.run(request).await, &path, &id);
    let (status, elapsed) = (response.status().as_u16(), begun.elapsed());
    if QUIET.contains(&path.as_str()) {
        tracing::debug!(%method, path, status, ?elapsed, request_id = id, "request");
    } else {
        tracing::info!(%method, path, status, ?elapsed, request_id = id, "request");
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
