//! The ports of one process: deployer, probe and clock, each with the weather between it and the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self};
use jiff::Timestamp;
use tokio::sync::mpsc::unbounded_channel;

use super::cluster::{Look, Namespace, seen_volume};
use super::faults::{self, Fault};
use super::helm;
use super::oracle;
use super::process::Process;
use super::world::{Weather, World};
use crate::lifecycle::{Status, Store};
use crate::planted::{Bug, planted};
use crate::ports::{
    ActionContext, ActionInFlight, ActionKind, ChangeStream, Clock, ClusterIdentity, CredentialsSeen, Deployer,
    ErrorClass, Freshness, HealthProbe, NamespaceSeen, Observation, PortError, ReleaseSeen, StopOutcome, VolumeSeen,
};
use crate::store::{StoreCredentials, StoreId};

/// The cluster that the database belongs to.
pub(super) const CLUSTER: &str = "simulated-cluster";
const ANOTHER_CLUSTER: &str = "another-simulated-cluster";

/// The adapters of one process.
pub(super) struct Adapters {
    pub(super) world: Arc<World>,
    pub(super) process: Arc<Process>,
}

impl Adapters {
    /// On the way to the API server: refused, lost, or there after a moment.
    async fn reach(&self) -> Result<(), PortError> {
        self.world.point(&self.process).await;
        self.world.pause(1, 60).await;
        loop {
            let (now, hangs_until, refuses_until) = {
                let weather = &self.world.state().weather;
                (self.world.elapsed(), weather.api_hangs_until, weather.api_refuses_until)
            };
            if now < refuses_until {
                return Err(PortError::transient("connection refused"));
            }
            if now >= hangs_until {
                break;
            }
            self.world.until(hangs_until).await;
        }
        // It may have been frozen on the way.
        self.process.gate().await;
        Ok(())
    }

    /// A change of the cluster by one call: with the errors that come before and after its effect.
    async fn change<T>(
        &self,
        store: &StoreId,
        kind: ActionKind,
        context: &ActionContext,
        effect: impl FnOnce() -> Result<T, PortError>,
    ) -> Result<(), PortError> {
        tokio::select! {
            biased;
            () = context.cancel.cancelled() => return Err(PortError::new(ErrorClass::Cancelled, "stopped")),
            reached = self.reach() => reached?,
            () = tokio::time::sleep(context.deadline) => return Err(PortError::transient("no answer in time")),
        }
        if self.strikes(Fault::ApiErrorBefore, |weather| &mut weather.api_errors_before) {
            return Err(PortError::transient("429 too many requests"));
        }
        let done = effect();
        let tag = self.process.number as u64;
        self.world.note("api", tag, || format!("{store}: {kind}: {}", outcome(&done)));
        self.world.changed(store);
        let is_lost = self.strikes(Fault::ApiErrorAfter, |weather| &mut weather.api_errors_after);
        self.world.point(&self.process).await;
        if is_lost {
            return Err(PortError::transient("504 gateway timeout"));
        }
        done.map(drop)
    }

    /// Whether a fault that was waiting for its moment strikes now.
    fn strikes(&self, fault: Fault, left: impl FnOnce(&mut Weather) -> &mut u32) -> bool {
        let does = take(left(&mut self.world.state().weather));
        if does {
            faults::tell(&self.world, fault, "now");
        }
        does
    }

    async fn helm(&self, store: &Store, kind: ActionKind, context: &ActionContext) -> Result<(), PortError> {
        let called_at = self.world.elapsed();
        self.world.point(&self.process).await;
        if self.world.elapsed().saturating_sub(called_at) >= context.start_within && !planted(Bug::LateStart) {
            return Err(PortError::transient("it took too long to begin, and another may be at it"));
        }
        let exited = helm::start(&self.world, &self.process, store, kind, context);
        helm::attend(&self.world, &self.process, exited, context).await
    }

    /// A look at the cluster that the kubeconfig leads to.
    fn look(&self, store: &StoreId) -> Option<Look> {
        let now = self.world.now();
        (!self.process.is_misled).then(|| self.world.state().cluster.look(store, now))
    }

    fn cached(&self, store: &Store) -> Observation {
        let state = self.world.state();
        let view = &state.views[self.process.number];
        if !view.is_listed {
            return Observation::default();
        }
        let mut seen = match view.looks.get(&store.id) {
            Some(look) if !self.process.is_misled => look.describe(store),
            _ => nothing(),
        };
        (seen.release, seen.credentials) = view.last_read.get(&store.id).cloned().unwrap_or_default();
        seen
    }
}

