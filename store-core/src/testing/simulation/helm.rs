//! Simulated Helm processes. Each runs on its own, so that it can outlive the process that started it, be frozen, or be
//! killed between any two of its writes.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::cluster::{MILESTONES, Namespace, Objects, Revision, RevisionStatus, Volume};
use super::faults::{self, Fault};
use super::oracle::{self, Invariant};
use super::process::Process;
use super::world::{State, World};
use crate::lifecycle::{Store, VolumeFate};
use crate::ports::{ActionContext, ActionKind, ErrorClass, PendingKind, PortError};
use crate::store::StoreId;

/// A Helm that runs.
pub(super) struct Helm {
    pub(super) id: Uuid,
    pub(super) store: StoreId,
    pub(super) kind: ActionKind,
    /// The number of the process that started it.
    pub(super) parent: usize,
    pub(super) is_frozen: bool,
    began: Timestamp,
    exit: oneshot::Sender<Result<(), PortError>>,
}

/// It was killed.
struct Killed;

/// How a Helm's own work ends.
enum End {
    Exit(Result<(), PortError>),
    Killed,
}

impl From<Killed> for End {
    fn from(_: Killed) -> Self {
        Self::Killed
    }
}

/// Starts a Helm. The receiver gets its exit; none comes if it is killed.
pub(super) fn start(
    world: &Arc<World>,
    process: &Process,
    store: &Store,
    kind: ActionKind,
    context: &ActionContext,
) -> oneshot::Receiver<Result<(), PortError>> {
    let (exit, exited) = oneshot::channel();
    let began = world.now();
    judge_start(world, store, kind, context, began);
    if kind == ActionKind::Uninstall && world.memory.peek(&store.id).is_some_and(|store| store.ready_at.is_some()) {
        oracle::judge_removal(world, store, "uninstall the release");
    }
    let helm =
        Helm { id: context.id, store: store.id.clone(), kind, parent: process.number, is_frozen: false, began, exit };
    world
        .note("helm", process.number as u64, || format!("{} starts to {kind} (attempt {})", store.id, store.attempt()));
    let fault = {
        let mut state = world.state();
        state.helms.push(helm);
        state.weather.at_next_helms.pop()
    };
    if let Some(fault) = fault {
        faults::strike_parent(world, process.number, fault);
    }
    let (world, store, id) = (Arc::clone(world), store.clone(), context.id);
    tokio::spawn(async move {
        let end = match kind {
            ActionKind::Install => install(&world, id, &store).await,
            ActionKind::Rollback => rollback(&world, id, &store.id).await,
            _ => uninstall(&world, id, &store.id).await,
        };
        if let End::Exit(result) = end {
            finish(&world, id, result);
        }
    });
    exited
}

/// No Helm begins while another one works on the same store, unless that one is past its hard deadline: then its owner,
/// if it lives, has ended it.
fn judge_start(world: &World, store: &Store, kind: ActionKind, context: &ActionContext, now: Timestamp) {
    let other = {
        let state = world.state();
        let alive = |helm: &&Helm| {
            helm.store == store.id && helm.id != context.id && now < helm.began + helm.kind.hard_deadline()
        };
        state.helms.iter().find(alive).map(|helm| helm.kind)
    };
    let epoch = world.state().oracle.epoch(&store.id);
    if context.epoch < epoch {
        let found = format!("a Helm begins to {kind} {} in epoch {}, which is {epoch} by now", store.id, context.epoch);
        world.break_invariant(Invariant::I5, found);
    }
    if let Some(other) = other {
        let found = format!("a Helm begins to {kind} {} while another one is there to {other}", store.id);
        world.break_invariant(Invariant::I6, found);
    }
}

/// Kills every Helm that this holds for.
pub(super) fn kill(world: &World, mut which: impl FnMut(&Helm) -> bool) -> usize {
    let killed: Vec<(StoreId, ActionKind)> = {
        let mut state = world.state();
        let (dead, alive): (Vec<Helm>, Vec<Helm>) =
            std::mem::take(&mut state.helms).into_iter().partition(|helm| which(helm));
        state.helms = alive;
        dead.into_iter().map(|helm| (helm.store, helm.kind)).collect()
    };
    for (store, kind) in &killed {
        world.note("helm", 1, || format!("{store}: killed while it was to {kind}"));
    }
    killed.len()
}

