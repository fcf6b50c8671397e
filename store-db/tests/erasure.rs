//! What is erased is gone from every file of the database, byte by byte.

#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

mod common;

use std::collections::HashSet;
use std::path::Path;

use common::{claimed, open, place, request, secret};
use store_core::lifecycle::{EventKind, Gates, Progress, Provisioning};
use store_core::ports::{EventDraft, ProgressUpdate, Recorded, StoreRepository};
use store_core::store::Engine;
use store_db::DatabaseRepository;

/// Shorter pieces may occur by chance.
const PIECE: usize = 8;

#[tokio::test]
async fn an_erased_password_is_in_no_file() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    repository.create(request(2)).await.unwrap();
    assert!(holds(&path, 1) && holds(&path, 2), "the search finds what is there");

    erase(&repository, 1).await;
    assert!(!holds(&path, 1));
    assert!(holds(&path, 2), "others keep theirs");
    repository.close().await;
    assert!(!holds(&path, 1) && holds(&path, 2));
}

#[tokio::test]
async fn a_deletion_request_erases_the_password() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    repository.request_deletion(&store.id, None, store.created_at).await.unwrap();
    assert!(!holds(&path, 1));
}

/// With many of them, pages split and cells move, which must leave no copies behind.
#[tokio::test]
async fn many_erased_passwords_leave_no_copies() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    for number in 0..400 {
        // An order in which pages are filled in the middle as well.
        repository.create(request(number * 173 % 400)).await.unwrap();
    }
    for number in (0..400).filter(|number| number % 7 != 0) {
        let id = request(number).id;
        repository.request_deletion(&id, None, request(number).at).await.unwrap();
    }
    let traces = Traces::of(&path);
    let left: Vec<_> = (0..400).filter(|&number| number % 7 != 0 && traces.hold(number)).collect();
    assert_eq!(left, [0; 0], "copies of erased passwords are left");
    assert!((0..400).filter(|number| number % 7 == 0).all(|number| traces.hold(number)));
}

/// A reader in another process keeps the log from being emptied; the next write makes up for it.
#[tokio::test]
async fn a_log_in_use_is_emptied_later() {
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;

    let (_directory, path) = place();
    let repository = open(&path).await;
    repository.create(request(1)).await.unwrap();
    let mut other = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    other.batch_execute("BEGIN; SELECT count(*) FROM stores;").unwrap();
    erase(&repository, 1).await;
    assert!(holds(&path, 1), "the log is in use");

    other.batch_execute("COMMIT;").unwrap();
    repository.create(request(2)).await.unwrap();
    assert!(!holds(&path, 1));
}

async fn erase(repository: &DatabaseRepository, number: u32) {
    let claim = claimed(repository, &request(number).id).await.claim;
    let at = request(number).at;
    let update = ProgressUpdate {
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(Engine::Medusa, at),
        details: std::collections::BTreeMap::new(),
        erase_password: true,
        events: vec![EventDraft::new(EventKind::GateMet, "The Secret is there")],
        at,
    };
    assert!(matches!(repository.record(&claim, 1, &update).await.unwrap(), Recorded::Written(_)));
}

/// Whether any piece of the secret is in any file beside the database.
fn holds(path: &Path, number: u32) -> bool {
    Traces::of(path).hold(number)
}

/// Every piece of every file of a directory.
struct Traces(HashSet<[u8; PIECE]>);

impl Traces {
    fn of(path: &Path) -> Self {
        let files = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
        let pieces = files.flat_map(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(PIECE).map(|piece| piece.try_into().unwrap()).collect::<Vec<[u8; PIECE]>>()
        });
        Self(pieces.collect())
    }

    fn hold(&self, number: u32) -> bool {
        secret(number).windows(PIECE).any(|piece| self.0.contains(piece))
    }
}
