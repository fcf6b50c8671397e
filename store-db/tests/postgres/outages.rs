//! A server that goes away, in the middle of things, and comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use private_postgres::Postgres;
use store_core::ports::{ErrorClass, ListQuery, RepositoryError, StoreRepository};
use store_db::DatabaseRepository;

use crate::common::{claimed, request};
use crate::database::{Database, until};
use crate::rivals::claim_within;

/// Creates stores until it is told to stop; what fails must be trouble that passes, which names no secret. The answer:
/// those that were answered.
fn busy(
    repository: &Arc<DatabaseRepository>,
    enough: &Arc<AtomicBool>,
    answered: &Arc<AtomicU64>,
) -> tokio::task::JoinHandle<Vec<u32>> {
    let (repository, enough, answered) = (Arc::clone(repository), Arc::clone(enough), Arc::clone(answered));
    tokio::spawn(async move {
        let mut made = Vec::new();
        let mut number = 0;
        while !enough.load(Ordering::Relaxed) {
            number += 1;
            match repository.create(request(number)).await {
                Ok(_) => {
                    made.push(number);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => assert_passing(&error),
            }
        }
        made
    })
}

fn assert_passing(error: &RepositoryError) {
    assert_eq!(error.class(), ErrorClass::Transient, "{error}: {error:?}");
    assert!(!error.to_string().contains("only+for"), "{error}");
}

async fn more_than(answered: &AtomicU64, count: u64) {
    until(|| async { (answered.load(Ordering::Relaxed) > count).then_some(()) }).await;
}

/// Restarted and killed under load: calls fail for a while as unavailable, nothing that was answered is lost, and it goes
/// on by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Postgres::start().unwrap();
    let database = Database::on(&server.url());
    let repository = Arc::new(database.open().await);
    let (enough, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let busy = busy(&repository, &enough, &answered);
    more_than(&answered, 20).await;
    server.restart().unwrap();
    more_than(&answered, answered.load(Ordering::Relaxed) + 20).await;

    server.kill().unwrap();
    let error = repository.list(&ListQuery::default()).await.unwrap_err();
    assert_passing(&error);
    server.resume().unwrap();
    more_than(&answered, answered.load(Ordering::Relaxed) + 20).await;
    enough.store(true, Ordering::Relaxed);

    for number in busy.await.unwrap() {
        let store = until(|| async { repository.get(&request(number).id).await.ok() }).await;
        let store = store.expect("it was answered");
        assert_eq!(repository.events(&store.id, 0, 10).await.unwrap().len(), 1);
        assert!(repository.sealed_password(&store.id).await.unwrap().is_some());
    }
}

/// The server is killed while a store is being claimed; afterwards two want it at once, and one gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_claim_that_was_cut_off_is_made_again_once() {
    let lease = Duration::from_millis(200);
    let mut server = Postgres::start().unwrap();
    let database = Database::on(&server.url());
    let (one, other) = (Arc::new(database.open().await), Arc::new(database.open().await));
    for number in 0..10 {
        // For a moment after it came back, the server is not tried again.
        let id = until(|| async { one.create(request(number)).await.ok() }).await.into_store().id;
        let cut_off = tokio::spawn({
            let (one, id) = (Arc::clone(&one), id.clone());
            async move { claim_within(&one, &id, "cut off", lease).await }
        });
        tokio::task::yield_now().await;
        server.kill().unwrap();
        cut_off.await.unwrap();
        server.resume().unwrap();

        let long = Duration::from_mins(10);
        let (first, second) = until(|| async {
            let both = tokio::join!(claim_within(&one, &id, "one", long), claim_within(&other, &id, "other", long));
            (both.0 || both.1).then_some(both)
        })
        .await;
        assert!(first != second, "only one of them has it");
        let rest = tokio::join!(claim_within(&one, &id, "one", long), claim_within(&other, &id, "other", long));
        assert_eq!(rest, (false, false));
    }
}

/// A process that is killed within a transaction keeps nothing locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_frozen_process_holds_nobody_up_for_long() {
    let database = Database::new();
    let repository = database.open().await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    // As a frozen process leaves them: a row that is locked, and the turn to write events.
    let frozen = std::thread::spawn({
        let url = database.url_text();
        move || {
            use diesel::connection::SimpleConnection;
            use diesel::prelude::*;
            let mut connection = crate::database::Raw::establish(&url).unwrap();
            let freeze = "SET idle_in_transaction_session_timeout = '5s'; BEGIN; \
                          SELECT pg_advisory_xact_lock(1937010546, 3); SELECT 1 FROM stores FOR UPDATE;";
            connection.batch_execute(freeze).unwrap();
            connection
        }
    });
    let frozen = tokio::task::spawn_blocking(move || frozen.join().unwrap()).await.unwrap();
    assert!(!claim_within(&repository, &store.id, "one", Duration::from_mins(1)).await, "it is passed over");
    let wanted = repository.request_deletion(&store.id, None, store.created_at).await.unwrap();
    assert_eq!(wanted.intent.generation, 2);
    claimed(&repository, &store.id).await;
    tokio::task::spawn_blocking(move || drop(frozen)).await.unwrap();
}

/// A server that takes what it is told and answers nothing: callers are told so in time, and it is used again when it
/// goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_frozen_server_keeps_nobody_waiting_for_ever() {
    let server = Postgres::start().unwrap();
    let database = Database::on(&server.url());
    let repository = Arc::new(database.open().await);
    repository.create(request(1)).await.unwrap();
    repository.list(&ListQuery::default()).await.unwrap();

    server.freeze().unwrap();
    let start = Instant::now();
    let reads = (0..12).map(|_| {
        let repository = Arc::clone(&repository);
        tokio::spawn(async move { repository.list(&ListQuery::default()).await })
    });
    let (written, read) = tokio::join!(repository.create(request(2)), futures::future::join_all(reads));
    assert_passing(&written.unwrap_err());
    for read in read {
        assert_passing(&read.unwrap().unwrap_err());
    }
    assert!(start.elapsed() < Duration::from_secs(35), "{:?}", start.elapsed());

    server.thaw().unwrap();
    until(|| async { repository.create(request(3)).await.ok() }).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_closed_repository_says_so() {
    let database = Database::new();
    let repository = database.open().await;
    repository.close().await;
    let error = repository.list(&ListQuery::default()).await.unwrap_err();
    assert_eq!(error.to_string(), "the database cannot be used right now: it is closed");
}