/// Takes one of what is left.
fn take(left: &mut u32) -> bool {
    let is_one_left = *left > 0;
    *left = left.saturating_sub(1);
    is_one_left
}

fn outcome<T>(done: &Result<T, PortError>) -> String {
    done.as_ref().map_or_else(ToString::to_string, |_| "done".to_owned())
}

fn nothing() -> Observation {
    Observation {
        namespace: NamespaceSeen::Absent,
        release: ReleaseSeen::Absent,
        credentials: CredentialsSeen::Absent,
        ..Observation::default()
    }
}

/// Makes the namespace, or finds it there.
fn make_namespace(world: &World, store: &StoreId) -> Result<(), PortError> {
    let is_wanted = world.memory.peek(store).is_some_and(|store| store.status() == Status::Provisioning);
    let cluster = &mut world.state().cluster;
    let (uid, is_late) = (cluster.new_uid(), !is_wanted);
    let namespace = cluster.namespaces.entry(store.clone());
    let namespace = namespace.or_insert_with(|| Namespace { uid, is_late, ..Namespace::default() });
    if namespace.is_going {
        return Err(PortError::transient("the namespace is going"));
    }
    Ok(())
}

/// The namespace goes, and takes everything with it when nothing holds it up.
pub(super) fn remove_namespace(world: &Arc<World>, store: &StoreId, uid: &str) -> Result<(), PortError> {
    let (goes_in, is_held) = {
        let mut state = world.state();
        let held = state.weather.finalizers.pop();
        let goes_in = state.dice.millis(200, 6_000) + held.unwrap_or_default();
        let Some(namespace) = state.cluster.namespaces.get_mut(store) else { return Ok(()) };
        if namespace.uid != uid {
            return Err(PortError::new(ErrorClass::Conflict, "the namespace has another UID"));
        }
        if std::mem::replace(&mut namespace.is_going, true) {
            return Ok(());
        }
        (goes_in, held.is_some())
    };
    if is_held {
        faults::tell(world, Fault::Finalizer, "now");
    }
    let (world, store) = (Arc::clone(world), store.clone());
    tokio::spawn(async move {
        tokio::time::sleep(goes_in).await;
        world.state().cluster.namespaces.remove(&store);
        world.note("cluster", 0, || format!("{store}: the namespace is gone"));
        world.changed(&store);
        remove_volumes(&world, &store).await;
    });
    Ok(())
}

/// Volumes go after their claims, unless they are to be kept.
async fn remove_volumes(world: &Arc<World>, store: &StoreId) {
    let (goes_in, is_slow) = {
        let mut state = world.state();
        let slow = state.weather.slow_volumes.pop();
        (state.dice.millis(0, 3_000) + slow.unwrap_or_default(), slow.is_some())
    };
    if is_slow {
        faults::tell(world, Fault::SlowVolume, "now");
    }
    tokio::time::sleep(goes_in).await;
    let kept = crate::lifecycle::VolumeFate::Retained;
    world.state().cluster.volumes.retain(|_, volume| volume.store != *store || volume.fate == kept);
    world.note("cluster", 1, || format!("{store}: its volumes are gone"));
}

#[async_trait]
impl Deployer for Adapters {
    fn host(&self) -> (String, String) {
        (format!("host-{}", self.process.host), "boot".to_owned())
    }

    async fn ensure_namespace(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        let is_late = self.strikes(Fault::LateCreate, |weather| &mut weather.late_creates);
        let (world, id) = (Arc::clone(&self.world), store.id.clone());
        if is_late {
            let mut state = world.state();
            if state.dice.percent(50) {
                state.weather.last_words.insert(id.clone());
            }
            drop(state);
            tokio::spawn(async move {
                // Late enough to meet a store that was deleted meanwhile, and its tombstone before the second look.
                for _ in 0..60 {
                    world.pause(1_000, 1_000).await;
                    if world.memory.peek(&id).is_some_and(|store| store.status() == Status::Deleted) {
                        break;
                    }
                }
                world.pause(1_000, 45_000).await;
                let made = make_namespace(&world, &id);
                world.note("late", 0, || format!("{id}: create the namespace: {}", outcome(&made)));
                world.changed(&id);
            });
            return Err(PortError::transient("no answer in time"));
        }
        self.change(&store.id, ActionKind::EnsureNamespace, context, || make_namespace(&world, &id)).await
    }

