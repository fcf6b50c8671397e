//! What the reconciler has reached. Each state carries what is known in it; a transition consumes the old state and
//! returns the new one, or an error that names both.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Blocker, Failure, ObjectRef};
use crate::planted::{Bug, planted};

/// The reconciler's side of a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Progress {
    /// On the way to READY.
    Provisioning(Provisioning),
    /// An order can be placed.
    Ready(Ready),
    /// Gave up, with a culprit.
    Failed(Failed),
    /// On the way to nothing.
    Deleting(Deleting),
    /// Nothing is left.
    Deleted(Deleted),
}

/// What is known while a store is brought up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provisioning {
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether it has a place among the stores that are being brought up.
    pub admitted: bool,
    /// Whether what an earlier attempt, or a Helm that was cut off, left behind must go first.
    pub clearing: bool,
    /// How much of the provisioning budget is used, in milliseconds. Only time in which the cluster was seen counts.
    pub spent_ms: u64,
    /// When the cluster was last seen by this attempt, in the repository's time.
    pub seen_at: Option<Timestamp>,
    /// How many actions failed in a row; the delay before the next one grows with it.
    pub errors_in_a_row: u32,
}

/// What is known of a store that was READY when last judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ready {
    /// The attempt that got there.
    pub attempt: u32,
    /// The Helm revision that was seen deployed.
    pub revision: u32,
    /// When.
    pub at: Timestamp,
}

/// What is known of a store that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The attempt that failed.
    pub attempt: u32,
    /// Why.
    pub failure: Failure,
    /// When.
    pub at: Timestamp,
}

/// What is known while a store is torn down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deleting {
    /// Since when.
    pub since: Timestamp,
    /// What there was to remove, written down before anything was removed.
    pub evidence: TeardownEvidence,
    /// Whether `helm uninstall` was tried; it is best effort and tried once.
    pub uninstall_tried: bool,
    /// What holds it up, once it takes longer than it should.
    pub blocker: Option<Blocker>,
    /// How many actions failed in a row.
    pub errors_in_a_row: u32,
}

/// A tombstone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deleted {
    /// When the fresh reads showed that nothing was left.
    pub at: Timestamp,
    /// What was removed.
    pub evidence: TeardownEvidence,
    /// Whether the tombstone was looked at once more, for a create that landed late.
    pub looked_again: bool,
}

/// What a teardown removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TeardownEvidence {
    /// UID of the namespace, if there was one.
    pub namespace_uid: Option<String>,
    /// Revisions of the Helm release that were found.
    pub release_revisions: Vec<u32>,
    /// The workloads that were found.
    #[serde(default)]
    pub workloads: Vec<ObjectRef>,
    /// The volumes that the store's claims were bound to.
    pub volumes: Vec<RemovedVolume>,
    /// What was seen gone, and when, in the order in which it went.
    #[serde(default, alias = "steps")]
    pub phases: Vec<EndedPhase>,
}

/// A part of a teardown that is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndedPhase {
    /// What is gone.
    pub phase: TeardownPhase,
    /// When the phase before it was over.
    pub started_at: Timestamp,
    /// When it was seen to be over.
    pub ended_at: Timestamp,
}

/// The parts of a teardown, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TeardownPhase {
    /// The release was uninstalled, as well as that went.
    Release,
    /// The namespace is gone, with everything in it.
    Namespace,
    /// The volumes that go with their claims are gone.
    Volumes,
}

impl TeardownPhase {
    /// The phase on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Namespace => "namespace",
            Self::Volumes => "volumes",
        }
    }
}

impl Deleting {
    /// Notes that a phase is over; whether that is news.
    pub fn ends(&mut self, phase: TeardownPhase, now: Timestamp) -> bool {
        let phases = &mut self.evidence.phases;
        if phases.iter().any(|ended| ended.phase >= phase) {
            return false;
        }
        let started_at = phases.last().map_or(self.since, |ended| ended.ended_at);
        phases.push(EndedPhase { phase, started_at, ended_at: now.max(started_at) });
        true
    }
}

