//! The file: who creates it, who may share it, and what is said of one that cannot be used.

#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

mod common;

use std::error::Error;
use std::path::Path;

use common::{claimed, open, place, request};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use pretty_assertions::assert_eq;
use rstest::rstest;
use store_core::ports::{
    Admission, ClaimRequest, Claimable, Created, ErrorClass, IdempotencyKey, ListQuery, NewStore, RepositoryError,
    StoreRepository, WakeUp,
};
use store_db::{DatabaseRepository, LockError, OpenError, OpenMode, ReconcilerLock};

/// Does something to the file behind the repository's back.
fn tamper(path: &Path, sql: &str) {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 5000;").unwrap();
    connection.batch_execute(sql).unwrap();
}

async fn refusal(path: &Path, mode: OpenMode) -> OpenError {
    match DatabaseRepository::open_sqlite(path, mode).await {
        Ok(_) => panic!("{} cannot be opened", path.display()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_file_that_is_opened_again_has_everything() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let installation = repository.bind_cluster("cluster").await.unwrap();
    let claim = claimed(&repository, &store.id).await.claim;
    assert!(repository.admit(&claim, Admission::InOrder { places: 1 }).await.unwrap());
    repository.close().await;

    for mode in [OpenMode::Existing, OpenMode::Create] {
        let again = DatabaseRepository::open_sqlite(&path, mode).await.unwrap();
        assert_eq!(again.get(&store.id).await.unwrap(), Some(store.clone()));
        assert_eq!(again.installation().await.unwrap(), installation);
        assert_eq!(again.sealed_password(&store.id).await.unwrap(), Some(request(1).password));
        assert_eq!(again.changes(0, 10).await.unwrap().len(), 1);
        assert!(again.admit(&claim, Admission::InOrder { places: 1 }).await.unwrap(), "claims last as well");
        again.close().await;
    }
}

#[tokio::test]
async fn each_database_has_an_installation_of_its_own() {
    let ((_one, first), (_two, second)) = (place(), place());
    let first = open(&first).await.installation().await.unwrap();
    let second = open(&second).await.installation().await.unwrap();
    assert_ne!(first.id, second.id);
    assert_eq!(first.id.get_version_num(), 4);
}

#[tokio::test]
async fn many_open_a_new_file_at_once() {
    let (_directory, path) = place();
    let opened = futures::future::join_all((0..6).map(|_| open(&path))).await;
    let ids = futures::future::join_all(opened.iter().map(StoreRepository::installation)).await;
    let ids: std::collections::BTreeSet<_> = ids.into_iter().map(|installation| installation.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn two_share_a_file() {
    let (_directory, path) = place();
    let (server, command) = (open(&path).await, open(&path).await);
    let store = command.create(request(1)).await.unwrap().into_store();
    assert_eq!(server.get(&store.id).await.unwrap(), Some(store.clone()));
    let claim = claimed(&server, &store.id).await.claim;
    let everything = ClaimRequest {
        owner: "command".to_owned(),
        lease: std::time::Duration::from_mins(1),
        limit: 10,
        which: Claimable::These(vec![store.id.clone()]),
    };
    assert_eq!(command.claim_due(&everything).await.unwrap(), []);
    command.request_deletion(&store.id, None, store.created_at).await.unwrap();
    server.release(&claim, 1, WakeUp::OnIntent).await.unwrap();
    assert_eq!(command.claim_due(&everything).await.unwrap().len(), 1);
}

/// Fifty that want one name through two repositories: the file has the last word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rivals_on_two_repositories_share_no_name() {
    let (_directory, path) = place();
    let doors = [open(&path).await, open(&path).await];
    let rivals = (0..50).map(|number| NewStore { id: request(number).id, ..request(1) });
    let answers = rivals.zip(doors.iter().cycle()).map(|(rival, door)| door.create(rival));
    let answers = futures::future::join_all(answers).await;
    let winner = answers.iter().find_map(|answer| answer.as_ref().ok()).expect("one wins").clone().into_store();
    let losers = answers
        .iter()
        .filter(|answer| matches!(answer, Err(RepositoryError::NameTaken { existing }) if *existing == winner.id));
    assert_eq!(losers.count(), 49);
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_the_file() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["stores.db", "stores.db-shm", "stores.db-wal"]);
}

#[tokio::test]
async fn nothing_is_lost_in_writing_and_the_log_is_settled_at_the_end() {
    let (directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    repository.close().await;
    let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["stores.db"], "everything is in the one file");

    let error = repository.get(&request(1).id).await.unwrap_err();
    assert_eq!(error.to_string(), "the database cannot be used right now: it is closed");
    repository.close().await;
}

#[tokio::test]
async fn reading_never_creates_a_database() {
    let (directory, path) = place();
    let error = refusal(&path, OpenMode::Existing).await;
    assert!(matches!(&error, OpenError::Missing { .. }), "{error:?}");
    assert_message(&error, &path, "create a store first, or correct DATABASE_URL");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_missing_directory_is_named() {
    let (directory, _) = place();
    let path = directory.path().join("no/such/stores.db");
    let error = refusal(&path, OpenMode::Create).await;
    assert!(matches!(&error, OpenError::CannotCreate { .. }), "{error:?}");
    assert_message(&error, &path, "a directory that exists");
}

#[tokio::test]
async fn a_directory_is_no_database() {
    let (directory, _) = place();
    let error = refusal(directory.path(), OpenMode::Create).await;
    assert_message(&error, directory.path(), "cannot be");
}

#[rstest]
#[case::text("Dear diary, today we opened a shop. It was not a database, but it was a fine day all the same. ".repeat(50))]
#[case::short("a note".to_owned())]
#[tokio::test]
async fn another_file_is_left_as_it_is(#[case] content: String) {
    let (_directory, path) = place();
    std::fs::write(&path, &content).unwrap();
    let error = refusal(&path, OpenMode::Create).await;
    assert!(matches!(&error, OpenError::NotADatabase { .. }), "{error:?}");
    assert_message(&error, &path, "move the file away");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
}

#[tokio::test]
async fn a_path_with_odd_characters_is_a_path() {
    let (directory, _) = place();
    let path = directory.path().join("50% of #1?mode=memory é.db");
    let store = open(&path).await.create(request(1)).await.unwrap().into_store();
    assert!(path.is_file());
    assert_eq!(open(&path).await.get(&store.id).await.unwrap(), Some(store));
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    tamper(&path, "INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000000');");
    let error = refusal(&path, OpenMode::Existing).await;
    assert!(matches!(&error, OpenError::Newer { migration, .. } if migration == "29991231000000"), "{error:?}");
    assert_message(&error, &path, "use that version");
}

/// A migration that was interrupted left nothing, so the next start does all of it.
#[tokio::test]
async fn an_interrupted_migration_is_done_again() {
    let (_directory, path) = place();
    std::fs::write(&path, "").unwrap();
    tamper(&path, "PRAGMA journal_mode = WAL; CREATE TABLE idempotency_keys (something INTEGER);");
    let error = refusal(&path, OpenMode::Create).await;
    assert_message(&error, &path, "idempotency_keys");

    tamper(&path, "DROP TABLE idempotency_keys;");
    let repository = open(&path).await;
    assert!(matches!(repository.create(request(1)).await.unwrap(), Created::New(_)));
}

#[rstest]
#[case::progress("UPDATE stores SET progress = '{\"state\":\"enchanted\"}'", "column progress")]
#[case::broken_json("UPDATE stores SET gates = '['", "column gates")]
#[case::name("UPDATE stores SET name = 'No Name'", "column name")]
#[case::engine("UPDATE stores SET engine = 'steam'", "column engine")]
#[case::email("UPDATE stores SET admin_email = 'nobody'", "column admin_email")]
#[case::negative(
    "UPDATE stores SET epoch = 0, generation = 9223372036854775807, attempt = 4294967296",
    "column attempt"
)]
#[case::time("UPDATE stores SET created_at = 9223372036854775807", "column created_at")]
#[case::disagreement("UPDATE stores SET status = 'READY'", "column status")]
#[tokio::test]
async fn an_impossible_value_is_named(#[case] sql: &str, #[case] column: &str) {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    tamper(&path, sql);
    let error = repository.get(&store.id).await.unwrap_err();
    assert_eq!((error.class(), error.to_string().as_str()), (ErrorClass::Permanent, "the database failed"));
    let source = error.source().expect("it says what").to_string();
    for part in ["table stores", column, store.id.as_str()] {
        assert!(source.contains(part), "{part}: {source}");
    }
}

#[tokio::test]
async fn an_impossible_event_is_named() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    tamper(&path, "UPDATE events SET kind = 'miracle'");
    let error = repository.changes(0, 10).await.unwrap_err();
    let source = error.source().expect("it says what").to_string();
    assert!(source.starts_with("table events, column kind, row 1 holds something that cannot be: "), "{source}");
}

