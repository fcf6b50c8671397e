//! The invariants, judged at every step by what is really in the cluster and in the database.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cluster::Defect;
use super::replica::TIMEOUT;
use super::world::World;
use crate::lifecycle::{Desired, Failed, FailureCode, Position, Progress, Status, Store, VolumeFate};
use crate::ports::Claim;
use crate::store::{StoreId, StoreName};

/// No secret of a schedule may be found anywhere but in its Secret.
pub(super) const CANARY: &str = "canary-password";
/// How much longer than its budget a store may be on its way although nothing is in the way: leases, the hard deadline
/// of a Helm elsewhere, and the longest pauses between tries.
const SLACK_SECONDS: u64 = 300;

/// What must always hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// One namespace for each live store, kept as long as it is wanted, and one live store for each name.
    I1,
    /// DELETED means that nothing is left.
    I2,
    /// READY means that an order can be placed.
    I3,
    /// No store is PROVISIONING beyond its budget, and none fails for time in which nobody could see.
    I4,
    /// No write with an older epoch or an older generation is accepted.
    I5,
    /// One effect for each intent: one store for each key, one Helm at a time for each store.
    I6,
    /// No secret is told.
    I7,
    /// History only grows, and every change of status is in it.
    I8,
    /// When the faults are over, everything that is wanted comes about.
    Liveness,
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// What the oracle remembers.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    /// The first invariant that did not hold, and what was found.
    pub(super) broken: Option<(Invariant, String)>,
    epochs: BTreeMap<StoreId, u64>,
    pub(super) judged: Position,
    /// How far the follower has read.
    pub(super) followed: Position,
    told: BTreeMap<StoreId, Status>,
    flaws: BTreeMap<StoreId, Defect>,
    meddled: BTreeSet<StoreId>,
    robbed: BTreeSet<StoreId>,
    /// When a fresh look last found a store ready, and for which attempt.
    found_ready: BTreeMap<(StoreId, u32), Timestamp>,
    /// For how many seconds nothing was in the way of a store that is on its way: with its status and attempt.
    calm: BTreeMap<StoreId, (Status, u32, u64)>,
}

impl Oracle {
    /// This store has a defect, mended or not: it may fail for it.
    pub(super) fn flawed(&mut self, store: &StoreId, defect: Defect) {
        self.flaws.insert(store.clone(), defect);
    }

    /// Its defect is mended: it has no reason to fail any more.
    pub(super) fn mended(&mut self, store: &StoreId) {
        self.flaws.remove(store);
    }

    /// Somebody changed its release by hand: it may stay as they left it.
    pub(super) fn meddled(&mut self, store: &StoreId) {
        self.meddled.insert(store.clone());
    }

    /// Somebody deleted its namespace, Secret included.
    pub(super) fn robbed(&mut self, store: &StoreId) {
        self.meddled(store);
        self.robbed.insert(store.clone());
    }

    /// The epoch of the last claim.
    pub(super) fn epoch(&self, store: &StoreId) -> u64 {
        self.epochs.get(store).copied().unwrap_or_default()
    }

    fn may_fail_for(&self, store: &StoreId, code: FailureCode) -> bool {
        let for_its_defect = match self.flaws.get(store) {
            Some(Defect::BrokenImage) => matches!(code, FailureCode::ImagePull | FailureCode::TimedOut),
            Some(Defect::SetupFailsOnce) => code == FailureCode::SetupFailed,
            Some(Defect::NeverReady) => code == FailureCode::TimedOut,
            None => false,
        };
        for_its_defect || (self.robbed.contains(store) && code == FailureCode::CredentialsLost)
    }
}

/// A claim was given out.
pub(super) fn claimed(world: &World, claim: &Claim) {
    let before = world.state().oracle.epochs.insert(claim.store.clone(), claim.epoch);
    if before.is_some_and(|before| before >= claim.epoch) {
        world.break_invariant(Invariant::I5, format!("{} was claimed twice with epoch {}", claim.store, claim.epoch));
    }
}

/// A write under a claim was accepted.
pub(super) fn held(world: &World, claim: &Claim) {
    let epoch = world.state().oracle.epoch(&claim.store);
    if claim.epoch != epoch {
        let found = format!("{}: a write of epoch {} was accepted in epoch {epoch}", claim.store, claim.epoch);
        world.break_invariant(Invariant::I5, found);
    }
}

