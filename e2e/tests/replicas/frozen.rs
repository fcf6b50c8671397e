//! A server that is killed or stopped past its lease is succeeded; continued, it writes nothing and its Helm is dead.

use std::time::{Duration, Instant};

use e2e::{Server, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::several::{LEASE, Several, helms, until_no_helm, worker};

/// What is promised: somebody else has taken over one second after the lease.
const TAKEN_OVER: Duration = LEASE.saturating_add(Duration::from_secs(1));
/// The machine looks often, so that the looking costs little of it.
const LOOK: Duration = Duration::from_millis(20);

fn signal(server: &Server, signal: Signal) {
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("it can be signalled");
}

/// Waits until this holds, from the moment on in which a server was struck.
async fn taken_over(struck: Instant, holds: impl Fn() -> bool) {
    while !holds() {
        assert!(struck.elapsed() < TAKEN_OVER, "nobody took over within {TAKEN_OVER:?}");
        tokio::time::sleep(LOOK).await;
    }
    println!("taken over {:?} after it; the lease is {LEASE:?}", struck.elapsed());
}

async fn history(server: &Server, id: &str) -> Vec<Value> {
    let page = server.api().get(&format!("/api/v1/stores/{id}/events")).await;
    page["events"].as_array().cloned().expect("events")
}

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn a_frozen_server_is_succeeded_and_writes_nothing_later_on_one_database() {
    let several = Several::new("frozen-server");
    let slow = several.slow_helm();
    let one = several.server("one", &[("HELM_BINARY", &slow)]).await;
    let other = several.server("other", &[("HELM_BINARY", &slow)]).await;
    let id = one.api().create("frozen").await;
    let is_first = worker(&[&one, &other], &id).await == 0;
    let (frozen, successor) = if is_first { (one, other) } else { (other, one) };
    // Its Helm is stopped with it, so that it can only end by somebody's hand.
    let stopped_helms = helms(&id);
    for helm in &stopped_helms {
        let pid = i32::try_from(*helm).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::STOP).expect("it can be stopped");
    }
    signal(&frozen, Signal::STOP);
    let stopped = Instant::now();
    // Its Helm is ended by whoever has taken over.
    taken_over(stopped, || !helms(&id).iter().any(|pid| stopped_helms.contains(pid))).await;
    let ready = successor.api().until_status(&id, "READY").await;
    several.is_whole(&ready);

    let before = history(&successor, &id).await;
    signal(&frozen, Signal::CONT);
    until("the server that goes on answers", Duration::from_secs(20), || async {
        if frozen.api().is_live().await { Ok(()) } else { Err("no answer".to_owned()) }
    })
    .await;
    let next = successor.api().create("after-it").await;
    successor.api().until_status(&next, "READY").await;
    assert_eq!(history(&frozen, &id).await, before, "it wrote nothing");
    until_no_helm(&id, Duration::from_secs(1)).await;
    several.is_whole(&frozen.api().store(&id).await);
}

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn a_killed_server_is_succeeded_when_its_lease_ends_on_one_database() {
    let several = Several::new("killed-server");
    let slow = several.slow_helm();
    let killed = several.server("killed", &[("HELM_BINARY", &slow)]).await;
    let successor = several.server("successor", &[("HELM_BINARY", &slow)]).await;
    let id = successor.api().create("killed").await;
    let servers = [&killed, &successor];
    let worker_before = worker(&servers, &id).await;
    let (killed, successor) = if worker_before == 0 { (killed, successor) } else { (successor, killed) };
    let began = Instant::now();
    killed.kill();
    taken_over(began, || successor.output().contains("an action that was cut off is over")).await;
    several.is_whole(&successor.api().until_status(&id, "READY").await);
}
