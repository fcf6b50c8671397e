//! `store-http migrate`: from a file that was served to a PostgreSQL that is served, or nothing at all.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use private_postgres::Postgres;
use rstest::rstest;
use rustix::process::Signal;

use crate::installation::Installation;

const FILE: &str = "sqlite:///stores.db";
const STORE: &str = r#"{"name": "mystore", "engine": "medusa", "admin_username": "owner",
    "admin_email": "owner@example.com", "admin_password": "canary-password-1"}"#;
const PATIENCE: Duration = Duration::from_secs(30);

fn said(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A file with one store, as a server leaves it.
fn served() -> Installation {
    let installation = Installation::new();
    let mut server = installation.serve(|command| _ = command.env("DATABASE_URL", FILE));
    let answer = server.post("/stores", STORE);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    server.signal(Signal::TERM);
    assert_eq!(server.ended(), Some(0));
    installation
}

fn migrate(command: &mut Command, to: &Postgres) {
    command.args(["migrate", "--from", FILE]).env("MIGRATE_TO_URL", to.url());
}

/// Serves the database that was moved to, with the keys of the file.
fn from_postgres(command: &mut Command, installation: &Installation, from: &Postgres) {
    command.env("DATABASE_URL", from.url()).env("CREDENTIALS_KEY_FILE", installation.path("stores.db.credentials-key"));
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
fn a_moved_installation_is_served_from_there_only() {
    let (installation, postgres) = (served(), Postgres::start().expect("a server"));
    let moved = installation.run(|command| migrate(command, &postgres));
    let text = said(&moved);
    assert_eq!(moved.status.code(), Some(0), "{text}");
    for expected in ["stores: 1", "everything is in postgres://postgres@127.0.0.1", "CREDENTIALS_KEY_FILE"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("only%2B") && !text.contains("only+"), "no password: {text}");

    let old = installation.run(|command| _ = command.env("DATABASE_URL", FILE));
    assert_eq!(old.status.code(), Some(1));
    assert!(said(&old).contains("was moved to postgres://postgres@127.0.0.1"), "{}", said(&old));
    let first = installation.serve(|command| from_postgres(command, &installation, &postgres));
    let second = installation.serve(|command| from_postgres(command, &installation, &postgres));
    for server in [&first, &second] {
        assert!(server.get("/stores").contains("mystore"), "{}", server.log());
    }
    let other_key = installation.run(|command| {
        installation.write("other.key", &"ab".repeat(32));
        installation.set_mode("other.key", 0o600);
        command.env("DATABASE_URL", postgres.url()).env("CREDENTIALS_KEY_FILE", installation.path("other.key"));
    });
    assert_eq!(other_key.status.code(), Some(1));
    assert!(said(&other_key).contains("give all of them the same file"), "{}", said(&other_key));
}

#[test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
fn a_file_that_is_served_is_not_moved() {
    let (installation, postgres) = (Installation::new(), Postgres::start().expect("a server"));
    let _server = installation.serve(|command| _ = command.env("DATABASE_URL", FILE));
    let refused = installation.run(|command| migrate(command, &postgres));
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("works on the stores of"), "{}", said(&refused));
}

/// It had the file open before, and would work on it as soon as its lock is free.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
fn a_standby_ends_when_its_file_was_moved() {
    let (installation, postgres) = (Installation::new(), Postgres::start().expect("a server"));
    let mut working = installation.serve(|command| _ = command.env("DATABASE_URL", FILE));
    let mut standby = installation.serve(|command| _ = command.env("DATABASE_URL", FILE));
    standby.wait_for("this one takes over when it ends");
    // It sees the free lock only after the move.
    standby.signal(Signal::STOP);
    working.signal(Signal::TERM);
    assert_eq!(working.ended(), Some(0));
    let moved = installation.run(|command| migrate(command, &postgres));
    assert_eq!(moved.status.code(), Some(0), "{}", said(&moved));
    standby.signal(Signal::CONT);
    assert_eq!(standby.ended(), Some(1));
    wait(|| standby.log().contains("was moved to postgres://postgres@127.0.0.1"));
}

/// Killed between the tables, a move leaves an empty database and a file that can be served.
#[test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
fn a_move_that_is_killed_leaves_everything_where_it_was() {
    let (installation, postgres) = (served(), Postgres::start().expect("a server"));
    let mut keeper = stop_at_the_first_event(&postgres);
    let mut command = installation.command();
    migrate(&mut command, &postgres);
    let mut moving = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("a child");
    let reached = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    wait(|| postgres.run("postgres", reached).expect("an answer") == "t");
    moving.kill().expect("killed");
    moving.wait().expect("gone");

    let empty = "SELECT to_regclass('stores') IS NULL AND to_regclass('installation') IS NULL";
    // The server tells a client that is gone only when it would tell it something.
    keeper.kill().expect("killed");
    keeper.wait().expect("gone");
    let let_go =
        "DROP EVENT TRIGGER watch; SELECT pg_terminate_backend(pid) FROM pg_locks WHERE objid = 42 AND granted";
    postgres.run("postgres", let_go).expect("let go");
    wait(|| postgres.run("postgres", empty).expect("an answer") == "t");
    let mut server = installation.serve(|command| _ = command.env("DATABASE_URL", FILE));
    assert!(server.get("/stores").contains("mystore"));
    server.signal(Signal::TERM);
    assert_eq!(server.ended(), Some(0));
    let again = installation.run(|command| migrate(command, &postgres));
    assert_eq!(again.status.code(), Some(0), "{}", said(&again));
}

/// Whoever writes the first event into a new table waits for a lock that somebody else keeps.
fn stop_at_the_first_event(postgres: &Postgres) -> Child {
    let statements = "
        CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NEW; END $$;
        CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF to_regclass('public.events') IS NOT NULL
                AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgname = 'stop_here') THEN
                CREATE TRIGGER stop_here BEFORE INSERT ON events EXECUTE FUNCTION stop_here();
            END IF;
        END $$;
        CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION watch();";
    postgres.run("postgres", statements).expect("made");
    let keeper = postgres.begin("postgres", "SELECT pg_advisory_lock(42), pg_sleep(600)").expect("begun");
    wait(|| {
        let kept = "SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 42";
        postgres.run("postgres", kept).expect("an answer") == "t"
    });
    keeper
}

