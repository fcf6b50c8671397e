//! How much a store may use. The sizes themselves are chart values under `plans.<name>`.

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The size of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Plan {
    /// A shop that begins.
    #[default]
    Small,
    /// A shop with regular traffic.
    Medium,
    /// A shop with a lot of traffic.
    Large,
}

impl Plan {
    /// Every plan, smallest first.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// The plan's name on the wire and in the chart's values.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Medium => "medium",
            Self::Large => "large",
        }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Plan {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|plan| plan.as_str() == text).ok_or_else(|| {
            InvalidValue::new(format!("unknown plan {text:?}; allowed: {}", Self::ALL.map(Self::as_str).join(", ")))
        })
    }
}
