//! Which of the things that look wrong may fail a store, and how a READY store is doing. Pure.

use std::time::Duration;

use jiff::Timestamp;

use super::decide::Limits;
use super::readiness::{Expected, Unmet, unmet_workload};
use crate::lifecycle::{Condition, Failure, FailureCode, Gate, ObjectRef, Store};
use crate::ports::{NamespaceSeen, Observation, ReleaseSeen, SetupSeen, Suspicion};
use crate::store::{Component, Engine, WorkloadKind};

/// What a suspicion is judged by.
pub(super) struct Judge<'a> {
    store: &'a Store,
    /// How many gates are met.
    met: usize,
    /// The time of this process, in which suspicions are stamped.
    now: Timestamp,
    /// The repository's time, in which gates are stamped.
    shared_now: Timestamp,
}

impl<'a> Judge<'a> {
    /// For a store being brought up, `met` gates of which are met.
    pub(super) fn new(store: &'a Store, met: usize, limits: &Limits<'_>) -> Self {
        Self { store, met, now: limits.now, shared_now: limits.shared_now }
    }

    /// The culprit that may fail the store: seen for as long and as often as its kind asks, and not held up itself by an
    /// earlier gate.
    pub(super) fn culprit(&self, seen: &Observation) -> Option<Failure> {
        self.root_cause(seen).or_else(|| setup_failure(self.store, seen))
    }

    fn root_cause(&self, seen: &Observation) -> Option<Failure> {
        let settled = |suspicion: &&Suspicion| self.remaining(suspicion) == Some(Duration::ZERO);
        seen.suspicions
            .iter()
            .filter(settled)
            .min_by_key(|suspicion| place(self.store.engine, suspicion.gate))
            .map(|suspicion| suspicion.failure.clone())
    }

    /// How long until the first thing that looks wrong may fail the store, if it stays.
    pub(super) fn next_verdict(&self, seen: &Observation) -> Option<Duration> {
        seen.suspicions.iter().filter_map(|suspicion| self.remaining(suspicion)).min()
    }

    /// What is left of a suspicion's grace; `None` if it does not count (yet).
    fn remaining(&self, suspicion: &Suspicion) -> Option<Duration> {
        let code = suspicion.failure.code;
        if suspicion.times < code.least_times() || code.grace() == Duration::MAX {
            return None;
        }
        let mut seen_for = elapsed(suspicion.since, self.now);
        if code.waits_for_earlier_gates() {
            let place = place(self.store.engine, suspicion.gate);
            if place > self.met {
                return None;
            }
            // Crashes are counted; of a probe only the time tells, and without a stamp those gates were met just now.
            if code == FailureCode::ProbeFailing {
                let gate = self.store.gates.records().get(place);
                let began = gate.and_then(|gate| gate.started_at).unwrap_or(self.shared_now);
                seen_for = seen_for.min(elapsed(began, self.shared_now));
            }
        }
        Some(code.grace().saturating_sub(seen_for))
    }
}

/// What the setup job itself says, or that there is none.
fn setup_failure(store: &Store, seen: &Observation) -> Option<Failure> {
    let is_deployed = matches!(seen.release, ReleaseSeen::Deployed { .. });
    match &seen.setup {
        SetupSeen::Failed(failure) => Some(failure.clone()),
        // Helm makes it before the release counts as deployed.
        SetupSeen::Absent if is_deployed => Some(
            Failure::new(
                FailureCode::SetupFailed,
                "Setup job did not complete: it was removed before it had ended",
                "Retry the store; what is in its database stays",
            )
            .blaming(ObjectRef::new("Job", store.id.setup_job(store.attempt()))),
        ),
        _ => None,
    }
}

/// The worst-looking thing, whether or not it is settled; named when time runs out.
pub(super) fn prime_suspect(store: &Store, seen: &Observation) -> Option<Failure> {
    seen.suspicions.iter().min_by_key(|suspicion| place(store.engine, suspicion.gate)).map(|s| s.failure.clone())
}