    async fn ensure_credentials(
        &self,
        store: &Store,
        _: &StoreCredentials,
        context: &ActionContext,
    ) -> Result<(), PortError> {
        let make = || {
            let mut state = self.world.state();
            let namespace = state.cluster.active(&store.id).ok_or_else(|| PortError::transient("no such namespace"))?;
            namespace.has_secret = true;
            Ok(())
        };
        self.change(&store.id, ActionKind::EnsureCredentials, context, make).await
    }

    async fn install(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.helm(store, ActionKind::Install, context).await
    }

    async fn upgrade(&self, _: &Store, _: &ActionContext) -> Result<(), PortError> {
        Err(PortError::permanent("the reconciler upgrades nothing yet"))
    }

    async fn rollback(&self, store: &Store, _: u32, context: &ActionContext) -> Result<(), PortError> {
        self.helm(store, ActionKind::Rollback, context).await
    }

    async fn uninstall(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.helm(store, ActionKind::Uninstall, context).await
    }

    async fn delete_namespace(&self, store: &Store, uid: &str, context: &ActionContext) -> Result<(), PortError> {
        oracle::judge_removal(&self.world, store, "delete the namespace");
        let remove = || remove_namespace(&self.world, &store.id, uid);
        self.change(&store.id, ActionKind::DeleteNamespace, context, remove).await
    }

    async fn stop(&self, action: &ActionInFlight) -> Result<StopOutcome, PortError> {
        self.world.point(&self.process).await;
        if action.host != self.host().0 {
            return Ok(StopOutcome::MayStillRun);
        }
        helm::kill(&self.world, |helm| helm.id == action.id);
        Ok(StopOutcome::Ended)
    }
}

#[async_trait]
impl HealthProbe for Adapters {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        self.reach().await?;
        let uid = if self.process.is_misled { ANOTHER_CLUSTER } else { CLUSTER };
        Ok(ClusterIdentity { uid: uid.to_owned(), version: "simulated".to_owned() })
    }

    async fn observe(&self, store: &Store, freshness: Freshness) -> Result<Observation, PortError> {
        if freshness == Freshness::Cached {
            self.world.point(&self.process).await;
            return Ok(self.cached(store));
        }
        self.reach().await?;
        let seen = self.look(&store.id).map_or_else(nothing, |look| look.describe(store));
        oracle::looked(&self.world, store);
        self.world.pause(0, 40).await;
        self.world.point(&self.process).await;
        let read = (seen.release.clone(), seen.credentials);
        self.world.state().views[self.process.number].last_read.insert(store.id.clone(), read);
        Ok(seen)
    }

    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        self.reach().await?;
        let is_right = !self.process.is_misled;
        let state = self.world.state();
        Ok(names.iter().filter(|name| is_right && state.cluster.volumes.contains_key(*name)).cloned().collect())
    }

    async fn claimed_volumes(&self, store: &Store) -> Result<Vec<VolumeSeen>, PortError> {
        self.reach().await?;
        let is_right = !self.process.is_misled;
        let state = self.world.state();
        let mine = state.cluster.volumes.iter().filter(|(_, volume)| is_right && volume.store == store.id);
        Ok(mine.map(|(name, volume)| seen_volume(name, volume.fate)).collect())
    }

    fn changes(&self) -> ChangeStream {
        let (sender, receiver) = unbounded_channel();
        self.world.state().views[self.process.number].changes = Some(sender);
        let process = Arc::clone(&self.process);
        let changes = stream::unfold((receiver, process), async |(mut receiver, process)| {
            let store = receiver.recv().await?;
            process.gate().await;
            Some((store, (receiver, process)))
        });
        changes.boxed()
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        self.reach().await?;
        let state = self.world.state();
        Ok(state.cluster.namespaces.keys().map(|id| (id.to_string(), id.namespace())).collect())
    }
}

/// The clock of one process: it goes as fast as the others and may show another time.
pub(super) struct SkewedClock {
    pub(super) world: Arc<World>,
    pub(super) process: Arc<Process>,
}

#[async_trait]
impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        self.world.now() + self.process.skew
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
        self.process.gate().await;
    }
}

/// What a list of the cluster would find now, to be delivered when it is old.
pub(super) fn list_now(world: &World) -> BTreeMap<StoreId, Look> {
    let now = world.now();
    let state = world.state();
    state.cluster.namespaces.keys().map(|store| (store.clone(), state.cluster.look(store, now))).collect()
}
