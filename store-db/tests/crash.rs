//! What was answered outlives the process that answered.

#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

mod common;

use std::io::{BufRead, BufReader, Write};

use common::{given_path, in_a_process, open, place, request};
use store_core::lifecycle::EventKind;
use store_core::ports::StoreRepository;
use store_core::store::StoreId;

#[tokio::test]
async fn a_killed_process_loses_nothing_that_it_answered() {
    if let Some(path) = given_path() {
        let repository = open(&path).await;
        for number in 0.. {
            let store = repository.create(request(number)).await.unwrap().into_store();
            println!("\ncreated {}", store.id);
            std::io::stdout().flush().unwrap();
        }
        return;
    }
    let (_directory, path) = place();
    let mut child = in_a_process("a_killed_process_loses_nothing_that_it_answered", &path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut answered = Vec::new();
    for line in lines {
        answered.extend(line.strip_prefix("created ").map(|id| StoreId::parse(id).unwrap()));
        if answered.len() == 30 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(answered.len() >= 30);

    let repository = open(&path).await;
    for id in &answered {
        let store = repository.get(id).await.unwrap().expect("it was answered");
        let events = repository.events(id, 0, 10).await.unwrap();
        assert_eq!(events.iter().map(|event| event.kind).collect::<Vec<_>>(), [EventKind::Created]);
        assert!(repository.sealed_password(id).await.unwrap().is_some());
        assert_eq!(repository.find_by_name(&store.name).await.unwrap(), Some(store));
    }
    let (last, oldest) = repository.positions().await.unwrap();
    assert_eq!(oldest, 1);
    let everything = repository.list(&store_core::ports::ListQuery::default()).await.unwrap();
    assert_eq!(last, everything.items.len() as u64, "a store and its event come together or not at all");
}
