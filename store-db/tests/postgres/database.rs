//! A database for one test.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use store_db::{DatabaseRepository, DatabaseUrl, OpenError, OpenMode, PostgresOptions, PostgresUrl};

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A connection for what is done behind a repository's back. It must not be used where async code runs.
pub(crate) type Raw = AsyncConnectionWrapper<AsyncPgConnection>;

/// An empty database, gone when it is dropped.
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// One on the server that all tests share.
    pub(crate) fn new() -> Self {
        let server = std::env::var("STORE_TEST_POSTGRES_URL");
        Self::on(&server.expect("STORE_TEST_POSTGRES_URL is set: cargo xtask test --only database"))
    }

    /// One on the server of this administrator's database.
    pub(crate) fn on(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("store_test_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        execute(server, &format!("CREATE DATABASE {name}"));
        Self { server: server.to_owned(), name }
    }

    pub(crate) fn url_text(&self) -> String {
        let (server, _) = self.server.rsplit_once('/').expect("it names a database");
        format!("{server}/{}", self.name)
    }

    pub(crate) fn port(&self) -> u16 {
        let (_, address) = self.server.rsplit_once(':').expect("it names a port");
        let (port, _) = address.split_once('/').expect("it names a database");
        port.parse().expect("a number")
    }

    pub(crate) fn url(&self) -> PostgresUrl {
        postgres_url(&self.url_text())
    }

    /// Opens it, making its tables if there are none.
    pub(crate) async fn open(&self) -> DatabaseRepository {
        self.try_open(OpenMode::Create).await.unwrap()
    }

    pub(crate) async fn try_open(&self, mode: OpenMode) -> Result<DatabaseRepository, OpenError> {
        DatabaseRepository::open_postgres(&self.url(), PostgresOptions::default(), mode).await
    }

    /// Does something to it behind the repositories' back.
    pub(crate) fn tamper(&self, sql: &str) {
        execute(&self.url_text(), sql);
    }

    /// Runs this with a connection, on a thread of its own.
    pub(crate) fn with<T: Send + 'static>(&self, run: impl FnOnce(&mut Raw) -> T + Send + 'static) -> T {
        on_a_thread(&self.url_text(), run)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server of a test that failed may be away.
        if !std::thread::panicking() {
            execute(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

pub(crate) fn postgres_url(text: &str) -> PostgresUrl {
    match DatabaseUrl::parse(text, Path::new("/")).unwrap() {
        DatabaseUrl::Postgres(url) => url,
        other => panic!("{other} is not PostgreSQL"),
    }
}

/// Asks again and again until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn execute(url: &str, sql: &str) {
    let sql = sql.to_owned();
    on_a_thread(url, move |connection| connection.batch_execute(&sql).unwrap());
}

fn on_a_thread<T: Send + 'static>(url: &str, run: impl FnOnce(&mut Raw) -> T + Send + 'static) -> T {
    let url = url.to_owned();
    let thread = std::thread::spawn(move || run(&mut Raw::establish(&url).unwrap()));
    thread.join().unwrap()
}
