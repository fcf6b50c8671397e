//! What processes tell each other.

use std::time::{Duration, Instant};

use futures::StreamExt;
use private_postgres::Postgres;
use store_core::ports::{Notice, NoticeStream, StoreRepository};

use crate::common::{claimed, request};
use crate::database::{Database, PATIENCE, until};

/// A follower learns within this time, when both are idle otherwise.
const SOON: Duration = Duration::from_secs(1);

async fn next(notices: &mut NoticeStream) -> Notice {
    tokio::time::timeout(PATIENCE, notices.next()).await.expect("a notice").expect("it goes on")
}

/// The first notice says that earlier ones were missed.
async fn followed(repository: &dyn StoreRepository) -> NoticeStream {
    let mut notices = repository.notices();
    assert_eq!(next(&mut notices).await, Notice::Gap);
    notices
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn others_are_told_at_once_and_nobody_hears_himself() {
    let database = Database::new();
    let (one, other) = (database.open().await, database.open().await);
    let (mut at_one, mut at_other) = (followed(&one).await, followed(&other).await);

    let start = Instant::now();
    let store = one.create(request(1)).await.unwrap().into_store();
    assert_eq!(next(&mut at_other).await, Notice::Intent(store.id.clone()));
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(other.get(&store.id).await.unwrap(), Some(store.clone()), "what it tells of can be read");
    assert_eq!(next(&mut at_other).await, Notice::Events);

    let start = Instant::now();
    other.request_deletion(&store.id, None, store.created_at).await.unwrap();
    assert_eq!(next(&mut at_one).await, Notice::Intent(store.id), "its own create told it nothing");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert_eq!(next(&mut at_one).await, Notice::Events);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn what_is_undone_is_not_told() {
    let database = Database::new();
    let (one, other) = (database.open().await, database.open().await);
    let mut notices = followed(&other).await;
    let store = one.create(request(1)).await.unwrap().into_store();
    assert!(one.create(request(1)).await.is_err(), "its name is taken");
    claimed(&one, &store.id).await;
    one.request_deletion(&store.id, None, store.created_at).await.unwrap();
    for _ in ["create", "deletion"] {
        assert_eq!(next(&mut notices).await, Notice::Intent(store.id.clone()));
        assert_eq!(next(&mut notices).await, Notice::Events);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn whatever_was_missed_while_the_server_was_away_is_a_gap() {
    let mut server = Postgres::start().unwrap();
    let database = Database::on(&server.url());
    let (one, other) = (database.open().await, database.open().await);
    let mut notices = followed(&other).await;
    server.restart().unwrap();
    assert_eq!(next(&mut notices).await, Notice::Gap);
    let store = until(|| async { one.create(request(1)).await.ok() }).await.into_store();
    assert_eq!(next(&mut notices).await, Notice::Intent(store.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn notices_end_when_the_repository_is_closed() {
    let database = Database::new();
    let repository = database.open().await;
    let mut notices = followed(&repository).await;
    repository.close().await;
    assert_eq!(tokio::time::timeout(PATIENCE, notices.next()).await.expect("it ends"), None);
    assert_eq!(repository.notices().next().await, None);
    // A dropped one ends them as well.
    let repository = database.open().await;
    let mut notices = followed(&repository).await;
    drop(repository);
    assert_eq!(tokio::time::timeout(PATIENCE, notices.next()).await.expect("it ends"), None);
}
