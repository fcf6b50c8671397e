//! Probes that never pass.

use e2e::{REST, SmallChart, Watch};
use serde_json::json;

use crate::case::SOON;
use crate::expect::failure;
use crate::shown;

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_startup_probe_that_never_passes_fails_the_store() {
    let mut case = case!(Fault);
    // So patient that the container is never started anew for it, as the servers of real stores are.
    let probe = json!({ "exec": { "command": ["false"] }, "periodSeconds": 2, "failureThreshold": 1000 });
    // The setup job's last step waits for the server, as in real stores.
    let chart = SmallChart::new().server(&json!({ "startupProbe": probe })).verify(REST);
    let store = case.store("no-start", &chart).await;
    let events = Watch::start(&case.lab, &store.path("events"));
    let is_shown = shown::event("Unhealthy", "Startup probe failed");
    let shown = events.until("a startup probe fails", SOON, is_shown).await;
    failure("probe_failing")
        .blaming("Pod", "server-")
        .beginning("Medusa pod not ready")
        .of_failed(&store.failed().await);
    // Until the gates before it are met, nobody expects the server to start.
    let counted_from = shown.max(store.told("gate_met", "setup").await);
    case.detected("probe_failing", counted_from, store.told("failed", "").await);
    case.ends_right();
}
