//! Gates: what must be met, one after the other, before a store is READY.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::Engine;

/// One thing that READY needs. `step` on the wire is the first gate that is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub enum Gate {
    /// A place among the stores that are being brought up.
    Queued,
    /// The namespace exists and is ours.
    Namespace,
    /// The Secret with the credentials exists.
    Credentials,
    /// The Helm release is deployed.
    Release,
    /// The database is ready.
    Database,
    /// The shop's data and admin account are in the database.
    Setup,
    /// The shop application is ready.
    Application,
    /// The storefront shows a product under its public host name.
    Storefront,
}

impl Gate {
    /// What must be met on the way to READY, in the order in which the engine meets it.
    pub fn of(engine: Engine) -> &'static [Self] {
        match engine {
            Engine::Medusa => &[
                Self::Queued,
                Self::Namespace,
                Self::Credentials,
                Self::Release,
                Self::Database,
                Self::Setup,
                Self::Application,
                Self::Storefront,
            ],
            // WordPress serves as soon as its database is there; the setup job then makes a shop of it.
            Engine::Woocommerce => &[
                Self::Queued,
                Self::Namespace,
                Self::Credentials,
                Self::Release,
                Self::Database,
                Self::Application,
                Self::Setup,
                Self::Storefront,
            ],
        }
    }

    /// The gate's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Namespace => "namespace",
            Self::Credentials => "credentials",
            Self::Release => "release",
            Self::Database => "database",
            Self::Setup => "setup",
            Self::Application => "application",
            Self::Storefront => "storefront",
        }
    }
}

impl std::fmt::Display for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When a gate became the next one to meet, and when it was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GateRecord {
    /// Which gate.
    pub gate: Gate,
    /// When all gates before it were met; absent before that.
    pub started_at: Option<Timestamp>,
    /// When it was met; absent before that.
    pub ended_at: Option<Timestamp>,
}

/// The gates of one attempt, in the engine's order. Time only moves forward: a gate once met stays met in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gates(Vec<GateRecord>);

impl Gates {
    /// All gates of an engine, the first one begun.
    pub fn begin(engine: Engine, now: Timestamp) -> Self {
        let mut records: Vec<_> =
            Gate::of(engine).iter().map(|&gate| GateRecord { gate, started_at: None, ended_at: None }).collect();
        if let Some(first) = records.first_mut() {
            first.started_at = Some(now);
        }
        Self(records)
    }

    /// Records that the first `met` gates are met, and returns those that were not before.
    pub fn advance(&mut self, met: usize, now: Timestamp) -> Vec<Gate> {
        let mut newly_met = Vec::new();
        for index in 0..self.0.len() {
            let previous_met = index == 0 || self.0[index - 1].ended_at.is_some();
            let record = &mut self.0[index];
            if previous_met && record.started_at.is_none() {
                record.started_at = Some(now);
            }
            if index < met && record.ended_at.is_none() {
                record.ended_at = Some(now);
                newly_met.push(record.gate);
            }
        }
        newly_met
    }

    /// The first gate that is not met, if any.
    pub fn step(&self) -> Option<Gate> {
        self.0.iter().find(|record| record.ended_at.is_none()).map(|record| record.gate)
    }

    /// The records in order.
    pub fn records(&self) -> &[GateRecord] {
        &self.0
    }
}
