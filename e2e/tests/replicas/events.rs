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
    for number in 0..STORES {
        servers[number % 2].api().create(&format!("told-{number}")).await;
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
    let positions: Vec<u64> = read.iter().filter_map(|event| event["position"].as_u64()).collect();
    assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>(), "each once and in order");
}

fn ready(events: &[Value]) -> usize {
    events.iter().filter(|event| event["kind"] == "ready").count()
}