/// A write under a claim and about an intent was accepted.
pub(super) fn accepted(world: &World, claim: &Claim, generation: u64) {
    held(world, claim);
    let current = world.memory.peek(&claim.store).map(|store| store.intent.generation);
    if current != Some(generation) {
        let found = format!("{}: a write of generation {generation} was accepted in {current:?}", claim.store);
        world.break_invariant(Invariant::I5, found);
    }
}

/// A fresh look was answered.
pub(super) fn looked(world: &World, store: &Store) {
    let (now, attempt) = (world.now(), attempt(store));
    let mut state = world.state();
    if state.cluster.look(&store.id, now).is_ready(attempt) {
        state.oracle.found_ready.insert((store.id.clone(), attempt), now);
    }
}

/// The attempt that is under way, as the database has it.
fn attempt(store: &Store) -> u32 {
    match &store.progress {
        Progress::Provisioning(p) => p.attempt,
        Progress::Ready(ready) => ready.attempt,
        _ => store.intent.attempt,
    }
}

/// A namespace is deleted only when its owner wants the store gone, and so is a release that was READY uninstalled.
pub(super) fn judge_removal(world: &World, store: &Store, doing: &'static str) {
    let wanted = world.memory.peek(&store.id).is_some_and(|store| store.intent.desired == Desired::Present);
    if wanted {
        let found = format!("{}: somebody is about to {doing}, although the store is wanted", store.id);
        world.break_invariant(Invariant::I1, found);
    }
}

/// Judges everything that is new in the history.
pub(super) fn judge_history(world: &World) {
    let judged = world.state().oracle.judged;
    for event in world.memory.peek_events(judged) {
        let before = std::mem::replace(&mut world.state().oracle.judged, event.position);
        if event.position != before + 1 {
            world.break_invariant(Invariant::I8, format!("event {} follows event {before}", event.position));
        }
        if event.message.contains(CANARY) {
            world.break_invariant(Invariant::I7, format!("{}: an event tells the password", event.store_id));
        }
        world.note("event", event.position, || format!("{} {}: {}", event.store_id, event.kind, event.message));
        world.state().oracle.told.insert(event.store_id, event.status);
    }
}

/// Judges a change of progress that was just written.
pub(super) fn judge_change(world: &World, before: &Store, after: &Store) {
    judge_history(world);
    let told = world.state().oracle.told.get(&after.id).copied();
    if told != Some(after.status()) {
        let found = format!("{} is {}, but the last event says {told:?}", after.id, after.status());
        world.break_invariant(Invariant::I8, found);
    }
    match (&before.progress, &after.progress) {
        (Progress::Provisioning(_), Progress::Ready(_)) => judge_ready(world, after),
        (Progress::Provisioning(_), Progress::Failed(failed)) => judge_failed(world, after, failed),
        (Progress::Deleting(_), Progress::Deleted(_)) => judge_deleted(world, &after.id),
        _ => {}
    }
}

fn judge_ready(world: &World, store: &Store) {
    let (now, attempt) = (world.now(), attempt(store));
    let (is_ready, found_at) = {
        let state = world.state();
        let found = state.oracle.found_ready.get(&(store.id.clone(), attempt)).copied();
        (state.cluster.look(&store.id, now).is_ready(attempt), found)
    };
    // Between the look and the write the world goes on, and the writer may have been frozen.
    let was_ready = found_at.is_some_and(|at| now.duration_since(at).as_secs() <= 60);
    if !is_ready && !was_ready {
        world.break_invariant(Invariant::I3, format!("{} is READY, but no order can be placed", store.id));
    }
    judge_password(world, store);
}

fn judge_failed(world: &World, store: &Store, failed: &Failed) {
    let code = failed.failure.code;
    if !world.state().oracle.may_fail_for(&store.id, code) {
        let found = format!("{} failed although nothing was wrong with it: {}", store.id, failed.failure.reason());
        world.break_invariant(Invariant::I4, found);
    }
    judge_password(world, store);
}

