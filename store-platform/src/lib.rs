//! The platform put together: its configuration, the real clock and randomness, the credentials key, and the adapters
//! behind one `Platform`.
//!
//! For binaries and programs that want the whole platform. A program that picks its own adapters needs only
//! `store-core`. This crate installs no subscriber and no signal handler, and reads no environment by itself.

pub mod configuration;
pub mod credentials_key;
pub mod system;

pub use configuration::Configuration;
pub use credentials_key::CredentialsKeyFile;
pub use system::{OsEntropy, SystemClock};
