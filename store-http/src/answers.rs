//! The errors that routes have in common, for the documentation.

use utoipa::IntoResponses;

use crate::problem::Problem;

/// What every route can answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum CommonProblems {
    /// The request carries no token that is let in; only where the server asks for tokens.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The request comes from a web page of an origin that is not allowed, or the token is a viewer's and the request
    /// would change something.
    #[response(status = 403, content_type = "application/problem+json")]
    OriginNotAllowed(Problem),
    /// The request names a host that this server does not serve; see `ALLOWED_HOSTS`.
    #[response(status = 421, content_type = "application/problem+json")]
    HostNotAllowed(Problem),
    /// Something failed inside the platform; its log has the cause under the request's id.
    #[response(status = 500, content_type = "application/problem+json")]
    Internal(Problem),
    /// The database cannot be used right now, or the server is busy; `Retry-After` says when to come again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
    /// The answer took too long.
    #[response(status = 504, content_type = "application/problem+json")]
    TimedOut(Problem),
}

/// What routes can answer that are there for probes: they ask for no token, and look at nothing that could fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum OpenProblems {
    /// The request comes from a web page of an origin that is not allowed.
    #[response(status = 403, content_type = "application/problem+json")]
    OriginNotAllowed(Problem),
    /// The request names a host that this server does not serve; see `ALLOWED_HOSTS`.
    #[response(status = 421, content_type = "application/problem+json")]
    HostNotAllowed(Problem),
    /// The server is busy; `Retry-After` says when to come again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What routes can answer that want to know who asks, but look at nothing that could fail.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum CallerProblems {
    /// The request carries no token that is let in; only where the server asks for tokens.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// The request comes from a web page of an origin that is not allowed.
    #[response(status = 403, content_type = "application/problem+json")]
    OriginNotAllowed(Problem),
    /// The request names a host that this server does not serve; see `ALLOWED_HOSTS`.
    #[response(status = 421, content_type = "application/problem+json")]
    HostNotAllowed(Problem),
    /// The server is busy; `Retry-After` says when to come again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

/// What routes with a body can answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum BodyProblems {
    /// The body is not JSON, or a header is wrong.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// The body did not arrive in time.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// The body has more than 64 KiB.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// The body is not declared as JSON.
    #[response(status = 415, content_type = "application/problem+json")]
    WrongMediaType(Problem),
    /// Fields are missing, unknown or wrong; `errors` names each of them.
    #[response(status = 422, content_type = "application/problem+json")]
    Invalid(Problem),
}

/// What routes of one store can answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum StoreProblems {
    /// There is no such store.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
}

/// What routes with `If-Match` can answer.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "documentation only")]
pub(crate) enum ConditionalProblems {
    /// The store has changed since; `ETag` has its version now.
    #[response(status = 412, content_type = "application/problem+json", headers(
        ("ETag" = String, description = "The store's version now"),
    ))]
    Changed(Problem),
}
