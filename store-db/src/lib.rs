//! The store repository on a database.
//!
//! A [`DatabaseRepository`] keeps everything in a SQLite file or in a PostgreSQL database; [`DatabaseUrl`] reads what users
//! configure. Several processes may use a file at once: one of them reconciles, the one that has the [`ReconcilerLock`];
//! the others read, and write what is wanted. A PostgreSQL database is for any number of processes that reconcile: they
//! share work by claims, and tell each other what they write.
//!
//! Queries are written once, for every backend; rows are private and become domain values at the edge.

mod backend;
mod error;
mod lanes;
mod migrations;
mod postgres;
mod queries;
mod repository;
mod rows;
mod schema;
mod sqlite;
mod transfer;
mod url;

pub use postgres::{PostgresOpenError, PostgresOptions, PostgresUrl};
pub use repository::DatabaseRepository;
pub use sqlite::{LockError, OpenError, OpenMode, ReconcilerLock};
pub use transfer::{TransferError, transfer};
pub use url::{DatabaseUrl, DatabaseUrlError};
