//! The platform put together: its configuration, the real clock and randomness, the credentials key, and the adapters
//! behind one [`Platform`].
//!
//! For binaries and programs that want the whole platform. A program that picks its own adapters needs only
//! `store-core`. This crate installs no subscriber and no signal handler, and reads no environment by itself.
//!
//! ```no_run
//! use std::collections::BTreeMap;
//! use std::time::Duration;
//!
//! use store_core::reconcile::Scope;
//! use store_platform::{Access, Configuration, EnvFile, Platform, Sources, Start};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let configuration = Configuration::load(Sources {
//!     flags: BTreeMap::new(),
//!     environment: std::env::vars_os().collect(),
//!     env_file: EnvFile::Default,
//!     directory: std::env::current_dir()?,
//! })?;
//! let platform = Platform::open(&configuration, Access::Work).await?;
//! if let Start::Working(work) = platform.start(Scope::All)? {
//!     // … call `platform.service()` …
//!     work.shutdown(Duration::from_secs(20)).await;
//! }
//! platform.close().await;
//! # Ok(())
//! # }
//! ```

pub mod configuration;
pub mod credentials_key;
mod moving;
mod no_cluster;
mod open;
mod system;

pub use configuration::{Configuration, EnvFile, Sources};
pub use credentials_key::CredentialsKeyFile;
pub use moving::move_installation;
pub use open::{Access, OpenError, Platform, Start, Work};
pub use store_db::{LockError, TransferError};
pub use system::{OsEntropy, SystemClock};
