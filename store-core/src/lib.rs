//! The domain of the store provisioning platform.
//!
//! A *store* is a real online shop in a Kubernetes namespace of its own. This crate says what a store is
//! ([`store`]), which states it goes through ([`lifecycle`]), what it needs from the world ([`ports`]), how it gets
//! from what its owner wants to what is ([`reconcile`]), and what programs call ([`service`]).
//!
//! It names no database, no Kubernetes client, no clock and no network: adapters implement the ports, and a binary
//! (or your own program) puts them together. With the feature `testing` it brings fakes, contract suites for
//! adapters, and mockall mocks of the ports.

pub mod lifecycle;
pub mod ports;
pub mod reconcile;
pub mod service;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use lifecycle::Store;
pub use service::StoreService;