/// A persistent volume of a store that was torn down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RemovedVolume {
    /// Name of the `PersistentVolume`.
    pub name: String,
    /// The claim it was bound to.
    pub claim: String,
    /// Its reclaim policy, as Kubernetes has it: `Delete` or `Retain`.
    #[serde(default)]
    pub reclaim_policy: Option<String>,
    /// What became of it.
    pub fate: VolumeFate,
}

/// What becomes of a volume when its claim goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum VolumeFate {
    /// Removed with its claim (reclaim policy `Delete`).
    Deleted,
    /// Kept by its reclaim policy `Retain`; somebody must remove it.
    Retained,
}

/// A transition that this state does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a store that is {from} cannot {event}")]
pub struct InvalidTransition {
    /// The state it is in.
    pub from: &'static str,
    /// What was wanted.
    pub event: &'static str,
}

impl Provisioning {
    /// The beginning of an attempt. Every attempt but the first clears away what is left of earlier ones.
    pub fn begin(attempt: u32) -> Self {
        let clearing = attempt > 1 && !planted(Bug::EarlierAttemptCounts);
        Self { attempt, admitted: false, clearing, spent_ms: 0, seen_at: None, errors_in_a_row: 0 }
    }

    /// How much of the budget is used.
    pub fn spent(&self) -> Duration {
        Duration::from_millis(self.spent_ms)
    }

    /// Debits the time since the last look, at most `longest`: longer gaps are time in which nobody could see.
    pub fn debit(&mut self, now: Timestamp, longest: Duration) {
        if let Some(before) = self.seen_at {
            let gap = Duration::try_from(now.duration_since(before)).unwrap_or_default();
            self.spent_ms += u64::try_from(gap.min(longest).as_millis()).unwrap_or_default();
        }
        self.seen_at = Some(now);
    }
}

impl Progress {
    /// The state's name, as the database and error messages have it.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Provisioning(_) => "provisioning",
            Self::Ready(_) => "ready",
            Self::Failed(_) => "failed",
            Self::Deleting(_) => "deleting",
            Self::Deleted(_) => "deleted",
        }
    }

    /// Everything that makes it READY was seen.
    pub fn become_ready(self, revision: u32, at: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Provisioning(p) => Ok(Self::Ready(Ready { attempt: p.attempt, revision, at })),
            other => Err(other.refuses("become ready")),
        }
    }

    /// It will not become ready by itself.
    pub fn fail(self, failure: Failure, at: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Provisioning(p) => Ok(Self::Failed(Failed { attempt: p.attempt, failure, at })),
            other => Err(other.refuses("fail")),
        }
    }

    /// Its owner wants another attempt.
    pub fn begin_attempt(self, attempt: u32) -> Result<Self, InvalidTransition> {
        match self {
            Self::Failed(failed) if attempt > failed.attempt => Ok(Self::Provisioning(Provisioning::begin(attempt))),
            other => Err(other.refuses("begin another attempt")),
        }
    }

    /// Its owner wants it gone.
    pub fn begin_teardown(self, evidence: TeardownEvidence, since: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Provisioning(_) | Self::Ready(_) | Self::Failed(_) => Ok(Self::Deleting(Deleting {
                since,
                evidence,
                uninstall_tried: false,
                blocker: None,
                errors_in_a_row: 0,
            })),
            other => Err(other.refuses("begin its teardown")),
        }
    }

    /// Fresh reads showed that nothing is left.
    pub fn finish_teardown(self, at: Timestamp) -> Result<Self, InvalidTransition> {
        match self {
            Self::Deleting(mut d) => {
                d.ends(TeardownPhase::Volumes, at);
                Ok(Self::Deleted(Deleted { at, evidence: d.evidence, looked_again: false }))
            }
            other => Err(other.refuses("finish its teardown")),
        }
    }

    fn refuses(&self, event: &'static str) -> InvalidTransition {
        InvalidTransition { from: self.state(), event }
    }
}
