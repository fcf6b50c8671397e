//! Opening: several at once, one that is killed, and what is said of a database that cannot be used.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use futures::future::join_all;
use rstest::rstest;
use store_core::ports::{Created, StoreRepository};
use store_db::{DatabaseRepository, OpenError, OpenMode, PostgresOpenError, PostgresOptions};

use crate::common::request;
use crate::database::{Database, Raw, postgres_url, until};

async fn refusal(database: &Database, mode: OpenMode) -> PostgresOpenError {
    match database.try_open(mode).await {
        Err(OpenError::Postgres(error)) => error,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it cannot be opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn five_make_the_tables_of_an_empty_database_at_once() {
    let database = Database::new();
    let opened = join_all((0..5).map(|_| database.open())).await;
    let ids = join_all(opened.iter().map(StoreRepository::installation)).await;
    let ids: BTreeSet<_> = ids.into_iter().map(|installation| installation.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_database_that_is_opened_again_has_everything() {
    let database = Database::new();
    let repository = database.open().await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let installation = repository.bind_cluster("cluster").await.unwrap();
    repository.close().await;
    let again = database.try_open(OpenMode::Existing).await.unwrap();
    assert_eq!(again.get(&store.id).await.unwrap(), Some(store));
    assert_eq!(again.installation().await.unwrap(), installation);
}

/// One that is killed while it makes the tables leaves none, and the next one makes them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_killed_migration_is_done_again() {
    let database = Database::new();
    // Somebody else makes a table of a late name and does not commit yet: the migration waits in its middle.
    let (held, wait) = hold(&database, "CREATE TABLE idempotency_keys ()");
    let opening = tokio::spawn({
        let url = database.url();
        async move { DatabaseRepository::open_postgres(&url, PostgresOptions::default(), OpenMode::Create).await }
    });
    let waiting =
        "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%CREATE TABLE%'";
    until(|| async { ask(&database, waiting).then_some(()) }).await;
    // Of this database only: other tests have theirs on the same server.
    let kill = "SELECT bool_and(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE application_name = 'store-platform' AND datname = current_database()";
    assert!(ask(&database, kill));
    let Err(error) = opening.await.unwrap() else { panic!("it was killed") };
    assert!(error.to_string().contains("cannot be used"), "{error}");
    drop(wait);
    held.join().unwrap();
    assert!(!ask(&database, "SELECT to_regclass('stores') IS NOT NULL"), "nothing of it is left");

    let repository = database.open().await;
    assert!(matches!(repository.create(request(1)).await.unwrap(), Created::New(_)));
}

/// Opens a transaction that does this, and undoes it when the second answer is dropped.
pub(crate) fn hold(
    database: &Database,
    sql: &'static str,
) -> (std::thread::JoinHandle<()>, std::sync::mpsc::Sender<()>) {
    let url = database.url_text();
    let (begun, has_begun) = std::sync::mpsc::channel::<()>();
    let (wait, until_dropped) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let mut connection = Raw::establish(&url).unwrap();
        connection.batch_execute(&format!("BEGIN; {sql};")).unwrap();
        begun.send(()).unwrap();
        let _ = until_dropped.recv();
        connection.batch_execute("ROLLBACK").unwrap();
    });
    has_begun.recv().unwrap();
    (thread, wait)
}

pub(crate) fn ask(database: &Database, sql: impl Into<String>) -> bool {
    #[derive(QueryableByName)]
    struct Answer {
        #[diesel(sql_type = Bool)]
        answer: bool,
    }
    let sql = sql.into();
    database.with(move |connection| {
        let rows: Vec<Answer> = diesel::sql_query(format!("SELECT ({sql}) AS answer")).load(connection).unwrap();
        rows[0].answer
    })
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn readers_make_no_tables() {
    let database = Database::new();
    let error = refusal(&database, OpenMode::Existing).await;
    assert!(matches!(error, PostgresOpenError::Missing { .. }), "{error}");
    assert!(!ask(&database, "SELECT to_regclass('stores') IS NOT NULL"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_newer_versions_database_is_left_alone() {
    let database = Database::new();
    database.open().await.close().await;
    database.tamper("INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')");
    let error = refusal(&database, OpenMode::Create).await;
    assert!(matches!(&error, PostgresOpenError::Newer { migration, .. } if migration == "20991231000000"), "{error}");
}

#[rstest]
#[case::password(":only%2Bfor", ":wrong", "password authentication failed")]
#[case::database("/store_test", "/no_such_database_", "does not exist")]
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn who_is_not_let_in_learns_why(#[case] right: &str, #[case] wrong: &str, #[case] said: &str) {
    let database = Database::new();
    let url = postgres_url(&database.url_text().replace(right, wrong));
    let opened = DatabaseRepository::open_postgres(&url, PostgresOptions::default(), OpenMode::Create).await;
    let Err(OpenError::Postgres(error)) = opened else { panic!("it cannot be opened") };
    let message = error.to_string();
    assert!(matches!(error, PostgresOpenError::Refused { .. }) && message.contains(said), "{message}");
    assert!(message.starts_with("postgres://postgres@127.0.0.1:"), "{message}");
    assert!(!message.contains("wrong") && !message.contains("only"), "no password: {message}");
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_database_of_another_encoding_is_refused() {
    let database = Database::new();
    database
        .tamper("CREATE DATABASE store_test_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
    let (server, _) =
        database.url_text().rsplit_once('/').map(|(server, name)| (server.to_owned(), name.len())).unwrap();
    let url = postgres_url(&format!("{server}/store_test_latin1"));
    let opened = DatabaseRepository::open_postgres(&url, PostgresOptions::default(), OpenMode::Create).await;
    database.tamper("DROP DATABASE store_test_latin1 WITH (FORCE)");
    let Err(error) = opened else { panic!("it cannot be opened") };
    assert!(error.to_string().contains("encoding LATIN1"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = postgres_url(&format!("postgres://stores:hunter22@127.0.0.1:{port}/stores"));
    let opened = DatabaseRepository::open_postgres(&url, PostgresOptions::default(), OpenMode::Create).await;
    let Err(OpenError::Postgres(error)) = opened else { panic!("nobody is there") };
    let message = error.to_string();
    assert!(matches!(error, PostgresOpenError::Unreachable { .. }), "{message}");
    assert!(message.contains(&port.to_string()) && message.contains("refused"), "{message}");
    assert!(!message.contains("hunter22"), "{message}");
}
