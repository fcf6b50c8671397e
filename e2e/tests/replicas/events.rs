//! A reader of the event stream goes from one server to the other and misses nothing.

use std::time::Duration;

use serde_json::Value;

use crate::several::Several;

const STORES: usize = 6;
/// After so many events a reader goes to the other server.
const PORTION: usize = 7;

#[tokio::test]
#[ignore = "needs simulated nodes and PostgreSQL: cargo xtask test --only replicas"]
async fn a_reader_resumes_on_another_server_without_loss_or_repetition_on_one_database() {
    let several = Several::new("events");
    let one = several.server("one", &[]).await;
    let other = several.server("other", &[]).await;
    let servers = [&one, &other];
    let mut ids = Vec::new();
    for number in 0..STORES {
        ids.push(servers[number % 2].api().create(&format!("told-{number}")).await);
    }
    let reading = async {
        let (mut read, mut place) = (Vec::<Value>::new(), 0);
        while ready(&read) < STORES {
            let position = read.last().map_or(0, |event| event["position"].as_u64().expect("a position"));
            let api = servers[place % 2].api();
            let mut stream = if place == 0 { api.follow(0).await } else { api.resume(position).await };
            for _ in 0..PORTION {
                read.push(stream.next().await.expect("the stream goes on"));
                if ready(&read) == STORES {
                    break;
                }
            }
            place += 1;
        }
        read
    };
    let read = tokio::time::timeout(Duration::from_mins(4), reading).await.expect("every store becomes ready");
    let positions = |events: &[Value]| events.iter().filter_map(|event| event["position"].as_u64()).collect::<Vec<_>>();
    let followed = positions(&read);
    // A transaction that was rolled back leaves a gap, so the histories say which positions there are.
    let mut written = Vec::new();
    for id in &ids {
        let history = servers[0].api().get(&format!("/api/v1/stores/{id}/events")).await;
        written.extend(positions(history["events"].as_array().expect("events")));
    }
    written.sort_unstable();
    written.retain(|position| Some(position) <= followed.last());
    assert_eq!(followed, written, "each once and in order");
}

fn ready(events: &[Value]) -> usize {
    events.iter().filter(|event| event["kind"] == "ready").count()
}
