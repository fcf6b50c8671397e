//! The platform put together: its configuration, the real clock and randomness, the credentials key, and the adapters
//! behind one [`Platform`].
//!
//! For binaries and programs that want the whole platform. A program that picks its own adapters needs only
//! `store-core`. This crate installs no subscriber and no signal handler, and reads no environment by itself.

pub mod configuration;
pub mod credentials_key;
mod no_cluster;
mod open;
mod system;

pub use configuration::{Configuration, EnvFile, Sources};
pub use credentials_key::CredentialsKeyFile;
pub use open::{Access, OpenError, Platform, Start, Work};
pub use store_db::LockError;
pub use system::{OsEntropy, SystemClock};
