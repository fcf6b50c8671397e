//! The server's SQLite file seen from outside, by `sqlite3`.

use std::path::Path;
use std::process::Command;

use crate::canaries::from_hex;

/// The sealed admin password of a store; `None` once it is erased.
pub fn sealed_password(dir: &Path, id: &str) -> Option<Vec<u8>> {
    let row = query(dir, &format!("SELECT hex(sealed) FROM sealed_passwords WHERE store_id = '{id}'"));
    (!row.is_empty()).then(|| from_hex(&row))
}

/// How many sealed admin passwords the database in `dir` holds.
pub fn sealed_passwords(dir: &Path) -> usize {
    query(dir, "SELECT count(*) FROM sealed_passwords").parse().expect("a number")
}

fn query(dir: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-readonly", "-cmd", ".timeout 5000"])
        .arg(dir.join("stores.db"))
        .arg(sql)
        .output()
        .expect("sqlite3 runs");
    assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
