//! `store doctor`: is everything there that stores need, and if not, what to do about it?

#[cfg(feature = "embedded")]
mod cluster;
#[cfg(feature = "embedded")]
mod local;
mod names;
mod remote;
mod report;
#[cfg(feature = "embedded")]
mod values;

use report::Report;

use super::Context;
use crate::door;
use crate::failure::{Exit, Failure};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let mut report = Report::default();
    match door::server(&context.global, context.terminal)? {
        Some(server) => remote::examine(&server, &mut report).await?,
        None => own(context, &mut report).await?,
    }
    report.print(context.output)?;
    if report.is_bad() { Err(Failure::silent(Exit::Failure)) } else { Ok(()) }
}

#[cfg(feature = "embedded")]
async fn own(context: &Context, report: &mut Report) -> Result<(), Failure> {
    local::examine(&context.global.settings, report).await;
    Ok(())
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same signature with and without the feature")]
async fn own(_: &Context, _: &mut Report) -> Result<(), Failure> {
    Err(Failure::usage("no server is named").hint("Use --server URL or --context NAME, or set STORE_SERVER."))
}