/// A store that cannot be read keeps nobody else waiting.
#[tokio::test]
async fn a_broken_store_holds_up_no_other() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    let sound = repository.create(request(2)).await.unwrap().into_store();
    repository.create(request(3)).await.unwrap();
    tamper(&path, "UPDATE stores SET progress = '{}' WHERE id = 's000000001'");
    let one = ClaimRequest {
        owner: "worker".to_owned(),
        lease: std::time::Duration::from_mins(10),
        limit: 1,
        which: Claimable::Due,
    };
    assert_eq!(repository.claim_due(&one).await.unwrap(), []);
    let claimed = repository.claim_due(&one).await.unwrap();
    let ids: Vec<_> = claimed.iter().map(|claimed| claimed.store.id.clone()).collect();
    assert_eq!(ids, std::slice::from_ref(&sound.id));
    // It waits for a place before the others, and will never take it.
    assert!(repository.admit(&claimed[0].claim, Admission::InOrder { places: 1 }).await.unwrap());

    let page = repository.list(&ListQuery { limit: 2, ..ListQuery::default() }).await.unwrap();
    assert_eq!(page.items.into_iter().map(|store| store.id).collect::<Vec<_>>(), [sound.id]);
    let rest = repository.list(&ListQuery { limit: 2, after: page.next, ..ListQuery::default() }).await.unwrap();
    assert_eq!((rest.items.len(), rest.next), (1, None));
}