fn place(engine: Engine, gate: Gate) -> usize {
    Gate::of(engine).iter().position(|other| *other == gate).unwrap_or(usize::MAX)
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// How a READY store is doing, judged by what also judges one that is brought up: all its gates were met once. A workload
/// counts as not ready only once it has been so for a moment, so that a single missed probe is no news.
pub fn condition(store: &Store, seen: &Observation, now: Timestamp) -> Condition {
    match seen.namespace {
        NamespaceSeen::Unknown => return Condition::Unknown,
        NamespaceSeen::Active { .. } => {}
        _ => return Condition::Degraded(without_namespace(&store.id.namespace())),
    }
    let judge = Judge { store, met: usize::MAX, now, shared_now: now };
    // A setup job that somebody runs again says nothing of the shop.
    let mut seen = seen.clone();
    seen.suspicions.retain(|suspicion| suspicion.gate != Gate::Setup);
    let culprit = judge.root_cause(&seen);
    match unmet_workload(&Expected::of_store(store), &seen) {
        None => culprit.map_or(Condition::Healthy, Condition::Degraded),
        Some(Unmet::NotReady(component)) => match culprit {
            Some(culprit) => Condition::Degraded(culprit),
            None => judge_unready(store, &seen, component, now),
        },
        Some(Unmet::Missing(component)) => {
            Condition::Degraded(drifted(workload_kind(store.engine, component), component.as_str()))
        }
        Some(_) => Condition::Unknown,
    }
}

/// Nothing is settled yet: it is not ready, and what looks wrong so far is quoted.
fn judge_unready(store: &Store, seen: &Observation, component: Component, now: Timestamp) -> Condition {
    let unready_for = seen.workload(component).map(|workload| elapsed(workload.since, now)).unwrap_or_default();
    if unready_for < FailureCode::NotReady.grace() {
        return Condition::Healthy;
    }
    let suspect = match prime_suspect(store, seen) {
        // It fails no store, but a pod that it keeps away does not come back before it does.
        Some(suspect) if suspect.code == FailureCode::WebhookDown => return Condition::Degraded(suspect),
        suspect => suspect.map(|suspect| suspect.message).unwrap_or_default(),
    };
    Condition::Degraded(
        Failure::new(
            FailureCode::NotReady,
            format!("{} is not ready", title(store.engine, component)),
            "It usually comes back by itself; if it does not, look at the pod's events and logs",
        )
        .blaming(ObjectRef::new(workload_kind(store.engine, component), component.as_str()))
        .quoting(&suspect),
    )
}

fn drifted(kind: &str, name: &str) -> Failure {
    Failure::new(
        FailureCode::Drift,
        format!("{kind} {name} is missing or going away"),
        "Somebody removed it by hand; `helm rollback` to the deployed revision brings it back (`helm history` lists it)",
    )
    .blaming(ObjectRef::new(kind, name))
}

/// Helm's own records were in it: there is nothing to roll back to.
fn without_namespace(name: &str) -> Failure {
    Failure::new(
        FailureCode::Drift,
        format!("Namespace {name} is missing or going away"),
        "Somebody removed it by hand, and the shop's data with it; delete the store, and create it again",
    )
    .blaming(ObjectRef::new("Namespace", name))
}

/// What people call a component.
pub(super) fn title(engine: Engine, component: Component) -> &'static str {
    match component {
        Component::Database => engine.database_title(),
        Component::Server => engine.title(),
        Component::Setup => "The setup job",
    }
}

pub(super) fn workload_kind(engine: Engine, component: Component) -> &'static str {
    let kind = engine.workloads().iter().find(|workload| workload.component == component).map(|w| w.kind);
    match kind {
        Some(WorkloadKind::StatefulSet) => "StatefulSet",
        Some(WorkloadKind::Deployment) | None => "Deployment",
    }
}
