//! Errors on the wire: `application/problem+json` (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use store_core::service::{FieldError, ServiceError};
use utoipa::ToSchema;

/// The media type of every error.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// Whoever could not be served is to come again after this time.
pub(crate) const RETRY_AFTER_SECONDS: &str = "2";

/// An error, as RFC 9457 has it, with `errors` for fields, `request_id`, and `message` for simple clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem it is, as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:store-platform:problem:name-taken")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status code.
    #[schema(example = 409)]
    pub status: u16,
    /// What happened here, and what to do about it.
    pub detail: String,
    /// The path of the request.
    pub instance: String,
    /// What is wrong with which field or parameter.
    pub errors: Vec<FieldError>,
    /// The store that has the name already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_id: Option<String>,
    /// The request's id, as in `X-Request-Id` and the log.
    pub request_id: String,
    /// The same as `detail`.
    pub message: String,
}

/// The kinds of problems: last part of the `type`, title, status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedBody,
    InvalidParameter,
    MissingHost,
    HostNotAllowed,
    OriginNotAllowed,
    UnknownStore,
    NoPod,
    UnknownRoute,
    NoDashboard,
    WrongMethod,
    TooSlow,
    NameTaken,
    Unauthenticated,
    NotPermitted,
    WrongStatus,
    StoreProtected,
    VersionMismatch,
    BodyTooLarge,
    WrongMediaType,
    InvalidFields,
    KeyReused,
    Overloaded,
    Unavailable,
    TimedOut,
    Internal,
}

