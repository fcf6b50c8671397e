//! Who asks, and whether they may: every route but those of probes and of the dashboard's own files wants a token, once
//! there are tokens.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::future::ready;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;

use crate::problem::{Kind, Refusal};
use crate::tokens::{Identity, TokenRole, TokensFile};

/// The routes that anybody may use: they change nothing, and tell strangers nothing but whether the server
/// works, and whether it only simulates. Templates, not paths, so that no way of writing a path can make one route look like another.
const OPEN: [&str; 11] = [
    "/health",
    "/api/v1/health",
    "/livez",
    "/readyz",
    "/",
    "/ui",
    "/ui/",
    "/ui/{*path}",
    "/docs",
    "/docs/page.js",
    "/docs/page.css",
];
/// How many failed authentications are logged in a window of time.
const LOGGED_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_mins(1);

/// Decides who may pass.
#[derive(Clone)]
pub(super) struct Guard {
    tokens: Option<TokensFile>,
    failures: Arc<Mutex<Failures>>,
}

impl Guard {
    pub(super) fn new(tokens: Option<TokensFile>) -> Self {
        Self { tokens, failures: Arc::default() }
    }
}

/// Lets through whoever may pass, with their [`Identity`], where it is known, in the request and, for the access log, in
/// the answer.
pub(super) async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    let Some(tokens) = &guard.tokens else {
        request.extensions_mut().insert(Identity::anybody());
        return next.run(request).await;
    };
    let (token, identity) = match authenticate(tokens, request.headers()) {
        Ok(known) => known,
        // Strangers, who have no identity.
        Err(Unknown::NoToken) if is_open(&request) => return next.run(request).await,
        Err(why) => {
            guard.failures.lock().unwrap_or_else(PoisonError::into_inner).log(why, &request);
            if is_open(&request) {
                return next.run(request).await;
            }
            return why.refusal().into_response();
        }
    };
    if !may(identity.role, request.method()) {
        let mut response = not_permitted(&identity, request.method()).into_response();
        response.extensions_mut().insert(identity);
        return response;
    }
    request.extensions_mut().insert(identity.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(identity.clone());
    // What has no end yet goes on only for as long as the token is let in.
    if response.body().size_hint().exact().is_none() {
        let revoked = tokens.clone().revoked(token, identity);
        response = until(revoked, response);
    }
    response
}

/// The same answer, as long as `revoked` does not end. A stream of events may end any time; anything else is broken off, so
/// that it is not taken for a whole one.
fn until(revoked: impl Future<Output = ()> + Send + 'static, response: Response) -> Response {
    let is_events = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    let cut = (!is_events).then(|| Err(axum::Error::new("the token is not let in any more")));
    response.map(|body| {
        let parts = body.into_data_stream().map(Some).chain(stream::once(ready(None)));
        let end = revoked.map(move |()| stream::iter([cut, None])).flatten_stream();
        let until_end = stream::select(Box::pin(parts), Box::pin(end)).take_while(|part| ready(part.is_some()));
        Body::from_stream(until_end.filter_map(ready))
    })
}

fn is_open(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|path| OPEN.contains(&path.as_str()))
}

fn may(role: TokenRole, method: &Method) -> bool {
    // "Safe" methods (RFC 9110, 9.2.1) change nothing.
    role == TokenRole::Admin || method.is_safe()
}

fn not_permitted(identity: &Identity, method: &Method) -> Refusal {
    let name = identity.name.as_deref().unwrap_or_default();
    let detail = format!("the token {name:?} is a viewer's: it may look, but {method} changes something");
    Refusal::new(Kind::NotPermitted, detail)
}

/// Why nobody knows who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unknown {
    NoToken,
    NoBearer,
    WrongToken,
}