#[tokio::test]
async fn a_database_that_others_keep_locked_is_unavailable() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let mut other = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE;").unwrap();
    let error = repository.create(request(1)).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    assert_eq!(error.to_string(), "the database cannot be used right now: database is locked");
    let page = repository.list(&ListQuery::default()).await.unwrap();
    assert_eq!(page.items, [], "reads go on");

    other.batch_execute("COMMIT;").unwrap();
    assert!(repository.create(request(1)).await.is_ok());
}

fn assert_message(error: &OpenError, path: &Path, remedy: &str) {
    let message = error.to_string();
    assert!(message.contains(path.to_str().unwrap()) && message.contains(remedy), "{message}");
}

const MARK: &str = "UPDATE installation SET moved_to = 'postgres://me@db:5432/shops'";

/// Whoever had the file open when everything was moved writes nothing into it, and works on nothing; both are possible
/// again once the mark is taken back.
#[tokio::test]
async fn a_file_that_is_open_while_it_is_moved_takes_nothing_any_more() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let claim = claimed(&repository, &store.id).await.claim;
    tamper(&path, MARK);
    let refused = [
        repository.create(request(2)).await.unwrap_err(),
        repository.request_deletion(&store.id, None, store.created_at).await.unwrap_err(),
        repository.release(&claim, 1, WakeUp::OnIntent).await.unwrap_err(),
        repository.bind_cluster("cluster").await.unwrap_err(),
    ];
    for error in refused {
        assert!(error.to_string().ends_with("this installation was moved to another database"), "{error:?}");
    }
    let locked = ReconcilerLock::try_acquire(&path).unwrap_err();
    assert!(matches!(&locked, LockError::Moved { to, .. } if to == "postgres://me@db:5432/shops"), "{locked}");
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store));

    tamper(&path, "UPDATE installation SET moved_to = NULL");
    repository.create(request(2)).await.unwrap();
    assert!(ReconcilerLock::try_acquire(&path).unwrap().is_some());
}

#[derive(QueryableByName)]
struct Statement {
    #[diesel(sql_type = diesel::sql_types::Text)]
    sql: String,
}

/// Every statement on every table, those to come included.
#[tokio::test]
async fn no_table_of_a_moved_file_can_be_changed() {
    let (_directory, path) = place();
    let key = IdempotencyKey { key: "key".to_owned(), fingerprint: "request".to_owned() };
    let repository = open(&path).await;
    repository.create(NewStore { idempotency: Some(key), ..request(1) }).await.unwrap();
    // What it does as its last thing locks the file.
    repository.close().await;
    tamper(&path, MARK);
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    let tables = "WITH ours AS (
            SELECT m.name AS t, c.name AS c FROM sqlite_schema m, pragma_table_info(m.name) c
            WHERE m.type = 'table' AND c.cid = 0 AND m.name NOT GLOB 'sqlite_*' AND m.name NOT GLOB '__diesel_*'
        )
        SELECT 'DELETE FROM ' || t AS sql FROM ours UNION SELECT 'UPDATE ' || t || ' SET ' || c || ' = ' || c FROM ours
        UNION SELECT 'INSERT INTO ' || t || ' SELECT * FROM ' || t FROM ours WHERE t <> 'installation'";
    let statements: Vec<String> =
        diesel::sql_query(tables).load::<Statement>(&mut connection).unwrap().into_iter().map(|row| row.sql).collect();
    assert!(statements.len() >= 14, "{statements:?}");
    for statement in statements {
        let error = connection.batch_execute(&statement).unwrap_err().to_string();
        assert_eq!(error, "this installation was moved to another database", "{statement}");
    }
}
