//! One reconciler for a file, among processes as well.

#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{claimed, given_path, in_a_process, open, place, request};
use store_core::ports::{Renewal, StoreRepository};
use store_db::ReconcilerLock;

#[test]
fn one_at_a_time() {
    let (_directory, path) = place();
    assert_eq!(ReconcilerLock::holder(&path), None);
    let lock = ReconcilerLock::try_acquire(&path).unwrap().expect("nobody has it");
    assert!(ReconcilerLock::try_acquire(&path).unwrap().is_none());
    assert_eq!(ReconcilerLock::holder(&path), Some(std::process::id()));

    drop(lock);
    assert_eq!(ReconcilerLock::holder(&path), None);
    assert!(ReconcilerLock::try_acquire(&path).unwrap().is_some());
}

/// Whoever asks for the holder, however often, keeps nobody from becoming it.
#[test]
fn asking_for_the_holder_takes_nothing() {
    let (_directory, path) = place();
    drop(ReconcilerLock::try_acquire(&path).unwrap());
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                ReconcilerLock::holder(&path);
            }
        });
        let taken = (0..100).all(|_| ReconcilerLock::try_acquire(&path).unwrap().is_some());
        enough.store(true, Ordering::Relaxed);
        assert!(taken);
    });
}

#[test]
fn each_database_has_its_own() {
    let (directory, path) = place();
    let _lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
    assert!(ReconcilerLock::try_acquire(&directory.path().join("other.db")).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn every_path_to_a_file_leads_to_its_lock() {
    let (directory, path) = place();
    std::fs::write(&path, "").unwrap();
    let link = directory.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let _lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
    assert!(ReconcilerLock::try_acquire(&link).unwrap().is_none());
    assert!(ReconcilerLock::try_acquire(&directory.path().join("./stores.db")).unwrap().is_none());
}

#[cfg(unix)]
#[test]
fn only_its_owner_reads_the_lock_file() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = place();
    let _lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
    let file = directory.path().join("stores.db.reconciler.lock");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_unusable_lock_file_is_named() {
    let error = ReconcilerLock::try_acquire(std::path::Path::new("/no/such/stores.db")).unwrap_err().to_string();
    assert!(error.contains("/no/such/stores.db.reconciler.lock"), "{error}");
}

/// A process that is killed keeps nothing.
#[test]
fn a_lock_ends_with_its_process() {
    if let Some(path) = given_path() {
        let _lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
        println!("\nlocked");
        std::io::stdout().flush().unwrap();
        // Until the parent kills it.
        let _ = std::io::stdin().lines().next();
        return;
    }
    let (_directory, path) = place();
    let mut child = in_a_process("a_lock_ends_with_its_process", &path);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "locked"));
    assert!(ReconcilerLock::try_acquire(&path).unwrap().is_none());
    assert_eq!(ReconcilerLock::holder(&path), Some(child.id()));

    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while ReconcilerLock::try_acquire(&path).unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(10), "the lock of a dead process holds");
        std::thread::yield_now();
    }
}

/// Only the holder claims, so a new one waits for nobody's lease.
#[tokio::test]
async fn a_new_holder_finds_every_claim_free_and_the_old_ones_void() {
    let (_directory, path) = place();
    let repository = open(&path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let old = claimed(&repository, &store.id).await.claim;
    let _lock = ReconcilerLock::try_acquire(&path).unwrap().unwrap();
    assert_eq!(repository.next_due().await.unwrap(), Some(Duration::ZERO));
    let new = claimed(&repository, &store.id).await.claim;
    assert!(new.epoch > old.epoch);
    assert_eq!(repository.renew(&old, Duration::from_secs(1)).await.unwrap(), Renewal::Lost);
}
