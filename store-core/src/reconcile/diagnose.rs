//! Which of the things that look wrong may fail a store, and how a READY store is doing. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::readiness::{Expected, Unmet, unmet_workload};
use crate::lifecycle::{Condition, Failure, FailureCode, Gate, ObjectRef, Store};
use crate::ports::{NamespaceSeen, Observation, SetupSeen, Suspicion};
use crate::store::{Component, Engine, WorkloadKind};

/// The culprit that may fail a store being brought up: seen for as long and as often as its kind asks, and not held up
/// itself by an earlier gate.
pub(super) fn culprit(store: &Store, seen: &Observation, met: usize, now: Timestamp) -> Option<Failure> {
    if let SetupSeen::Failed(failure) = &seen.setup {
        return Some(root_cause(store, seen, met, now).unwrap_or_else(|| failure.clone()));
    }
    root_cause(store, seen, met, now)
}

fn root_cause(store: &Store, seen: &Observation, met: usize, now: Timestamp) -> Option<Failure> {
    seen.suspicions
        .iter()
        .filter(|suspicion| is_settled(suspicion, now))
        .filter(|suspicion| !is_crash(suspicion.failure.code) || holds_up(store.engine, suspicion.gate, met))
        .min_by_key(|suspicion| place(store.engine, suspicion.gate))
        .map(|suspicion| suspicion.failure.clone())
}

/// The worst-looking thing, whether or not it is settled; named when time runs out.
pub(super) fn prime_suspect(store: &Store, seen: &Observation) -> Option<Failure> {
    seen.suspicions.iter().min_by_key(|suspicion| place(store.engine, suspicion.gate)).map(|s| s.failure.clone())
}

fn is_settled(suspicion: &Suspicion, now: Timestamp) -> bool {
    let code = suspicion.failure.code;
    let seen_for = Duration::try_from(now.duration_since(suspicion.since)).unwrap_or_default();
    seen_for >= code.grace() && suspicion.times >= code.least_times()
}

fn is_crash(code: FailureCode) -> bool {
    matches!(code, FailureCode::CrashLoop)
}

fn holds_up(engine: Engine, gate: Gate, met: usize) -> bool {
    place(engine, gate) <= met
}

fn place(engine: Engine, gate: Gate) -> usize {
    Gate::of(engine).iter().position(|other| *other == gate).unwrap_or(usize::MAX)
}

/// How a READY store is doing. A workload counts as not ready only once it has been so for a moment, so that a single
/// missed probe is no news.
pub fn condition(store: &Store, seen: &Observation, now: Timestamp) -> Condition {
    match seen.namespace {
        NamespaceSeen::Unknown => return Condition::Unknown,
        NamespaceSeen::Active { .. } => {}
        _ => return Condition::Degraded(drifted("Namespace", &store.id.namespace())),
    }
    let expected = Expected::of_store(store);
    match unmet_workload(&expected, seen) {
        None => Condition::Healthy,
        Some(Unmet::NotReady(component)) => judge_unready(store, seen, component, now),
        Some(Unmet::Missing(component)) => {
            Condition::Degraded(drifted(workload_kind(store.engine, component), component.as_str()))
        }
        Some(_) => Condition::Unknown,
    }
}

fn judge_unready(store: &Store, seen: &Observation, component: Component, now: Timestamp) -> Condition {
    let unready_for = seen
        .workload(component)
        .map(|workload| Duration::try_from(now.duration_since(workload.since)).unwrap_or_default())
        .unwrap_or_default();
    if unready_for < FailureCode::NotReady.grace() {
        return Condition::Healthy;
    }
    Condition::Degraded(prime_suspect(store, seen).unwrap_or_else(|| {
        Failure::new(
            FailureCode::NotReady,
            format!("{} is not ready", title(store.engine, component)),
            "It usually comes back by itself; if it does not, look at the pod's events and logs",
        )
        .blaming(ObjectRef::new(workload_kind(store.engine, component), component.as_str()))
    }))
}

fn drifted(kind: &str, name: &str) -> Failure {
    Failure::new(
        FailureCode::Drift,
        format!("{kind} {name} is missing or going away"),
        "Somebody removed it by hand; bring it back with `helm upgrade --reuse-values`, or delete the store",
    )
    .blaming(ObjectRef::new(kind, name))
}

/// What people call a component.
pub(super) fn title(engine: Engine, component: Component) -> &'static str {
    match component {
        Component::Database => engine.database_title(),
        Component::Server => engine.title(),
        Component::Setup => "The setup job",
    }
}

fn workload_kind(engine: Engine, component: Component) -> &'static str {
    let kind = engine.workloads().iter().find(|workload| workload.component == component).map(|w| w.kind);
    match kind {
        Some(WorkloadKind::StatefulSet) => "StatefulSet",
        Some(WorkloadKind::Deployment) | None => "Deployment",
    }
}