fn wait(mut until: impl FnMut() -> bool) {
    let over = Instant::now() + PATIENCE;
    while !until() {
        assert!(Instant::now() < over, "waited {PATIENCE:?} in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[rstest]
#[case::nothing(&[], "MIGRATE_FROM_URL is not set")]
#[case::no_target(&["--from", "a.db"], "MIGRATE_TO_URL is not set")]
#[case::wrong_way(&["--from", "postgres://me:hunter22@db/x", "--to", "b.db"], "is moved from a SQLite file, not from postgres://me@db")]
#[case::from_file_to_file(&["--from", "a.db", "--to", "b.db"], "is moved to a PostgreSQL database, not to")]
#[case::mistyped(&["--from", "a.db", "--to", "postgre://me:hunter22@db/x"], "MIGRATE_TO_URL (from --to): allowed is")]
#[case::password(&["--from", "a.db", "--to", "postgres://me:hunter22@db/x"], "name a file that holds the URL with --to-file, or set MIGRATE_TO_URL")]
#[case::password_of_the_source(&["--from", "postgres://me:hunter22@db/x", "--to", "b.db"], "with --from-file, or set MIGRATE_FROM_URL")]
#[case::missing_file(&["--from", "a.db", "--to-file", "/nowhere/url"], "MIGRATE_TO_URL_FILE=\"/nowhere/url\" (from --to-file)")]
fn wrong_usage_is_named(#[case] arguments: &[&str], #[case] expected: &str) {
    let output = Installation::new().run(|command| _ = command.arg("migrate").args(arguments));
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("hunter22"), "{said}");
}
