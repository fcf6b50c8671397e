//! The documentation of the API for people: a page of our own that shows `/openapi.json`, from this server alone. The
//! page asks for no token, so that it can say where one logs in; the document does.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::Shared;

const PAGE: &str = include_str!("docs/page.html");
const SCRIPT: &str = include_str!("docs/page.js");
const STYLE: &str = include_str!("docs/page.css");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/docs", get(async || file("text/html; charset=utf-8", PAGE)))
        .route("/docs/page.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/docs/page.css", get(async || file("text/css; charset=utf-8", STYLE)))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_from_elsewhere_and_no_script_is_inline() {
        for text in [PAGE, SCRIPT, STYLE] {
            assert!(!text.contains("http:") && !text.contains("https:") && !text.contains("url("), "{text}");
        }
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style=") && !PAGE.contains(" on"), "{PAGE}");
        assert!(PAGE.matches("<script").count() == PAGE.matches("<script src=").count());
        assert!(!SCRIPT.contains("innerHTML"), "what the document says is text");
    }
}