impl Kind {
    fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::MalformedBody => ("malformed-body", "The body is not JSON", StatusCode::BAD_REQUEST),
            Self::InvalidParameter => ("invalid-parameter", "A parameter is wrong", StatusCode::BAD_REQUEST),
            Self::MissingHost => ("missing-host", "The request names no host", StatusCode::BAD_REQUEST),
            Self::HostNotAllowed => ("host-not-allowed", "This host is not served", StatusCode::MISDIRECTED_REQUEST),
            Self::OriginNotAllowed => ("origin-not-allowed", "This origin is not allowed", StatusCode::FORBIDDEN),
            Self::UnknownStore => ("unknown-store", "There is no such store", StatusCode::NOT_FOUND),
            Self::NoPod => ("no-pod", "There is no such pod yet", StatusCode::NOT_FOUND),
            Self::UnknownRoute => ("unknown-route", "There is no such route", StatusCode::NOT_FOUND),
            Self::NoDashboard => ("no-dashboard", "There is no dashboard in this build", StatusCode::NOT_FOUND),
            Self::WrongMethod => ("wrong-method", "The method is not allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::Unauthenticated => ("unauthenticated", "A token is needed", StatusCode::UNAUTHORIZED),
            Self::NotPermitted => ("not-permitted", "The token does not allow it", StatusCode::FORBIDDEN),
            Self::TooSlow => ("too-slow", "The body came too slowly", StatusCode::REQUEST_TIMEOUT),
            Self::NameTaken => ("name-taken", "The name is taken", StatusCode::CONFLICT),
            Self::WrongStatus => ("wrong-status", "The store's status does not allow it", StatusCode::CONFLICT),
            Self::StoreProtected => ("store-protected", "The store is protected", StatusCode::CONFLICT),
            Self::VersionMismatch => ("version-mismatch", "The store has changed", StatusCode::PRECONDITION_FAILED),
            Self::BodyTooLarge => ("body-too-large", "The body is too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::WrongMediaType => ("wrong-media-type", "The body must be JSON", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::InvalidFields => ("invalid-fields", "Fields are wrong", StatusCode::UNPROCESSABLE_ENTITY),
            Self::KeyReused => ("key-reused", "The Idempotency-Key was used", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Overloaded => ("overloaded", "The server is busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::Unavailable => ("unavailable", "The platform cannot answer now", StatusCode::SERVICE_UNAVAILABLE),
            Self::TimedOut => ("timed-out", "The answer took too long", StatusCode::GATEWAY_TIMEOUT),
            Self::Internal => ("internal", "The platform failed", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// A problem on its way out: instance and request id are filled in by the outermost layer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    problem: Box<Problem>,
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (name, title, status) = kind.parts();
        let detail = detail.into();
        let problem = Problem {
            kind: format!("urn:store-platform:problem:{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            message: detail.clone(),
            detail,
            instance: String::new(),
            errors: Vec::new(),
            existing_id: None,
            request_id: String::new(),
        };
        let mut refusal = Self { problem: Box::new(problem), status, headers: Vec::new() };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            refusal = refusal.with_header(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        refusal
    }

    /// A problem with fields or parameters.
    pub(crate) fn fields(kind: Kind, mut errors: Vec<FieldError>) -> Self {
        errors.iter_mut().for_each(name_once);
        let sentences: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
        let mut refusal = Self::new(kind, sentences.join("; "));
        refusal.problem.errors = errors;
        refusal
    }

    /// A wrong parameter.
    pub(crate) fn parameter(name: &str, message: impl Into<String>) -> Self {
        Self::fields(Kind::InvalidParameter, vec![FieldError { field: name.to_owned(), message: message.into() }])
    }

    /// No store can have this id.
    pub(crate) fn unknown_store(id: &str) -> Self {
        Self::new(Kind::UnknownStore, format!("there is no store {:?}", id.chars().take(80).collect::<String>()))
    }

    /// Adds a header; a value that cannot be one is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }

    /// Fills in what only the outermost layer knows.
    pub(crate) fn locate(mut self, instance: &str, request_id: &str) -> Self {
        instance.clone_into(&mut self.problem.instance);
        request_id.clone_into(&mut self.problem.request_id);
        self
    }
}

/// Messages of the domain stand alone, and may begin with what is wrong; here the field's name stands before them.
fn name_once(error: &mut FieldError) {
    if let Some(value) = error.message.strip_prefix(&format!("unknown {} ", error.field)) {
        error.message = format!("is not known: {value}");
    }
}

/// What is wrong with a field or parameter of a name that is none of these.
pub(crate) fn not_known(known: &[&str]) -> String {
    match known {
        [] => "is not known; there are none here".to_owned(),
        [one] => format!("is not known; the only one here is {one}"),
        several => format!("is not known; known are {}", several.join(", ")),
    }
}

impl IntoResponse for Refusal {
    /// The refusal goes along as an extension, so that the outermost layer can complete it.
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        let detail = error.to_string();
        match error {
            ServiceError::Invalid(errors) => Self::fields(Kind::InvalidFields, errors),
            ServiceError::NameTaken { existing, .. } => {
                let mut refusal = Self::new(Kind::NameTaken, detail);
                refusal.problem.errors = vec![FieldError { field: "name".to_owned(), message: "is taken".to_owned() }];
                refusal.problem.existing_id = Some(existing.to_string());
                refusal.with_header(header::LOCATION, &crate::routes::location(existing.as_str()))
            }
            ServiceError::NoPod { .. } => Self::new(Kind::NoPod, detail),
            ServiceError::NotFound { .. } => Self::new(Kind::UnknownStore, detail),
            ServiceError::WrongStatus { .. } | ServiceError::CannotProtect { .. } => {
                Self::new(Kind::WrongStatus, detail)
            }
            ServiceError::Protected { .. } => Self::new(Kind::StoreProtected, detail),
            ServiceError::VersionMismatch { current } => {
                Self::new(Kind::VersionMismatch, detail).with_header(header::ETAG, &format!("\"{current}\""))
            }
            ServiceError::KeyReused => Self::new(Kind::KeyReused, detail),
            ServiceError::BadPageToken => {
                Self::parameter("page_token", "is not one that this server made; start again without it")
            }
            ServiceError::Unavailable { .. } => Self::new(Kind::Unavailable, detail),
            ServiceError::Internal(ref cause) => {
                tracing::error!(error = &**cause as &(dyn std::error::Error + 'static), "a request failed");
                Self::new(Kind::Internal, detail)
            }
            _ => Self::new(Kind::Internal, "the request failed"),
        }
    }
}
