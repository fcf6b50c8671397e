//! The store repository on a database.
//!
//! [`SqliteRepository`] keeps everything in one file. Several processes may use the file at once: one of them
//! reconciles, the one that has the [`ReconcilerLock`]; the others read, and write what is wanted. [`DatabaseUrl`] reads
//! what users configure.
//!
//! Queries are written once, for every backend; rows are private and become domain values at the edge.

mod backend;
mod error;
mod lanes;
mod queries;
mod repository;
mod rows;
mod schema;
mod sqlite;
mod url;

pub use repository::SqliteRepository;
pub use sqlite::{LockError, OpenError, OpenMode, ReconcilerLock};
pub use url::{DatabaseUrl, DatabaseUrlError};
