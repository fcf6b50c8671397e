//! What a service is made of.

use std::sync::Arc;

use crate::ports::{Clock, Deployer, Entropy, HealthProbe, StoreRepository};
use crate::reconcile::ReconcilerSettings;
use crate::store::{CredentialsCipher, PublicUrlTemplate, ReservedNames};

/// The adapters, and the key for credentials at rest.
#[derive(Clone)]
pub struct ServiceParts {
    /// Remembers.
    pub repository: Arc<dyn StoreRepository>,
    /// Changes the cluster.
    pub deployer: Arc<dyn Deployer>,
    /// Reads the cluster.
    pub probe: Arc<dyn HealthProbe>,
    /// All waiting.
    pub clock: Arc<dyn Clock>,
    /// All randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Seals admin passwords at rest.
    pub cipher: CredentialsCipher,
}

/// What can be set about a service.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServiceSettings {
    /// What new stores' URLs look like.
    pub public_url: PublicUrlTemplate,
    /// Names that no store may take.
    pub reserved: ReservedNames,
    /// Budgets, limits and intervals.
    pub reconciler: ReconcilerSettings,
}

impl ServiceSettings {
    /// Settings with the default reserved names.
    pub fn new(public_url: PublicUrlTemplate, reconciler: ReconcilerSettings) -> Self {
        Self { public_url, reserved: ReservedNames::default(), reconciler }
    }

    /// Replaces the reserved names.
    #[must_use]
    pub fn with_reserved(mut self, reserved: ReservedNames) -> Self {
        self.reserved = reserved;
        self
    }
}
