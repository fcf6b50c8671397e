//! What to do next for a store that its owner wants gone. Pure, and nothing in it ever fails a store: a teardown that
//! is held up names what holds it up and goes on trying.

use std::time::Duration;

use jiff::Timestamp;

use super::decide::{Action, Change, Limits, Step, is_unseen};
use super::diagnose::workload_kind;
use crate::lifecycle::{
    Blocker, Deleted, Deleting, ObjectRef, Progress, RemovedVolume, Store, TeardownEvidence, VolumeFate,
};
use crate::planted::{Bug, planted};
use crate::ports::{NamespaceSeen, Observation, ReleaseSeen, VolumeSeen, WorkloadSeen};
use crate::store::Engine;

/// After this long a teardown says what it waits for.
const PATIENCE: Duration = Duration::from_mins(1);
/// Volumes are not watched, so while only they are left they are asked for this often.
const VOLUME_POLL: Duration = Duration::from_secs(1);

pub(super) fn decide(store: &Store, seen: &Observation, limits: &Limits<'_>) -> Action {
    match &store.progress {
        Progress::Deleted(deleted) => second_look(deleted, seen),
        _ if seen.namespace == NamespaceSeen::Unknown => Action::Look,
        Progress::Deleting(deleting) => tear_down(deleting, seen, limits),
        Progress::Provisioning(_) | Progress::Ready(_) | Progress::Failed(_) if is_unseen(seen) => Action::Look,
        Progress::Provisioning(_) | Progress::Ready(_) | Progress::Failed(_) => {
            Action::Record(Change::BeginTeardown(evidence(store.engine, seen)))
        }
    }
}

/// What there is to remove, written down before anything is removed.
fn evidence(engine: Engine, seen: &Observation) -> TeardownEvidence {
    let namespace_uid = match &seen.namespace {
        NamespaceSeen::Active { uid } | NamespaceSeen::Terminating { uid, .. } => Some(uid.clone()),
        NamespaceSeen::Unknown | NamespaceSeen::Absent | NamespaceSeen::Foreign => None,
    };
    let workload = |workload: &WorkloadSeen| {
        ObjectRef::new(workload_kind(engine, workload.component), workload.component.as_str())
    };
    TeardownEvidence {
        namespace_uid,
        release_revisions: seen.release.revisions().to_vec(),
        workloads: seen.workloads.iter().map(workload).collect(),
        volumes: seen.volumes.iter().map(removed).collect(),
        phases: Vec::new(),
    }
}

/// A volume as it is written down.
pub(super) fn removed(volume: &VolumeSeen) -> RemovedVolume {
    let VolumeSeen { name, claim, reclaim_policy, fate } = volume.clone();
    RemovedVolume { name, claim, reclaim_policy, fate }
}

fn tear_down(deleting: &Deleting, seen: &Observation, limits: &Limits<'_>) -> Action {
    match &seen.namespace {
        NamespaceSeen::Active { uid } => {
            let has_release = !matches!(seen.release, ReleaseSeen::Absent | ReleaseSeen::Unknown);
            if has_release && !deleting.uninstall_tried {
                Action::Do(Step::Uninstall)
            } else {
                // From here on the namespace refuses new objects: that is the fence against anything late.
                Action::Do(Step::DeleteNamespace(uid.clone()))
            }
        }
        NamespaceSeen::Terminating { blocker, .. } => held_up(deleting, blocker.clone(), limits),
        // A namespace of that name that is not ours is no part of this store.
        NamespaceSeen::Absent | NamespaceSeen::Foreign => volumes(deleting, seen, limits),
        NamespaceSeen::Unknown => Action::Look,
    }
}

fn volumes(deleting: &Deleting, seen: &Observation, limits: &Limits<'_>) -> Action {
    let going = seen.volumes.iter().find(|volume| volume.fate == VolumeFate::Deleted);
    let Some(volume) = going.filter(|_| !planted(Bug::VolumesForgotten)) else {
        return Action::Record(Change::Deleted);
    };
    let blocker = Blocker {
        message: format!("PersistentVolume {} is still there", volume.name),
        object: Some(ObjectRef::new("PersistentVolume", &volume.name)),
        hint: "Its provisioner removes it; look at the provisioner's log and at the volume's events".to_owned(),
    };
    match held_up(deleting, Some(blocker), limits) {
        Action::Wait(_) => Action::Wait(VOLUME_POLL),
        told => told,
    }
}

fn held_up(deleting: &Deleting, blocker: Option<Blocker>, limits: &Limits<'_>) -> Action {
    let patience_is_over = elapsed(deleting.since, limits.shared_now) >= PATIENCE;
    match blocker {
        Some(blocker) if patience_is_over && deleting.blocker.as_ref() != Some(&blocker) => {
            Action::Record(Change::Blocked(Some(blocker)))
        }
        None if deleting.blocker.is_some() => Action::Record(Change::Blocked(None)),
        Some(_) if !patience_is_over => {
            let until_told = PATIENCE.saturating_sub(elapsed(deleting.since, limits.shared_now));
            Action::Wait(until_told.min(limits.poll_interval))
        }
        _ => Action::Wait(limits.poll_interval),
    }
}

/// A create that the API server retried may land after the namespace was gone; the tombstone catches it.
fn second_look(deleted: &Deleted, seen: &Observation) -> Action {
    if deleted.looked_again {
        return Action::Rest;
    }
    match &seen.namespace {
        NamespaceSeen::Active { uid } => Action::Do(Step::DeleteNamespace(uid.clone())),
        NamespaceSeen::Terminating { .. } => Action::Wait(Duration::from_secs(5)),
        NamespaceSeen::Absent | NamespaceSeen::Foreign => Action::Record(Change::LookedAgain),
        NamespaceSeen::Unknown => Action::Look,
    }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
