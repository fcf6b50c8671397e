//! A server that is killed or stopped past its lease is succeeded; continued, it writes nothing and its Helm is dead.

use std::time::{Duration, Instant};

use e2e::{Server, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::several::{LEASE, Several, helms, until_no_helm, worker};

/// One second after the lease is promised; another is for looking at it from outside on a busy machine.
const TAKEN_OVER: Duration = LEASE.saturating_add(Duration::from_secs(2));

fn signal(server: &Server, signal: Signal) {
    let pid = i32::try_from(server.pid()).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, signal).expect("it can be signalled");
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
    let frozen = several.server("frozen", &[("HELM_BINARY", &slow)]).await;
    let id = frozen.api().create("frozen").await;
    worker(&[&frozen], &id).await;
    // Its Helm is stopped with it, so that it can only end by somebody's hand.
    let stopped_helms = helms(&id);
    for helm in &stopped_helms {
        let pid = i32::try_from(*helm).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::STOP).expect("it can be stopped");
    }
    signal(&frozen, Signal::STOP);
    let stopped = Instant::now();
    let successor = several.server("successor", &[]).await;
    until("the Helm of the frozen server is ended by its successor", TAKEN_OVER, || async {
        let alive: Vec<u32> = helms(&id).into_iter().filter(|pid| stopped_helms.contains(pid)).collect();
        if alive.is_empty() { Ok(()) } else { Err(format!("{alive:?}")) }
    })
    .await;
    println!("taken over {:?} after the server was stopped; the lease is {LEASE:?}", stopped.elapsed());
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
    killed.kill();
    let began = Instant::now();
    until_no_helm(&id, Duration::from_secs(5)).await;
    until("the successor takes over", TAKEN_OVER, || async {
        let output = successor.output();
        if output.contains("an action that was cut off is over") { Ok(()) } else { Err("nothing yet".to_owned()) }
    })
    .await;
    println!("taken over {:?} after the server was killed; the lease is {LEASE:?}", began.elapsed());
    several.is_whole(&successor.api().until_status(&id, "READY").await);
}