fn finish(world: &World, id: Uuid, result: Result<(), PortError>) {
    let helm = {
        let mut state = world.state();
        let place = state.helms.iter().position(|helm| helm.id == id);
        place.map(|place| state.helms.remove(place))
    };
    let Some(helm) = helm else { return };
    world.note("helm", 2 + u64::from(result.is_err()), || match &result {
        Ok(()) => format!("{}: to {} ends well", helm.store, helm.kind),
        Err(error) => format!("{}: to {} fails: {error}", helm.store, helm.kind),
    });
    let _ = helm.exit.send(result);
}

/// Takes its time; comes back only if the Helm still runs and the API server answers.
async fn step(world: &World, id: Uuid, least: u64, most: u64) -> Result<Result<(), PortError>, Killed> {
    world.pause(least, most).await;
    let kills = {
        let mut state = world.state();
        let doomed = state.weather.helm_kills > 0 && state.dice.percent(40);
        if doomed {
            state.weather.helm_kills -= 1;
        }
        doomed
    };
    if kills {
        faults::tell(world, Fault::KillHelm, "now");
        kill(world, |helm| helm.id == id);
    }
    loop {
        let (now, is_frozen, hangs_until, refuses_until) = {
            let state = world.state();
            let helm = state.helms.iter().find(|helm| helm.id == id).ok_or(Killed)?;
            (world.elapsed(), helm.is_frozen, state.weather.api_hangs_until, state.weather.api_refuses_until)
        };
        if is_frozen {
            world.pause(500, 500).await;
        } else if now < hangs_until {
            world.until(hangs_until).await;
        } else if now < refuses_until {
            return Ok(Err(PortError::transient("connection refused")));
        } else {
            return Ok(Ok(()));
        }
    }
}

/// Goes one step further, or ends.
macro_rules! step {
    ($world:expr, $id:expr, $least:expr, $most:expr) => {
        match step($world, $id, $least, $most).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return End::Exit(Err(error)),
            Err(killed) => return killed.into(),
        }
    };
}

/// Does something in the namespace, or ends with the answer that the API server gives.
fn within<T>(
    world: &Arc<World>,
    store: &StoreId,
    change: impl FnOnce(&mut Namespace) -> Result<T, PortError>,
) -> Result<T, PortError> {
    let done = match world.state().cluster.active(store) {
        None => Err(PortError::transient(format!("namespace {} not found or going", store.namespace()))),
        Some(namespace) => change(namespace),
    };
    world.changed(store);
    done
}

async fn install(world: &Arc<World>, id: Uuid, store: &Store) -> End {
    step!(world, id, 50, 400);
    let began = within(world, &store.id, |namespace| {
        if !namespace.revisions.is_empty() {
            return Err(PortError::transient("cannot re-use a name that is still in use"));
        }
        namespace.revisions.push(Revision { number: 1, status: RevisionStatus::Pending(PendingKind::Install) });
        Ok(())
    });
    if let Err(error) = began {
        return End::Exit(Err(error));
    }
    step!(world, id, 50, 600);
    if let Err(error) = make_objects(world, store) {
        return End::Exit(Err(error));
    }
    step!(world, id, 50, 400);
    conclude(world, &store.id)
}

fn make_objects(world: &Arc<World>, store: &Store) -> Result<(), PortError> {
    let pace = world.state().dice.millis(300, 6_000);
    let objects = Objects { at: world.now(), attempt: store.attempt(), pace, outage: None };
    within(world, &store.id, |namespace| {
        namespace.objects = Some(objects);
        Ok(())
    })?;
    announce_milestones(world, &store.id, pace);
    let (world, store) = (Arc::clone(world), store.id.clone());
    tokio::spawn(async move {
        world.pause(0, 3_000).await;
        bind_volume(&world, &store);
    });
    Ok(())
}

/// Tells of each milestone when it is reached.
pub(super) fn announce_milestones(world: &Arc<World>, store: &StoreId, pace: std::time::Duration) {
    for milestone in 1..=MILESTONES {
        let (world, store) = (Arc::clone(world), store.clone());
        tokio::spawn(async move {
            tokio::time::sleep(pace * milestone).await;
            world.changed(&store);
        });
    }
}