impl Unknown {
    fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "it carries no token",
            Self::NoBearer => "its header Authorization is not one of the form: Bearer TOKEN",
            Self::WrongToken => "its token is not let in here (any more)",
        }
    }

    fn refusal(self) -> Refusal {
        let challenge = if self == Self::NoToken { "Bearer" } else { "Bearer error=\"invalid_token\"" };
        let detail = format!("the request was refused: {}", self.as_str());
        Refusal::new(Kind::Unauthenticated, detail).with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

fn authenticate(tokens: &TokensFile, headers: &HeaderMap) -> Result<(String, Identity), Unknown> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let line = match (lines.next(), lines.next()) {
        (Some(line), None) => line.to_str().map_err(|_| Unknown::NoBearer)?,
        (None, _) => return Err(Unknown::NoToken),
        (Some(_), Some(_)) => return Err(Unknown::NoBearer),
    };
    let (scheme, token) = line.split_once(' ').ok_or(Unknown::NoBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Unknown::NoBearer);
    }
    let token = token.trim_matches(' ');
    tokens.identify(token).map(|identity| (token.to_owned(), identity)).ok_or(Unknown::WrongToken)
}

/// Failed authentications in the log: somebody who tries many must not fill it.
#[derive(Default)]
struct Failures {
    window: Option<Instant>,
    count: u32,
}

impl Failures {
    fn log(&mut self, why: Unknown, request: &Request) {
        if !self.counts_as_news(Instant::now()) {
            return;
        }
        let (method, path) = (request.method(), request.uri().path());
        tracing::warn!(%method, path, "a request was not let in: {}", why.as_str());
        if self.count == LOGGED_MAX {
            tracing::warn!("more requests that are not let in are not logged one by one for {} s", WINDOW.as_secs());
        }
    }

    fn counts_as_news(&mut self, now: Instant) -> bool {
        if self.window.is_none_or(|begun| now.duration_since(begun) >= WINDOW) {
            let unlogged = self.count.saturating_sub(LOGGED_MAX);
            if unlogged > 0 {
                tracing::warn!("{unlogged} more requests were not let in");
            }
            (self.window, self.count) = (Some(now), 0);
        }
        self.count = self.count.saturating_add(1);
        self.count <= LOGGED_MAX
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use rstest::rstest;
    use tokio::sync::oneshot;

    use super::*;

    #[rstest]
    #[case::events("text/event-stream", true)]
    #[case::a_log("text/plain; charset=utf-8", false)]
    #[tokio::test]
    async fn who_is_let_in_no_more_does_not_take_what_there_was_for_all(#[case] kind: &str, #[case] just_ends: bool) {
        let part = stream::iter([Ok::<_, axum::Error>(Bytes::from("a line\n"))]).chain(stream::pending());
        let answer = ([(header::CONTENT_TYPE, kind.to_owned())], Body::from_stream(part)).into_response();
        let (revoke, revoked) = oneshot::channel::<()>();
        let mut body = until(revoked.map(|_| ()), answer).into_body().into_data_stream();
        assert_eq!(body.next().await.expect("a line").expect("a part"), "a line\n");
        revoke.send(()).expect("somebody waits");
        assert_eq!(body.next().await.is_none_or(|part| part.is_ok()), just_ends);
        assert!(body.next().await.is_none());
    }

    #[tokio::test]
    async fn what_ends_by_itself_ends_although_the_token_is_still_let_in() {
        let part = stream::iter([Ok::<_, axum::Error>(Bytes::from("all"))]);
        let answer = Body::from_stream(part).into_response();
        let body = until(futures::future::pending(), answer).into_body();
        assert_eq!(axum::body::to_bytes(body, 10).await.expect("whole"), "all");
    }

    #[test]
    fn only_so_many_failures_are_logged_in_a_minute() {
        let (mut failures, begun) = (Failures::default(), Instant::now());
        let logged = (0..1000).filter(|_| failures.counts_as_news(begun)).count();
        assert_eq!(logged, 20);
        assert!(!failures.counts_as_news(begun + Duration::from_secs(59)));
        assert!(failures.counts_as_news(begun + WINDOW));
    }
}
