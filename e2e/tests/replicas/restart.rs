//! The database restarts in the middle of provisioning; nothing is lost, and nothing fails.

use std::time::Duration;

use e2e::until;
use reqwest::Method;

use crate::several::{Several, helms, worker};

const STORES: usize = 4;

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn a_database_that_restarts_in_the_middle_loses_nothing_on_one_database() {
    let mut several = Several::new("restart");
    let slow = several.slow_helm();
    let one = several.server("one", &[("HELM_BINARY", &slow)]).await;
    let other = several.server("other", &[("HELM_BINARY", &slow)]).await;
    let mut ids = Vec::new();
    for number in 0..STORES {
        ids.push(one.api().create(&format!("restart-{number}")).await);
    }
    worker(&[&one, &other], &ids[0]).await;
    several.database.kill().expect("it can be killed");
    let (status, refused) = other.api().call(Method::GET, "/stores", None).await;
    assert_eq!(status, 503, "{refused:#}");
    // It is away for longer than one try to reach it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    several.database.resume().expect("it starts again");
    for id in &ids {
        let store = until("the database is used again", Duration::from_secs(30), || async {
            let (status, body) = other.api().call(Method::GET, &format!("/api/v1/stores/{id}"), None).await;
            if status == 200 { Ok(body) } else { Err(body.to_string()) }
        })
        .await;
        assert_ne!(store["status"], "FAILED", "{store:#}");
        several.is_whole(&other.api().until_status(id, "READY").await);
    }
    assert!(ids.iter().all(|id| helms(id).is_empty()));
}
