//! What users see of a store's state.

use serde::{Deserialize, Serialize};

use super::Failure;

/// The status on the wire, derived from intent and progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Status {
    /// On its way to READY.
    Provisioning,
    /// An order can be placed.
    Ready,
    /// Will not become ready by itself; its failure says why.
    Failed,
    /// On its way to nothing.
    Deleting,
    /// Nothing of it is left in the cluster.
    Deleted,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 5] = [Self::Provisioning, Self::Ready, Self::Failed, Self::Deleting, Self::Deleted];

    /// The status on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provisioning => "PROVISIONING",
            Self::Ready => "READY",
            Self::Failed => "FAILED",
            Self::Deleting => "DELETING",
            Self::Deleted => "DELETED",
        }
    }

    /// Whether nothing more happens unless somebody wants something else.
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Ready | Self::Failed | Self::Deleted)
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = crate::store::InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
            crate::store::InvalidValue::new(format!(
                "unknown status {text:?}; allowed: {}",
                Self::ALL.map(Self::as_str).join(", ")
            ))
        })
    }
}

/// How a READY store is doing right now. Computed when read, never stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Everything that makes it READY holds.
    Healthy,
    /// Something is missing; the failure names the culprit.
    Degraded(Failure),
    /// The cluster cannot be seen.
    Unknown,
}

/// Whether the public URL answers, as far as the ingress tells. Never a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Published {
    /// The ingress has an address.
    Yes,
    /// There is no ingress, or it has no address.
    No,
    /// The cluster cannot be seen.
    #[default]
    Unknown,
}
