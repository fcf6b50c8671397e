//! A store's pods on the wire.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::PodSeen;
use crate::store::{Component, InvalidValue};

/// A part of a store, as the API names it: like the gate that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum PodComponent {
    /// The store's own database.
    Database,
    /// The shop application.
    Application,
    /// The job that makes an empty shop one that can sell.
    Setup,
}

impl PodComponent {
    /// The names on the wire, as a sentence has them.
    pub const NAMES: &str = "database, application, setup";

    /// Every one.
    pub const ALL: [Self; 3] = [Self::Database, Self::Application, Self::Setup];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Application => "application",
            Self::Setup => "setup",
        }
    }
}

impl std::fmt::Display for PodComponent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for PodComponent {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || InvalidValue::new(format!("unknown component {text:?}; allowed: {}", Self::NAMES));
        Self::ALL.into_iter().find(|component| component.as_str() == text).ok_or_else(unknown)
    }
}

impl From<PodComponent> for Component {
    fn from(component: PodComponent) -> Self {
        match component {
            PodComponent::Database => Self::Database,
            PodComponent::Application => Self::Server,
            PodComponent::Setup => Self::Setup,
        }
    }
}

impl From<Component> for PodComponent {
    fn from(component: Component) -> Self {
        match component {
            Component::Database => Self::Database,
            Component::Server => Self::Application,
            Component::Setup => Self::Setup,
        }
    }
}

/// A pod of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodDocument {
    /// Its name.
    pub name: String,
    /// Which part of the store it is.
    pub component: PodComponent,
    /// Its phase, as Kubernetes has it, such as `Running`.
    pub phase: String,
    /// Whether all its containers are ready.
    pub ready: bool,
    /// How often its containers were started again.
    pub restarts: u32,
    /// Why it does not run, or why it ended, where Kubernetes says so.
    pub message: Option<String>,
    /// When a node took it up.
    pub started_at: Option<Timestamp>,
}

/// The pods of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PodList {
    /// The newest first.
    pub pods: Vec<PodDocument>,
}

impl From<PodSeen> for PodDocument {
    fn from(pod: PodSeen) -> Self {
        let PodSeen { name, component, phase, ready, restarts, message, started_at } = pod;
        Self { name, component: component.into(), phase, ready, restarts, message, started_at }
    }
}
