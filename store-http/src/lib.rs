//! The HTTP API of the store provisioning platform.
//!
//! [`App`] makes an axum router of a [`StoreService`](store_core::StoreService); [`server`] serves it with bounds on
//! everything; [`run`] is the program `store-http`.

mod answers;
mod app;
mod body;
mod conditional;
mod conditions;
mod feed;
mod lists;
pub mod metrics;
mod middleware;
mod problem;
mod query;
mod routes;
pub mod run;
pub mod server;
pub mod tokens;

pub use app::{App, Facts, ReconcilerRole};
pub use middleware::HostRule;
pub use problem::Problem;
pub use routes::openapi;

/// The OpenAPI document as text, as it is committed and served.
pub fn openapi_text() -> String {
    let mut text = openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}
