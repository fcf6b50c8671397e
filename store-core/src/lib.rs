//! The domain of the store provisioning platform.
//!
//! A *store* is a real online shop in a Kubernetes namespace of its own. This crate says what a store is
//! ([`store`]), which states it goes through ([`lifecycle`]), what it needs from the world ([`ports`]), how it gets
//! from what its owner wants to what is ([`reconcile`]), and what programs call ([`service`]).
//!
//! It names no database, no Kubernetes client, no clock and no network: adapters implement the ports, and a binary
//! (or your own program) puts them together. With the feature `testing` it brings fakes, contract suites for
//! adapters, and mockall mocks of the ports.
//!
//! # A store from request to READY
//!
//! On the simulated cluster of the feature `testing`; with the real adapters only the parts differ.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use store_core::{StoreService, lifecycle::Status, ports::Clock, reconcile::{ReconcilerSettings, Scope}};
//! use store_core::service::{CreateStore, ServiceParts, ServiceSettings, StoreRef};
//! use store_core::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate};
//! use store_core::testing::{FakeCluster, MemoryRepository, SeededEntropy, TestClock, Timings};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
//! let cluster = FakeCluster::new(clock.clone(), Timings::default());
//! let parts = ServiceParts {
//!     repository: Arc::new(MemoryRepository::new(clock.clone())),
//!     deployer: Arc::new(cluster.clone()),
//!     probe: Arc::new(cluster),
//!     clock,
//!     entropy: Arc::new(SeededEntropy::new(1)),
//!     cipher: CredentialsCipher::new(CredentialsKey::new([0; 32]), Vec::new()),
//! };
//! let template = PublicUrlTemplate::parse("https://{name}.stores.example.com")?;
//! let service = StoreService::new(parts, ServiceSettings::new(template, ReconcilerSettings::new("example")));
//! let reconciler = service.start(Scope::All);
//!
//! let request: CreateStore = serde_json::from_str(
//!     r#"{"name": "demo", "engine": "medusa", "admin_username": "owner",
//!         "admin_email": "owner@example.com", "admin_password": "correct horse"}"#,
//! )?;
//! let store = service.create(request, None).await?.store;
//! let demo = StoreRef::parse(&store.name)?;
//! let mut notices = service.notices();
//! while service.get(&demo).await?.status != Status::Ready {
//!     notices.changed().await?;
//! }
//! assert_eq!(service.get(&demo).await?.store_url, "https://demo.stores.example.com");
//! reconciler.shutdown(Duration::from_secs(1)).await;
//! # Ok(()) })
//! # }
//! ```

pub mod lifecycle;
#[cfg(feature = "memory")]
mod memory;
pub mod planted;
pub mod ports;
pub mod reconcile;
pub mod service;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use lifecycle::Store;
#[cfg(feature = "memory")]
pub use memory::MemoryRepository;
pub use service::StoreService;
