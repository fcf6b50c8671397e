//! What the tests on SQLite share.

#![allow(dead_code, reason = "each test program uses some of it")]

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use store_core::ports::{ClaimRequest, Claimable, Claimed, NewStore, StoreRepository};
use store_core::store::{
    AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, SealedPassword, StoreId, StoreName,
};
use store_db::{DatabaseRepository, OpenMode};

/// A directory with a path for a database in it.
pub(crate) fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("stores.db");
    (directory, path)
}

/// The database at `path`, new or not.
pub(crate) async fn open(path: &Path) -> DatabaseRepository {
    DatabaseRepository::open_sqlite(path, OpenMode::Create).await.unwrap()
}

/// A request for the store with this number.
pub(crate) fn request(number: u32) -> NewStore {
    let name = StoreName::parse(&format!("shop-{number:05}")).unwrap();
    let template = PublicUrlTemplate::parse("http://{name}.localhost:8080").unwrap();
    NewStore {
        id: StoreId::parse(&format!("s{number:09}")).unwrap(),
        address: template.address(&name, Engine::Medusa),
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("owner").unwrap(),
        admin_email: AdminEmail::parse("owner@example.com").unwrap(),
        password: SealedPassword { key_id: "0011223344556677".to_owned(), sealed: secret(number) },
        idempotency: None,
        at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(number.into()),
    }
}

/// Bytes that occur nowhere else, of different lengths: no byte of one number's is in its place in another's.
pub(crate) fn secret(number: u32) -> Vec<u8> {
    let length = 30 + (number * 37) % 120;
    let mut state = number.wrapping_mul(0x9e37_79b9) | 1;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_be_bytes()[1]
        })
        .collect()
}

/// Claims this store, due or not.
pub(crate) async fn claimed(repository: &DatabaseRepository, id: &StoreId) -> Claimed {
    let request = ClaimRequest {
        owner: "worker".to_owned(),
        lease: std::time::Duration::from_mins(10),
        limit: 1,
        which: Claimable::These(vec![id.clone()]),
    };
    repository.claim_due(&request).await.unwrap().pop().expect("nobody holds it")
}

/// Runs one test of this program in a process of its own, with `STORE_DB_TEST_PATH` set to `path`.
pub(crate) fn in_a_process(test: &str, path: &Path) -> std::process::Child {
    std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env("STORE_DB_TEST_PATH", path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap()
}

/// The path that [`in_a_process`] gave, if this is such a process.
pub(crate) fn given_path() -> Option<PathBuf> {
    std::env::var_os("STORE_DB_TEST_PATH").map(Into::into)
}
