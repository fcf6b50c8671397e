//! The doctor as a client: how the server is, and what it says of its cluster.

use serde_json::Value;

use super::names;
use super::report::Report;
use crate::door::{Door, Filter, Remote};
use crate::failure::Failure;
use crate::text;

/// Looks at a server from outside.
pub(super) async fn examine(remote: &Remote, report: &mut Report) -> Result<(), Failure> {
    match remote.probe("readyz").await {
        Ok((status, body)) => server_state(status.as_u16(), &body, report),
        Err(failure) => {
            report.fail("server", failure.message(), "start the server, or correct --server");
            return Ok(());
        }
    }
    match remote.list(&Filter::default()).await {
        Ok(list) => {
            report.ok("API", format!("answers; it has {}", text::count(list.stores.len(), "store")));
            names::examine(&list.stores, None, report).await;
        }
        Err(failure) => report.fail("API", failure.message(), "see the server's log; a token is kept by store login"),
    }
    Ok(())
}

fn server_state(status: u16, body: &Value, report: &mut Report) {
    let text = |field: &str| body[field].as_str();
    if text("status").is_none() {
        report.fail("server", format!("answered {status}, but not as a store server"), "correct --server");
        return;
    }
    match text("database") {
        None if text("status") == Some("ready") => report.ok("server", "answers"),
        None => report.fail("server", "answers, but cannot use its database", "see the server's log"),
        Some(reason) => report.fail("server", format!("answers, but: {reason}"), "see the server's log"),
    }
    match text("parked") {
        None if body["cluster"].is_null() => {
            report.warn("work", "whether it goes on, the server tells only those whom it knows", "run store login");
        }
        None => report.ok("work", "goes on: the server reaches its cluster"),
        Some(reason) => {
            report.warn("work", format!("stands still: {reason}"), "run store doctor where the server runs");
        }
    }
}
