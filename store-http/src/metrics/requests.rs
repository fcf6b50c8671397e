//! Requests by route, method and status.

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use metrics::{counter, histogram};
use tokio::time::Instant;

use super::{REQUEST, REQUESTS};

/// A request that is being answered.
pub(crate) struct Measured {
    route: String,
    method: &'static str,
    begun: Instant,
}

impl Measured {
    /// Begins to measure. The route's template is the label, never the path: anybody can make up paths.
    pub(crate) fn begin(request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
        Self { route, method: method(request.method()), begun: Instant::now() }
    }

    /// Its answer has begun.
    pub(crate) fn end(self, status: StatusCode) {
        let Self { route, method, begun } = self;
        counter!(REQUESTS, "route" => route.clone(), "method" => method, "status" => status.as_u16().to_string())
            .increment(1);
        histogram!(REQUEST, "route" => route, "method" => method).record(begun.elapsed());
    }
}

/// Anybody can make up methods, too.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