/// The claim of the database is bound, unless it was or everything is going.
fn bind_volume(world: &Arc<World>, store: &StoreId) {
    {
        let mut state = world.state();
        let State { cluster, dice, .. } = &mut *state;
        let is_wanted = cluster.active(store).is_some_and(|namespace| namespace.objects.is_some());
        let has_one = cluster.volumes.values().any(|volume| volume.store == *store);
        if !is_wanted || has_one {
            return;
        }
        let fate = if dice.percent(5) { VolumeFate::Retained } else { VolumeFate::Deleted };
        cluster.volumes.insert(format!("pv-{store}"), Volume { store: store.clone(), fate });
    }
    world.changed(store);
}

/// The last write: the new revision is deployed.
fn conclude(world: &Arc<World>, store: &StoreId) -> End {
    let (lies, groans) = {
        let weather = &mut world.state().weather;
        let lies = std::mem::take(&mut weather.helm_lies);
        let groans = std::mem::take(&mut weather.helm_groans);
        weather.helm_lies = lies.saturating_sub(1);
        weather.helm_groans = groans.saturating_sub(1);
        (lies > 0, groans > 0)
    };
    if lies {
        faults::tell(world, Fault::HelmLies, "now");
        return End::Exit(Ok(()));
    }
    let written = within(world, store, |namespace| {
        let count = namespace.revisions.len();
        for (place, revision) in namespace.revisions.iter_mut().enumerate() {
            let is_last = place + 1 == count;
            revision.status = if is_last { RevisionStatus::Deployed } else { RevisionStatus::Superseded };
        }
        Ok(())
    });
    if groans {
        faults::tell(world, Fault::HelmGroans, "now");
        return End::Exit(Err(PortError::transient("context deadline exceeded")));
    }
    End::Exit(written)
}

async fn rollback(world: &Arc<World>, id: Uuid, store: &StoreId) -> End {
    step!(world, id, 50, 400);
    let began = within(world, store, |namespace| {
        let number = namespace.revisions.last().map_or(1, |last| last.number + 1);
        namespace.revisions.push(Revision { number, status: RevisionStatus::Pending(PendingKind::Rollback) });
        Ok(())
    });
    if let Err(error) = began {
        return End::Exit(Err(error));
    }
    step!(world, id, 50, 400);
    conclude(world, store)
}

async fn uninstall(world: &Arc<World>, id: Uuid, store: &StoreId) -> End {
    step!(world, id, 50, 300);
    {
        let mut state = world.state();
        let Some(namespace) = state.cluster.namespaces.get_mut(store) else { return End::Exit(Ok(())) };
        let Some(last) = namespace.revisions.last_mut() else { return End::Exit(Ok(())) };
        last.status = RevisionStatus::Uninstalling;
    }
    step!(world, id, 50, 400);
    let pods_for = world.state().dice.millis(0, 4_000);
    let pods_until = world.now() + pods_for;
    if let Some(namespace) = world.state().cluster.namespaces.get_mut(store) {
        namespace.objects = None;
        namespace.pods_until = Some(pods_until);
    }
    world.changed(store);
    let (told, id_of) = (Arc::clone(world), store.clone());
    tokio::spawn(async move {
        tokio::time::sleep(pods_for).await;
        told.changed(&id_of);
    });
    step!(world, id, 20, 200);
    if let Some(namespace) = world.state().cluster.namespaces.get_mut(store) {
        namespace.revisions.clear();
    }
    world.changed(store);
    End::Exit(Ok(()))
}

/// Waits for a Helm under its owner's eyes: until its exit, its deadline, or the owner's word to stop.
pub(super) async fn attend(
    world: &Arc<World>,
    process: &Process,
    exited: oneshot::Receiver<Result<(), PortError>>,
    context: &ActionContext,
) -> Result<(), PortError> {
    let ended = tokio::select! {
        biased;
        exit = exited => exit.unwrap_or_else(|_| Err(PortError::transient("Helm was killed"))),
        () = context.cancel.cancelled() => Err(PortError::new(ErrorClass::Cancelled, "stopped")),
        () = tokio::time::sleep(context.deadline) => Err(PortError::transient("Helm took too long and was ended")),
    };
    // Whoever is frozen or dead ends nothing.
    world.point(process).await;
    if ended.is_err() {
        kill(world, |helm| helm.id == context.id);
    }
    ended
}
