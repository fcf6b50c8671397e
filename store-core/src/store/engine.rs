//! The shop software a store runs, and what of it must be there before the store counts as ready.

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The shop software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Engine {
    /// Medusa 2 with PostgreSQL.
    Medusa,
    /// WordPress with WooCommerce and MariaDB.
    Woocommerce,
}

/// A part of a store, as the label `app.kubernetes.io/component` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Component {
    /// The store's own database.
    Database,
    /// The shop application.
    Server,
    /// The job that makes an empty shop one that can sell.
    Setup,
}

/// The kind of Kubernetes object that runs a component for as long as the store lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum WorkloadKind {
    /// `apps/v1` `StatefulSet`.
    StatefulSet,
    /// `apps/v1` `Deployment`.
    Deployment,
}

/// A workload that an engine must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Which part of the store it runs.
    pub component: Component,
    /// As which kind of object.
    pub kind: WorkloadKind,
}

impl Component {
    /// The value of the label `app.kubernetes.io/component`, and the object's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Server => "server",
            Self::Setup => "setup",
        }
    }

    /// The component a label names, if it is one of ours.
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Database, Self::Server, Self::Setup].into_iter().find(|component| component.as_str() == label)
    }
}

impl std::fmt::Display for Component {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Engine {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Medusa, Self::Woocommerce];

    /// The engine's name on the wire and in the chart's values.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Medusa => "medusa",
            Self::Woocommerce => "woocommerce",
        }
    }

    /// The engine's name as its makers write it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Medusa => "Medusa",
            Self::Woocommerce => "WooCommerce",
        }
    }

    /// The workloads that must run.
    pub fn workloads(self) -> &'static [Workload] {
        match self {
            Self::Medusa | Self::Woocommerce => &[
                Workload { component: Component::Database, kind: WorkloadKind::StatefulSet },
                Workload { component: Component::Server, kind: WorkloadKind::Deployment },
            ],
        }
    }

    /// The database software, as users know it; failures name it. MariaDB stands in for MySQL, and that is the name
    /// under which shopkeepers know their shop's database.
    pub fn database_title(self) -> &'static str {
        match self {
            Self::Medusa => "PostgreSQL",
            Self::Woocommerce => "MySQL",
        }
    }

    /// Where the shopkeeper logs in, relative to the store's URL.
    pub fn admin_path(self) -> &'static str {
        match self {
            Self::Medusa => "/app",
            Self::Woocommerce => "/wp-admin",
        }
    }

    /// The entries of the store's Secret that are generated, beside those of the admin.
    pub fn generated_credentials(self) -> &'static [&'static str] {
        match self {
            Self::Medusa => &["database-password", "jwt-secret", "cookie-secret"],
            Self::Woocommerce => &["database-password", "database-root-password", "wordpress-secret"],
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Engine {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|engine| engine.as_str() == text).ok_or_else(|| {
            InvalidValue::new(format!("unknown engine {text:?}; allowed: {}", Self::ALL.map(Self::as_str).join(", ")))
        })
    }
}
