//! The dashboard: files that are embedded when the program is built, under `/ui/`.
//!
//! Not part of the documented API. Deep links such as `/ui/stores/abc` are the page itself, which finds its way by the
//! address; only what is a file's name is looked for as a file.

use std::borrow::Cow;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::Embed;

use crate::app::Shared;
use crate::problem::{Kind, Refusal};

#[derive(Embed)]
#[folder = "dashboard/dist"]
#[allow_missing = true]
struct Dist;

/// An embedded file.
pub(crate) struct Asset {
    data: Cow<'static, [u8]>,
    digest: [u8; 32],
}

/// Looks a file up by its path.
pub(crate) type Find = fn(&str) -> Option<Asset>;

/// Finds the dashboard's own files.
pub(crate) fn dashboard(path: &str) -> Option<Asset> {
    Dist::get(path).map(|file| Asset { digest: file.metadata.sha256_hash(), data: file.data })
}

const INDEX: &str = "index.html";
/// Vite puts the digest of their content into the names of these, so they never change.
const HASHED: &str = "assets/";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HOW_TO_BUILD: &str = "this server was built without the dashboard; to have it, build it with `cargo xtask up` or `cargo xtask \
    demo`, or run `npm ci && npm run build` in store-http/dashboard and build the server again. The API is there all the same: /api/v1/stores";

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/", get(async || Redirect::temporary("/ui/")))
        .route("/ui", get(async || Redirect::temporary("/ui/")))
        .route(
            "/ui/",
            get(async |State(app): State<Shared>, headers: HeaderMap| answer(app.dashboard, INDEX, &headers)),
        )
        .route("/ui/{*path}", get(file))
}

async fn file(State(app): State<Shared>, path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    match path {
        Ok(Path(path)) => answer(app.dashboard, &path, &headers),
        // What is not UTF-8 names no file, and no page links there.
        Err(_) => Refusal::new(Kind::UnknownRoute, "the dashboard has no such file").into_response(),
    }
}

fn answer(find: Find, path: &str, headers: &HeaderMap) -> Response {
    let found = match find(path) {
        Some(file) => Some((path, file)),
        None if is_file_name(path) => None,
        None => find(INDEX).map(|file| (INDEX, file)),
    };
    match found {
        Some((name, file)) => deliver(name, file, headers),
        None if find(INDEX).is_none() => Refusal::new(Kind::NoDashboard, HOW_TO_BUILD).into_response(),
        None => Refusal::new(Kind::UnknownRoute, "the dashboard has no such file").into_response(),
    }
}

/// Ids and names have no dots, so what has one in its last part is meant as a file.
fn is_file_name(path: &str) -> bool {
    path.starts_with(HASHED) || path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

fn deliver(name: &str, file: Asset, headers: &HeaderMap) -> Response {
    // Half of a SHA-256 tells versions apart. A weak tag (RFC 9110, 8.8.1), since the file may travel compressed.
    let tag = file.digest.first_chunk().map_or(0, |half| u128::from_be_bytes(*half));
    let tag = format!("W/\"{tag:032x}\"");
    let caching = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response =
        if known.split(',').any(|known| known.trim().trim_start_matches("W/") == tag.trim_start_matches("W/")) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, media_type(name))], file.data).into_response()
        };
    let own = [
        (header::CACHE_CONTROL, caching),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    response.headers_mut().extend(own.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response.headers_mut().extend(HeaderValue::from_str(&tag).map(|tag| (header::ETAG, tag)));
    response
}

/// With `nosniff`, a browser goes by this alone.
fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;

    fn built(path: &str) -> Option<Asset> {
        let text = match path {
            "index.html" => "<!doctype html>",
            "assets/index-B7x.js" => "export {}",
            "favicon.svg" => "<svg/>",
            _ => return None,
        };
        Some(Asset { data: text.as_bytes().into(), digest: [text.len().try_into().unwrap(); 32] })
    }

    fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[rstest]
    #[case::page("index.html", "<!doctype html>", "text/html; charset=utf-8", "no-cache")]
    #[case::deep_link("stores/a123456789", "<!doctype html>", "text/html; charset=utf-8", "no-cache")]
    #[case::deeper("stores/a123456789/logs/", "<!doctype html>", "text/html; charset=utf-8", "no-cache")]
    #[case::script(
        "assets/index-B7x.js",
        "export {}",
        "text/javascript; charset=utf-8",
        "public, max-age=31536000, immutable"
    )]
    #[case::picture("favicon.svg", "<svg/>", "image/svg+xml", "no-cache")]
    #[tokio::test]
    async fn files_and_deep_links(#[case] path: &str, #[case] text: &str, #[case] kind: &str, #[case] caching: &str) {
        let response = answer(built, path, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!((header_of(&response, "content-type"), header_of(&response, "cache-control")), (kind, caching));
        assert!(header_of(&response, "content-security-policy").starts_with("default-src 'none'; script-src 'self';"));
        assert!(!header_of(&response, "content-security-policy").contains("unsafe"));
        assert_eq!(to_bytes(response.into_body(), 100).await.unwrap(), text);
    }

    #[rstest]
    #[case("assets/gone-C8y.js")]
    #[case("assets/gone")]
    #[case("robots.txt")]
    #[case("../Cargo.toml")]
    #[tokio::test]
    async fn what_is_no_file_and_no_link_is_404(#[case] path: &str) {
        assert_eq!(answer(built, path, &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_page_that_is_known_is_not_sent_again() {
        let tag = header_of(&answer(built, INDEX, &HeaderMap::new()), "etag").to_owned();
        for (known, status) in [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)] {
            let headers = [(header::IF_NONE_MATCH, known.parse().unwrap())].into_iter().collect();
            let response = answer(built, "stores/a123456789", &headers);
            assert_eq!(response.status().as_u16(), status, "{known}");
            assert_eq!((header_of(&response, "etag"), header_of(&response, "cache-control")), (&*tag, "no-cache"));
        }
    }

    #[rstest]
    #[case("index.html")]
    #[case("stores/a123456789")]
    #[case("assets/index-B7x.js")]
    #[tokio::test]
    async fn without_the_dashboard_it_says_how_to_have_it(#[case] path: &str) {
        let response = answer(|_| None, path, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("built without the dashboard"), "{body:?}");
    }
}
