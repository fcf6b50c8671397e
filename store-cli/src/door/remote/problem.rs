//! Errors of the API (`application/problem+json`, RFC 9457) as failures of a command.

use reqwest::StatusCode;
use serde::Deserialize;
use store_core::service::FieldError;

use crate::failure::{Exit, Failure};

/// What we read of a problem; everything may be missing, since a proxy may have answered.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    errors: Vec<FieldError>,
    request_id: Option<String>,
}

/// The failure that an answer means.
pub(super) fn failure(status: StatusCode, body: &[u8], server: &str) -> Failure {
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    let is_ours = problem.as_ref().is_some_and(|problem| problem.detail.is_some() || problem.title.is_some());
    let Problem { title, detail, errors, request_id } = problem.unwrap_or_default();
    let message = detail.or(title).unwrap_or_else(|| format!("{server} answered {status}"));
    let mut failure = Failure::new(without_fields(&message, &errors)).with_fields(errors);
    if is_transient(status) {
        failure = failure.transient();
    }
    match status {
        StatusCode::UNAUTHORIZED => {
            failure = failure
                .exiting(Exit::Authentication)
                .hint("Log in with a token of this server (store login), or name a file with one in STORE_TOKEN_FILE.");
        }
        StatusCode::FORBIDDEN => failure = failure.exiting(Exit::Authentication),
        StatusCode::NOT_FOUND if !is_ours => {
            failure = failure.hint(format!("Is {server} the address of a store server?"));
        }
        _ => {}
    }
    match request_id {
        Some(id) if status.is_server_error() => failure.hint(format!("The server's log has more under request {id}.")),
        _ => failure,
    }
}

/// Whether the same request may succeed later.
pub(super) fn is_transient(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The fields are listed line by line, so a sentence that only repeats them says nothing.
fn without_fields(message: &str, errors: &[FieldError]) -> String {
    let sentences: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
    match errors.len() {
        1 if message == sentences.join("; ") => "a value is not valid".to_owned(),
        many if many > 1 && message == sentences.join("; ") => format!("{many} values are not valid"),
        _ => message.to_owned(),
    }
}
