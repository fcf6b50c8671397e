//! Answers that are worth it are compressed for those who can read that: the dashboard's files, and long JSON.

use axum::http::{Extensions, HeaderMap, StatusCode, Version, header};
use tower_http::compression::predicate::{And, Predicate as _, SizeAbove};
use tower_http::compression::{CompressionLayer, CompressionLevel};

/// What is shorter travels in one packet anyhow.
const FROM_BYTES: u64 = 1_400;
/// Whole documents. A stream of events and a log that is followed must not wait until there is enough to compress.
const KINDS: [&str; 5] = ["application/json", "text/html", "text/css", "text/javascript", "image/svg+xml"];

pub(crate) type Worth = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// Quick rather than thorough: a page of 1,000 stores has a megabyte and a half, and repeats itself.
pub(super) fn compress() -> CompressionLayer<Worth> {
    at(CompressionLevel::Fastest)
}

/// Thorough rather than quick: browsers keep the dashboard's files.
pub(crate) fn compress_files() -> CompressionLayer<Worth> {
    at(CompressionLevel::Best)
}

fn at(level: CompressionLevel) -> CompressionLayer<Worth> {
    let worth = SizeAbove::new(FROM_BYTES).and(is_document as fn(_, _, &_, &_) -> _);
    CompressionLayer::new().quality(level).compress_when(worth)
}

fn is_document(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let text =
        |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok()).unwrap_or_default();
    // A strong tag names one representation, byte for byte (RFC 9110, 8.8.1).
    !text(header::ETAG).starts_with('"') && KINDS.iter().any(|kind| text(header::CONTENT_TYPE).starts_with(kind))
}
