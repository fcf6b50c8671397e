//! The platform on a simulated cluster, in memory: for trying the API, the dashboard and the CLI without a cluster.
//!
//! Reconciler and service are the real ones; only what they stand on is simulated. Everything is gone when the
//! [`Demo`] is. Stores take about 15 s to become READY, and some behave in a way that their name asks for; see
//! [`Behaviour`].

mod behaviour;
mod cluster;
mod pods;
mod samples;

use std::sync::Arc;
use std::time::Duration;

use store_core::ports::{Clock, Entropy};
use store_core::reconcile::{Reconciler, Scope};
use store_core::service::{ServiceError, ServiceParts, ServiceSettings};
use store_core::store::{CredentialsCipher, CredentialsKey};
use store_core::{MemoryRepository, StoreService};

pub use behaviour::Behaviour;
pub use cluster::DemoCluster;

/// The simulated cluster tells of few of its changes, so moving stores are looked at this often.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// What a demo is made of.
pub struct DemoParts {
    /// All waiting.
    pub clock: Arc<dyn Clock>,
    /// All randomness.
    pub entropy: Arc<dyn Entropy>,
    /// As for the real platform; the poll interval is the demo's own.
    pub settings: ServiceSettings,
    /// How many READY stores there are from the beginning, beside the samples.
    pub stores: usize,
}

/// A running demo.
pub struct Demo {
    service: StoreService,
    reconciler: Reconciler,
}

impl Demo {
    /// Puts the samples there and starts working. Must be called within a tokio runtime.
    pub async fn start(parts: DemoParts) -> Result<Self, ServiceError> {
        let DemoParts { clock, entropy, mut settings, stores } = parts;
        settings.reconciler.poll_interval = POLL_INTERVAL;
        let cluster = DemoCluster::new(Arc::clone(&clock));
        let repository = Arc::new(MemoryRepository::new(Arc::clone(&clock)));
        samples::settled(&settings.public_url, &*entropy, clock.now(), stores, &cluster, &repository);
        let mut key = [0; CredentialsKey::LENGTH];
        entropy.fill(&mut key);
        let parts = ServiceParts {
            repository,
            deployer: Arc::new(cluster.clone()),
            probe: Arc::new(cluster),
            clock,
            entropy: Arc::clone(&entropy),
            cipher: CredentialsCipher::new(CredentialsKey::new(key), Vec::new()),
        };
        let service = StoreService::new(parts, settings);
        let reconciler = service.start(Scope::All);
        samples::moving(&service, &*entropy).await?;
        Ok(Self { service, reconciler })
    }

    /// What programs call.
    pub fn service(&self) -> &StoreService {
        &self.service
    }

    /// Ends it, within `grace`.
    pub async fn shutdown(self, grace: Duration) {
        self.reconciler.shutdown(grace).await;
    }
}