/// Once the Secret exists, the sealed password is gone.
fn judge_password(world: &World, store: &Store) {
    let has_secret = world.state().cluster.namespaces.get(&store.id).is_some_and(|namespace| namespace.has_secret);
    if has_secret && world.memory.peek_password(&store.id) {
        let found = format!("{}: the database still has the password that is in the Secret", store.id);
        world.break_invariant(Invariant::I7, found);
    }
}

fn judge_deleted(world: &World, store: &StoreId) {
    if let Some(left) = left_of(world, store) {
        world.break_invariant(Invariant::I2, format!("{store} is DELETED, but {left}"));
    }
}

fn left_of(world: &World, store: &StoreId) -> Option<String> {
    let state = world.state();
    if let Some(namespace) = state.cluster.namespaces.get(store)
        && !namespace.is_late
    {
        return Some(format!("its namespace {} is there", namespace.uid));
    }
    let mut volumes = state.cluster.volumes.iter().filter(|(_, volume)| volume.store == *store);
    let left = volumes.find(|(_, volume)| volume.fate == VolumeFate::Deleted);
    left.map(|(name, _)| format!("its volume {name} is there"))
}

/// Judges what must hold at any time, once a second.
pub(super) fn tick(world: &World) {
    let stores = world.memory.peek_all();
    let mut names: BTreeSet<&StoreName> = BTreeSet::new();
    for store in stores.iter().filter(|store| store.status() != Status::Deleted) {
        if !names.insert(&store.name) {
            world.break_invariant(Invariant::I1, format!("two live stores are called {}", store.name));
        }
    }
    judge_namespaces(world, &stores);
    judge_budgets(world, &stores);
}

fn judge_namespaces(world: &World, stores: &[Store]) {
    let unknown = {
        let state = world.state();
        state.cluster.namespaces.keys().find(|id| !stores.iter().any(|store| store.id == **id)).cloned()
    };
    if let Some(unknown) = unknown {
        world.break_invariant(Invariant::I1, format!("there is a namespace for {unknown}, which no store is"));
    }
}

/// Counts the seconds in which a store was on its way and nothing was in the way.
fn judge_budgets(world: &World, stores: &[Store]) {
    let is_calm = world.is_calm();
    for store in stores {
        let (status, attempt) = (store.status(), attempt(store));
        let is_moving = match &store.progress {
            Progress::Provisioning(p) => p.admitted || status == Status::Deleting,
            _ => !status.is_settled(),
        };
        let seconds = {
            let mut state = world.state();
            let calm = state.oracle.calm.entry(store.id.clone()).or_insert((status, attempt, 0));
            if (calm.0, calm.1) != (status, attempt) || !is_moving {
                *calm = (status, attempt, 0);
            }
            calm.2 += u64::from(is_calm && is_moving);
            calm.2
        };
        if seconds == TIMEOUT.as_secs() + SLACK_SECONDS {
            world.break_invariant(Invariant::I4, format!("{} is {status} for {seconds} s and more", store.id));
        }
    }
}

/// Judges what is left when everything should be settled.
pub(super) fn judge_end(world: &World) {
    judge_history(world);
    for store in world.memory.peek_all() {
        let (id, status) = (&store.id, store.status());
        if !status.is_settled() || (store.intent.desired == Desired::Deleted && status != Status::Deleted) {
            world.break_invariant(Invariant::Liveness, format!("{id} is still {status}"));
        }
        match status {
            Status::Deleted => {
                judge_deleted(world, id);
                if world.state().cluster.namespaces.contains_key(id) {
                    let found = format!("{id} is DELETED, but a namespace that came late is still there");
                    world.break_invariant(Invariant::I2, found);
                }
            }
            Status::Ready => {
                let (now, attempt) = (world.now(), attempt(&store));
                let state = world.state();
                let is_right = state.oracle.meddled.contains(id) || state.cluster.look(id, now).is_ready(attempt);
                drop(state);
                if !is_right {
                    world.break_invariant(Invariant::I3, format!("{id} is READY, but no order can be placed"));
                }
            }
            _ => {}
        }
    }
    let left = world.state().helms.len();
    if left > 0 {
        world.break_invariant(Invariant::I6, format!("{left} Helms run, and nobody knows of them"));
    }
}
