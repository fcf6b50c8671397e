//! The one definition of READY, and the gates on the way to it. Pure.

use crate::lifecycle::{Gate, Progress, Store};
use crate::planted::{Bug, planted};
use crate::ports::{CredentialsSeen, NamespaceSeen, Observation, ReleaseSeen, SetupSeen};
use crate::store::{Component, Engine, Workload};

/// What a store must have to be READY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    workloads: &'static [Workload],
    attempt: u32,
}

impl Expected {
    /// What this engine needs for this attempt.
    pub fn of(engine: Engine, attempt: u32) -> Self {
        Self { workloads: engine.workloads(), attempt }
    }

    /// What this store needs for the attempt whose evidence counts now.
    pub fn of_store(store: &Store) -> Self {
        Self::of(store.engine, store.attempt())
    }

    /// The attempt whose setup job counts. Adapters report that job and no other.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

/// The first thing that READY lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet {
    /// The namespace is not there, not ours, or going.
    Namespace,
    /// The release is not `deployed`, or was not looked at.
    Release,
    /// A workload is missing.
    Missing(Component),
    /// A workload is there, but not ready.
    NotReady(Component),
    /// The setup job of this attempt has not seen the storefront.
    Storefront,
}

/// The first thing that READY lacks; `None` is READY. What was not looked at counts as missing.
fn unmet(expected: &Expected, seen: &Observation) -> Option<Unmet> {
    if !matches!(seen.namespace, NamespaceSeen::Active { .. }) {
        return Some(Unmet::Namespace);
    }
    let is_deployed = matches!(seen.release, ReleaseSeen::Deployed { .. });
    if !is_deployed && !planted(Bug::ExitCodeTrusted) {
        return Some(Unmet::Release);
    }
    unmet_workload(expected, seen)
        .or_else(|| (!matches!(seen.setup, SetupSeen::Succeeded(_))).then_some(Unmet::Storefront))
}

/// The first workload that is missing or not ready.
pub(super) fn unmet_workload(expected: &Expected, seen: &Observation) -> Option<Unmet> {
    expected.workloads.iter().find_map(|workload| match seen.workload(workload.component) {
        None => Some(Unmet::Missing(workload.component)),
        Some(found) if !found.ready => Some(Unmet::NotReady(workload.component)),
        Some(_) => None,
    })
}

/// Whether an order can be placed: release deployed, every workload there, current and ready, and the storefront seen
/// by the setup job of this attempt.
pub fn is_ready(expected: &Expected, seen: &Observation) -> bool {
    unmet(expected, seen).is_none()
}

/// How many gates are met, counted from the first in the engine's order.
pub fn gates_met(store: &Store, seen: &Observation) -> usize {
    Gate::of(store.engine).iter().take_while(|gate| is_met(**gate, store, seen)).count()
}

fn is_met(gate: Gate, store: &Store, seen: &Observation) -> bool {
    match gate {
        Gate::Queued => !matches!(&store.progress, Progress::Provisioning(p) if !p.admitted),
        Gate::Namespace => matches!(seen.namespace, NamespaceSeen::Active { .. }),
        Gate::Credentials => seen.credentials == CredentialsSeen::Ours,
        Gate::Release => matches!(seen.release, ReleaseSeen::Deployed { .. }),
        Gate::Database => seen.is_workload_ready(Component::Database),
        Gate::Setup => matches!(seen.setup, SetupSeen::Initialised | SetupSeen::Succeeded(_)),
        Gate::Application => seen.is_workload_ready(Component::Server),
        Gate::Storefront => matches!(seen.setup, SetupSeen::Succeeded(_)),
    }
}
