//! JSON bodies: bounded in size and time, an object of known text fields, with everything that is wrong named at once.
//!
//! Errors never quote a value: it may be a password.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use http_body_util::LengthLimitError;
use hyper::body::Body as _;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;
use store_core::service::FieldError;

use crate::problem::{Kind, Refusal, not_known};

/// No body may be larger.
pub(crate) const BODY_MAX: usize = 64 * 1024;
/// A body has to arrive within this time.
const BODY_DEADLINE: Duration = Duration::from_secs(15);

/// The text fields of a body.
pub(crate) type Texts = BTreeMap<String, String>;

/// Whether a request may come without a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// Reads a body whose fields are all texts. `null` counts as absent.
pub(crate) async fn texts(request: Request, known: &[&str], presence: Presence) -> Result<Texts, Refusal> {
    fields(request, known, presence, |value| match value {
        Value::String(text) => Ok(text),
        other => Err(format!("must be a string, this is {}", type_name(&other))),
    })
    .await
}

/// Reads a body whose fields are all yes or no. `null` counts as absent.
pub(crate) async fn flags(request: Request, known: &[&str]) -> Result<BTreeMap<String, bool>, Refusal> {
    fields(request, known, Presence::Required, |value| match value {
        Value::Bool(flag) => Ok(flag),
        other => Err(format!("must be true or false, this is {}", type_name(&other))),
    })
    .await
}

/// What becomes of a value, or what is wrong with it, in words that do not quote it.
type Take<T> = fn(Value) -> Result<T, String>;

async fn fields<T>(
    request: Request,
    known: &[&str],
    presence: Presence,
    take: Take<T>,
) -> Result<BTreeMap<String, T>, Refusal> {
    let (parts, body) = request.into_parts();
    // Before a single byte is read, so that a client that waits for "100 Continue" sends nothing in vain.
    if body.size_hint().lower() > BODY_MAX as u64 {
        return Err(too_large());
    }
    let bytes = read(body).await?;
    if bytes.is_empty() && presence == Presence::Optional {
        return Ok(BTreeMap::new());
    }
    check_media_type(&parts.headers)?;
    let members = parse(&bytes)?;
    sort_out(members, known, take)
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    let too_slow = || {
        let seconds = BODY_DEADLINE.as_secs();
        Refusal::new(Kind::TooSlow, format!("the body did not arrive within {seconds} s"))
            .with_header(header::CONNECTION, "close")
    };
    match tokio::time::timeout(BODY_DEADLINE, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(Refusal::new(Kind::MalformedBody, "the body broke off")),
        Err(_) => Err(too_slow()),
    }
}

fn too_large() -> Refusal {
    Refusal::new(Kind::BodyTooLarge, format!("the body may have at most {BODY_MAX} bytes"))
}

fn is_length_limit(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // A JSON Patch (RFC 6902) is a list of operations, and would be mistaken for what it changes.
    let is_json = essence == "application/json"
        || (essence.starts_with("application/")
            && essence.ends_with("+json")
            && essence != "application/json-patch+json");
    if is_json {
        return Ok(());
    }
    Err(Refusal::new(Kind::WrongMediaType, "send JSON, with the header Content-Type: application/json"))
}

/// The members of an object in their order, repeated ones included.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<(String, Value)>, Refusal> {
    match serde_json::from_slice::<Members>(bytes) {
        Ok(Members(members)) => Ok(members),
        Err(error) if error.classify() == Category::Data => {
            Err(Refusal::new(Kind::InvalidFields, "the body must be a JSON object"))
        }
        Err(error) => Err(Refusal::new(Kind::MalformedBody, format!("the body is not JSON: {error}"))),
    }
}

fn sort_out<T>(members: Vec<(String, Value)>, known: &[&str], take: Take<T>) -> Result<BTreeMap<String, T>, Refusal> {
    let mut taken = BTreeMap::new();
    let mut errors = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for (name, value) in members {
        let message = if !known.contains(&name.as_str()) {
            Some(not_known(known))
        } else if !seen.insert(name.clone()) {
            Some("is there more than once".to_owned())
        } else if value.is_null() {
            None
        } else {
            take(value).map(|value| taken.insert(name.clone(), value)).err()
        };
        if let Some(message) = message {
            errors.push(FieldError { field: name.chars().take(80).collect(), message });
        }
    }
    if errors.is_empty() {
        return Ok(taken);
    }
    errors.truncate(ERRORS_MAX);
    Err(Refusal::fields(Kind::InvalidFields, errors))
}

/// An answer names at most this many wrong fields.
const ERRORS_MAX: usize = 50;

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
