//! A disk on which the write-ahead log alone leaves no room.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::{claimed, given_path, open, place, request};
use store_core::ports::{Renewal, StoreRepository};

const TEST: &str = "a_log_that_fills_the_disk_makes_room_for_itself";
/// No file may be larger, in blocks of 512 bytes: a new database has room, and its log soon has none.
const LARGEST: u32 = 1000;
/// Each changes a page or more, so that together they are several times as large as the log may be.
const WRITES: u32 = 600;

/// A limit on the size of files stands for the disk: any user can set one.
#[tokio::test]
async fn a_log_that_fills_the_disk_makes_room_for_itself() {
    if let Some(path) = given_path() {
        return write_again_and_again(&path).await;
    }
    let (_directory, path) = place();
    // A process that may not write more is told so rather than ended.
    let script = format!("trap '' XFSZ; ulimit -f {LARGEST}; exec \"$0\" --exact {TEST} --nocapture");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("STORE_DB_TEST_PATH", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("found no room"), "the log never grew to its limit: {said}");
}

async fn write_again_and_again(path: &std::path::Path) {
    let repository = open(path).await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let claim = claimed(&repository, &store.id).await.claim;
    for number in 0..WRITES {
        let lease = Duration::from_secs(600 + u64::from(number));
        let renewal = match repository.renew(&claim, lease).await {
            Ok(renewal) => renewal,
            Err(error) => {
                println!("write {number} found no room: {error}");
                repository.renew(&claim, lease).await.expect("the next one finds room")
            }
        };
        assert!(matches!(renewal, Renewal::Held { .. }));
    }
}
