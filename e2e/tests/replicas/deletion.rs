//! A deletion that reaches one server stops the Helm that another one runs.

use std::time::Duration;

use crate::several::{Several, until_no_helm, worker};

/// What is promised.
const AT_ONCE: Duration = Duration::from_secs(2);

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn a_deletion_stops_a_helm_of_another_server_on_one_database() {
    let several = Several::new("deletion");
    let slow = several.slow_helm();
    let one = several.server("one", &[("HELM_BINARY", &slow)]).await;
    let other = several.server("other", &[("HELM_BINARY", &slow)]).await;
    let id = one.api().create("deleted-elsewhere").await;
    let servers = [&one, &other];
    let worker = worker(&servers, &id).await;
    servers[1 - worker].api().delete(&id).await;
    let took = until_no_helm(&id, AT_ONCE).await;
    println!("the Helm of another server was gone {took:?} after the deletion was accepted");
    let gone = one.api().until_status(&id, "DELETED").await;
    several.cluster.lab.kubectl().until_nothing_is_left(&e2e::text(&gone["namespace"])).await;
}
