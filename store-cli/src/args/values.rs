//! Values of arguments, parsed into what cannot be wrong.

use std::fmt::Display;
use std::str::FromStr;

use store_core::lifecycle::Status;
use store_core::service::StoreRef;
use store_core::store::{Engine, Plan};

/// Any of the domain's values.
pub(super) fn parse<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// A store's name or id.
pub(super) fn parse_store(text: &str) -> Result<StoreRef, String> {
    StoreRef::parse(text).map_err(|error| format!("this is neither a name nor an id: {error}"))
}

/// A status, in whatever case.
pub(super) fn parse_status(text: &str) -> Result<Status, String> {
    parse(&text.to_ascii_uppercase())
}

/// Every engine's name.
pub(super) fn engines() -> Vec<&'static str> {
    Engine::ALL.map(Engine::as_str).to_vec()
}

/// Every plan's name.
pub(super) fn plans() -> Vec<&'static str> {
    Plan::ALL.map(Plan::as_str).to_vec()
}

/// Every status, in a row.
pub(super) fn statuses() -> String {
    Status::ALL.map(|status| status.as_str().to_lowercase()).join(", ")
}
