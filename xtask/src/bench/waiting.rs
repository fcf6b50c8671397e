//! What stores that wait cost the API server: requests in a window in which nothing happens to them.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    audit::Mark,
    lab::{self, Lab},
    overhead::{ENGINE, create},
};
use crate::{progress::say, server::Server};

/// Gates that are met once Helm is done.
const BEFORE_WAITING: &[&str] = &["queued", "namespace", "credentials", "release"];
const HELM_DONE: Duration = Duration::from_mins(3);
/// Until the last events about what was made have come in.
const SETTLE: Duration = Duration::from_secs(10);
pub(super) const WINDOW: Duration = Duration::from_mins(1);

/// Creates `count` stores, which nothing gives a node to, waits until Helm is done with them, and counts the server's requests.
pub(super) fn requests(lab: &Lab, server: Server, count: usize) -> Result<usize> {
    say(format!("requests while {count} stores wait: {} s", WINDOW.as_secs()));
    for number in 1..=count {
        create(server, &format!("waiting-{number}"), ENGINE)?;
    }
    wait_until_helm_is_done(server, count)?;
    thread::sleep(SETTLE);
    let mark = Mark::now(&lab.cluster.audit_log)?;
    thread::sleep(WINDOW);
    let requests = mark.requests_of(&lab::user())?;
    demand_waiting(server, count)?;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for request in &requests {
        *kinds.entry(kind_of(request)).or_default() += 1;
    }
    for (kind, times) in kinds {
        say(format!("  {times} × {kind}"));
    }
    Ok(requests.len())
}

fn wait_until_helm_is_done(server: Server, count: usize) -> Result<()> {
    let end = Instant::now() + HELM_DONE;
    loop {
        let stores = server.api().stores()?;
        let is_waiting = |store: &&Value| !BEFORE_WAITING.contains(&store["step"].as_str().unwrap_or("queued"));
        let waiting = stores.iter().filter(is_waiting).count();
        if waiting == count {
            return Ok(());
        }
        if Instant::now() >= end {
            bail!("only {waiting} of {count} stores wait after {} s: the machine is too busy", HELM_DONE.as_secs());
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn demand_waiting(server: Server, count: usize) -> Result<()> {
    let waiting = server.api().stores()?.iter().filter(|store| store["status"] == "PROVISIONING").count();
    if waiting != count {
        bail!("{waiting} of {count} stores were still waiting at the end of the window");
    }
    Ok(())
}

/// A request without what differs from store to store.
fn kind_of(request: &str) -> String {
    let path = request.split('?').next().unwrap_or(request);
    let parts = path.split('/').map(|part| if part.starts_with("store-") { "…" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_are_not_told_apart() {
        assert_eq!(kind_of("list /api/v1/namespaces/store-abc/events?x=y"), "list /api/v1/namespaces/…/events");
    }
}
