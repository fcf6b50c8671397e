//! Moving an installation from a file: everything or nothing.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use pretty_assertions::assert_eq;
use store_core::lifecycle::{EventKind, Gates, Progress, Provisioning};
use store_core::ports::{
    ActionInFlight, ActionKind, ClaimRequest, Claimable, Created, EventDraft, IdempotencyKey, ListQuery, NewStore,
    ProgressUpdate, Recorded, Renewal, StoreRepository,
};
use store_core::store::Engine;
use store_db::{DatabaseRepository, OpenError, OpenMode, ReconcilerLock, TransferError};

use crate::common::{claimed, open, place, request};
use crate::database::{Database, postgres_url, until};
use crate::line::Line;
use crate::opening::{ask, hold};

const COUNT: u32 = 1203;

async fn moved(from: &Path, to: &Database) -> Result<Vec<String>, TransferError> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&said);
    store_db::transfer(from, &to.url(), move |line| log.lock().unwrap().push(line)).await?;
    Ok(Arc::into_inner(said).unwrap().into_inner().unwrap())
}

/// A file with stores in every state that there is of them: claimed, in flight, deleted, with and without password.
async fn filled(path: &Path) -> DatabaseRepository {
    let repository = open(path).await;
    repository.bind_cluster("cluster").await.unwrap();
    for number in 0..COUNT {
        let key = IdempotencyKey { key: format!("key {number}"), fingerprint: format!("request {number}") };
        repository.create(NewStore { idempotency: Some(key), ..request(number) }).await.unwrap();
    }
    for number in (0..COUNT).step_by(3) {
        repository.request_deletion(&request(number).id, None, request(number).at).await.unwrap();
    }
    repository
}

