//! What happens to every request before and after its route.

mod authentication;
mod compression;
mod finish;
mod hosts;
mod limits;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};

use crate::tokens::TokensFile;

pub(crate) use compression::compress_files;
pub use hosts::HostRule;

/// Wraps the routes. The outermost layer completes problems and writes the access log, so it sees every answer.
pub(crate) fn wrap(router: Router, hosts: HostRule, tokens: Option<TokensFile>) -> Router {
    let guard = authentication::Guard::new(tokens);
    router
        .layer(from_fn_with_state(limits::Limits::default(), limits::limit))
        .layer(from_fn_with_state(guard, authentication::check))
        .layer(from_fn_with_state(hosts, hosts::check))
        .layer(limits::catch_panics())
        .layer(from_fn(finish::finish))
        .layer(compression::compress())
}
