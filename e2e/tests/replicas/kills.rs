//! Three servers, one of which is killed every five seconds, bring every store to READY.

use std::time::{Duration, Instant};

use e2e::{Server, until};

use crate::several::{Several, helms};

const SERVERS: usize = 3;
const STORES: usize = 50;
const KILLS: usize = 10;
const EVERY: Duration = Duration::from_secs(5);
/// All of them, on a busy machine.
const DEADLINE: Duration = Duration::from_mins(8);

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn servers_that_are_killed_again_and_again_bring_every_store_to_ready_on_one_database() {
    let several = Several::new("kills");
    // Two actions at once for each server, so that the work lasts longer than the kills.
    let settings = [("PROVISIONING_MAX_WORKERS", "2")];
    let mut servers: Vec<Server> = Vec::new();
    for number in 0..SERVERS {
        servers.push(several.server(&format!("server-{number}"), &settings).await);
    }
    let mut ids = Vec::new();
    for number in 0..STORES {
        ids.push(servers[number % SERVERS].api().create(&format!("many-{number}")).await);
    }
    let began = Instant::now();
    let mut ready_at_last_kill = 0;
    for kill in 0..KILLS {
        tokio::time::sleep_until((began + EVERY * u32::try_from(kill + 1).expect("small")).into()).await;
        let place = kill % SERVERS;
        ready_at_last_kill = count(&servers[(place + 1) % SERVERS]).await;
        servers.remove(place).kill();
        servers.insert(place, several.server(&format!("server-{place}-{kill}"), &settings).await);
    }
    println!("{ready_at_last_kill} of {STORES} were READY at the last of {KILLS} kills");
    assert!(ready_at_last_kill < STORES, "the kills came too late");
    until("all stores are READY", DEADLINE, || async {
        let ready = count(&servers[0]).await;
        if ready == STORES { Ok(()) } else { Err(format!("{ready} of {STORES}")) }
    })
    .await;
    println!("{STORES} of {STORES} READY {:?} after the first was asked for, {KILLS} kills", began.elapsed());
    for id in &ids {
        several.is_whole(&servers[0].api().store(id).await);
        assert_eq!(helms(id), Vec::<u32>::new(), "nothing works on it any more");
    }
}

async fn count(server: &Server) -> usize {
    let list = server.api().get("/api/v1/stores?status=READY").await;
    list["stores"].as_array().map(Vec::len).unwrap_or_default()
}