fn update() -> ProgressUpdate {
    let at = request(1).at;
    ProgressUpdate {
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(Engine::Medusa, at),
        details: std::collections::BTreeMap::new(),
        erase_password: true,
        events: vec![EventDraft::new(EventKind::GateMet, "said \u{1f6d2}")],
        at,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn everything_arrives_and_old_claims_are_void() {
    let (_directory, path) = place();
    let source = filled(&path).await;
    let id = request(1).id;
    let claim = claimed(&source, &id).await.claim;
    assert!(matches!(source.record(&claim, 1, &update()).await.unwrap(), Recorded::Written(_)));
    let action = ActionInFlight {
        id: uuid::Uuid::from_u128(7),
        kind: ActionKind::Install,
        epoch: claim.epoch,
        host: "host".to_owned(),
        boot_id: "boot".to_owned(),
    };
    assert!(source.begin_action(&claim, 1, &action).await.unwrap());
    let stores = source.list(&ListQuery { limit: 5000, ..ListQuery::default() }).await.unwrap().items;
    let events = source.changes(0, 10_000).await.unwrap();
    let (installation, positions) = (source.installation().await.unwrap(), source.positions().await.unwrap());
    source.close().await;

    let database = Database::new();
    let said = moved(&path, &database).await.unwrap().join("\n");
    assert!(said.contains(&format!("stores: {COUNT}")), "{said}");
    let target = database.try_open(OpenMode::Existing).await.unwrap();
    assert_eq!(target.list(&ListQuery { limit: 5000, ..ListQuery::default() }).await.unwrap().items, stores);
    assert_eq!(target.changes(0, 10_000).await.unwrap(), events);
    assert_eq!(target.installation().await.unwrap(), installation);
    assert_eq!(target.positions().await.unwrap(), positions);
    assert_eq!(target.sealed_password(&request(2).id).await.unwrap(), Some(request(2).password));
    assert_eq!(target.sealed_password(&id).await.unwrap(), None);

    assert_eq!(target.renew(&claim, Duration::from_mins(1)).await.unwrap(), Renewal::Lost);
    let due = ClaimRequest {
        owner: "next".to_owned(),
        lease: Duration::from_mins(10),
        limit: 1,
        which: Claimable::DueAmong(vec![id.clone()]),
    };
    let next = target.claim_due(&due).await.unwrap().pop().expect("nobody holds it");
    assert!(next.claim.epoch > claim.epoch);
    let in_flight = next.in_flight.expect("it is handed on");
    assert_eq!(in_flight.action, action);
    assert!(in_flight.may_run_for > Duration::ZERO && in_flight.may_run_for <= action.kind.hard_deadline());

    let key = IdempotencyKey { key: "key 5".to_owned(), fingerprint: "request 5".to_owned() };
    let again = NewStore { idempotency: Some(key), ..request(5) };
    assert!(matches!(target.create(again).await.unwrap(), Created::Replayed(store) if store.id == request(5).id));
    target.create(request(COUNT)).await.unwrap();
    assert_eq!(target.positions().await.unwrap().0, positions.0 + 1, "positions go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn the_file_is_not_worked_with_any_more() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let (database, elsewhere) = (Database::new(), Database::new());
    moved(&path, &database).await.unwrap();
    for mode in [OpenMode::Create, OpenMode::Existing] {
        let Err(error) = DatabaseRepository::open_sqlite(&path, mode).await else { panic!("it was moved") };
        assert!(matches!(&error, OpenError::Moved { .. }), "{error}");
        assert!(error.to_string().contains("was moved to postgres://postgres@127.0.0.1"), "{error}");
    }
    let again = moved(&path, &database).await.unwrap_err();
    assert!(matches!(again, TransferError::NotEmpty { .. }), "{again}");
    let twice = moved(&path, &elsewhere).await.unwrap_err();
    assert!(matches!(twice, TransferError::MovedBefore { .. }), "{twice}");
}

/// As a move leaves it that was killed after it marked the file and before it committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_marked_file_whose_move_did_not_come_through_is_moved_again() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let database = Database::new();
    tamper(&path, &format!("UPDATE installation SET moved_to = '{}'", database.url()));
    moved(&path, &database).await.unwrap();
    database.open().await.installation().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn what_cannot_be_moved_stays_where_it_is() {
    let (directory, path) = place();
    let database = Database::new();
    let missing = moved(&path, &database).await.unwrap_err();
    assert!(matches!(missing, TransferError::Missing { .. }), "{missing}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "nothing is made");

    open(&path).await.close().await;
    let lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
    let busy = moved(&path, &database).await.unwrap_err().to_string();
    assert!(busy.contains(&format!("process {} works on", std::process::id())), "{busy}");
    drop(lock);

    tamper(&path, "DELETE FROM __diesel_schema_migrations WHERE version > '20260102'");
    let older = moved(&path, &database).await.unwrap_err();
    assert!(matches!(older, TransferError::OtherVersion { .. }), "{older}");
    tamper(
        &path,
        "INSERT INTO __diesel_schema_migrations (version) VALUES ('20261123000000'), ('20261123000001'),
            ('20261128000000'), ('20991231000000')",
    );
    let newer = moved(&path, &database).await.unwrap_err();
    assert!(matches!(newer, TransferError::OtherVersion { .. }), "{newer}");
    tamper(&path, "DELETE FROM __diesel_schema_migrations WHERE version = '20991231000000'");

    std::fs::write(directory.path().join("text"), "no database at all, just a text that is long enough").unwrap();
    let text = moved(&directory.path().join("text"), &database).await.unwrap_err();
    assert!(matches!(text, TransferError::Unreadable { .. }), "{text}");

    let taken = Database::new();
    taken.open().await.close().await;
    let taken = moved(&path, &taken).await.unwrap_err();
    assert!(matches!(taken, TransferError::NotEmpty { .. }), "{taken}");
    open(&path).await.close().await;
    let Err(error) = database.try_open(OpenMode::Existing).await else { panic!("nothing came") };
    assert!(error.to_string().contains("there is nothing yet"), "{error}");
}

/// The line is cut while the server commits: it does not notice and goes on, and the move waits for how that ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_commit_whose_answer_is_lost_is_waited_for() {
    let (_directory, path) = place();
    open(&path).await.close().await;
    let database = Database::new();
    database.tamper(SLOW_COMMIT);
    let (kept, let_go) = hold(&database, "SELECT pg_advisory_xact_lock(0, 42)");
    let line = Line::to(database.port()).await;
    let to = postgres_url(&database.url_text().replace(&format!(":{}/", database.port()), &format!(":{}/", line.port)));
    let moving = tokio::spawn({
        let path = path.clone();
        async move { store_db::transfer(&path, &to, |_| ()).await }
    });
    until(|| async { (moving.is_finished() || waits_for(&database, 42)).then_some(()) }).await;
    assert!(!moving.is_finished(), "it should wait for us: {:?}", moving.await);
    line.cut();
    until(|| async { (moving.is_finished() || waits_for(&database, 1)).then_some(()) }).await;
    drop(let_go);
    kept.join().unwrap();
    moving.await.unwrap().unwrap();
    database.open().await.installation().await.unwrap();
    let Err(error) = DatabaseRepository::open_sqlite(&path, OpenMode::Existing).await else { panic!("it was moved") };
    assert!(matches!(&error, OpenError::Moved { .. }), "{error}");
}

/// Whoever commits the first row of the installation waits for a lock that somebody else keeps.
const SLOW_COMMIT: &str = "
    CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(0, 42); RETURN NEW; END $$;
    CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        IF to_regclass('public.installation') IS NOT NULL
            AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'stop_here') THEN
            CREATE CONSTRAINT TRIGGER stop_here AFTER INSERT ON installation DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW EXECUTE FUNCTION stop_here();
        END IF;
    END $$;
    CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch();";

/// Whether somebody waits for the lock of this number.
fn waits_for(database: &Database, lock: u32) -> bool {
    let waiting = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = ";
    ask(
        database,
        format!("{waiting}{lock} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
    )
}

/// A store that this program cannot read arrives as it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn what_nobody_understands_is_moved_untouched() {
    let (_directory, path) = place();
    let source = open(&path).await;
    source.create(request(1)).await.unwrap();
    source.close().await;
    tamper(
        &path,
        "UPDATE stores SET progress = '{}', in_flight = 'nonsense'; UPDATE events SET message = 'a' || char(0)",
    );
    let database = Database::new();
    moved(&path, &database).await.unwrap();
    let target = database.open().await;
    let error = target.get(&request(1).id).await.unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("column progress"), "{error:?}");
    assert_eq!(target.changes(0, 10).await.unwrap()[0].message, "a\u{fffd}");
}

fn tamper(path: &Path, sql: &str) {
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute(sql).unwrap();
}
