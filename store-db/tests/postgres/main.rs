//! The repository on a real PostgreSQL. `STORE_TEST_POSTGRES_URL` names an administrator's database; each test makes one
//! of its own there. Tests that stop their server have a server of their own.

#![expect(clippy::unwrap_used, reason = "tests: a panic is their answer")]

#[path = "../common/mod.rs"]
mod common;

mod contract;
mod database;
mod line;
mod notices;
mod opening;
mod outages;
mod rivals;
mod tls;
mod transfer;
