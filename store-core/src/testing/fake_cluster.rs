//! A simulated cluster with a simulated Helm: one value that is both deployer and probe, split at the same line as the
//! ports. Stores become ready after short delays of the given clock; failures are asked for beforehand.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use tokio::sync::broadcast;

use super::milestones::milestone;
use crate::lifecycle::{Failure, FailureCode, Gate, ObjectRef, Published, Store, VolumeFate};
use crate::ports::{
    ActionContext, ActionInFlight, ActionKind, ChangeStream, Clock, ClusterIdentity, CredentialsSeen, Deployer,
    ErrorClass, Freshness, HealthProbe, NamespaceSeen, Observation, PendingKind, PortError, ReleaseSeen, SetupReport,
    SetupSeen, StopOutcome, Suspicion, VolumeSeen, WorkloadSeen,
};
use crate::store::{Component, Engine, StoreCredentials, StoreId};

/// How long the simulated parts take.
#[derive(Debug, Clone, Copy)]
pub struct Timings {
    /// One Helm run.
    pub helm: Duration,
    /// From the installation to a ready database; setup, application and storefront follow at the same pace.
    pub milestone: Duration,
    /// From the request to delete a namespace until it is gone.
    pub namespace_delete: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        let short = Duration::from_millis(20);
        Self { helm: short, milestone: short, namespace_delete: short }
    }
}

/// The simulated cluster. Cheap to clone; clones are the same cluster.
#[derive(Clone)]
pub struct FakeCluster {
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<StoreId>,
    clock: Arc<dyn Clock>,
    timings: Timings,
}

struct State {
    uid: String,
    is_reachable: bool,
    namespaces: BTreeMap<StoreId, Namespace>,
    next_uid: u32,
    planned_errors: VecDeque<(ActionKind, PortError)>,
    broken_images: Vec<StoreId>,
    /// Volumes that outlive their namespace, with the time at which they go.
    late_volumes: BTreeMap<StoreId, Timestamp>,
    /// Release and Secret are not watched: what a cached look knows of them is what the last fresh one read.
    last_read: BTreeMap<StoreId, (ReleaseSeen, CredentialsSeen)>,
    runs: Vec<(StoreId, ActionKind)>,
}

#[derive(Default)]
struct Namespace {
    uid: String,
    is_foreign: bool,
    going_since: Option<Timestamp>,
    secret: Option<BTreeMap<String, String>>,
    release: Option<Release>,
    has_volume: bool,
}

struct Release {
    revisions: Vec<u32>,
    installed_at: Timestamp,
    attempt: u32,
    is_pending: bool,
}

impl FakeCluster {
    /// An empty cluster.
    pub fn new(clock: Arc<dyn Clock>, timings: Timings) -> Self {
        let state = State {
            uid: "simulated-cluster".to_owned(),
            is_reachable: true,
            namespaces: BTreeMap::new(),
            next_uid: 1,
            planned_errors: VecDeque::new(),
            broken_images: Vec::new(),
            late_volumes: BTreeMap::new(),
            last_read: BTreeMap::new(),
            runs: Vec::new(),
        };
        Self { state: Arc::new(Mutex::new(state)), changes: broadcast::Sender::new(1024), clock, timings }
    }

    /// The next action of this kind fails with this error, without an effect.
    pub fn plan_error(&self, kind: ActionKind, error: PortError) {
        self.state().planned_errors.push_back((kind, error));
    }

    /// Takes the cluster away, or brings it back.
    pub fn set_reachable(&self, is_reachable: bool) {
        self.state().is_reachable = is_reachable;
    }

    /// Makes it another cluster.
    pub fn set_uid(&self, uid: &str) {
        uid.clone_into(&mut self.state().uid);
    }

    /// The store's server image cannot be pulled, until it can.
    pub fn set_image_broken(&self, store: &StoreId, is_broken: bool) {
        let mut state = self.state();
        state.broken_images.retain(|id| id != store);
        if is_broken {
            state.broken_images.push(store.clone());
        }
        drop(state);
        let _ = self.changes.send(store.clone());
    }

    /// A volume is bound to the store's second claim that nobody has seen yet, and goes at this time.
    pub fn bind_late_volume(&self, store: &StoreId, goes_at: Timestamp) {
        self.state().late_volumes.insert(store.clone(), goes_at);
    }

    /// Puts a namespace of that name there that belongs to somebody else.
    pub fn occupy_namespace(&self, store: &StoreId) {
        let namespace = Namespace { uid: "foreign".to_owned(), is_foreign: true, ..Namespace::default() };
        self.state().namespaces.insert(store.clone(), namespace);
    }

    /// Forgets what fresh looks have read, as a process does that ends.
    pub fn forget_reads(&self) {
        self.state().last_read.clear();
    }

    /// Leaves the release as a Helm leaves it that was killed during its installation.
    pub fn leave_pending_install(&self, store: &StoreId) {
        let mut state = self.state();
        if let Some(release) = state.namespaces.get_mut(store).and_then(|namespace| namespace.release.as_mut()) {
            release.is_pending = true;
        }
    }

    /// The Secret of a store, as the cluster has it.
    pub fn secret(&self, store: &StoreId) -> Option<BTreeMap<String, String>> {
        self.state().namespaces.get(store).and_then(|namespace| namespace.secret.clone())
    }

    /// Removes the Secret of a store.
    pub fn remove_secret(&self, store: &StoreId) {
        if let Some(namespace) = self.state().namespaces.get_mut(store) {
            namespace.secret = None;
        }
    }

    /// Ids of the stores that have a namespace.
    pub fn stores(&self) -> Vec<StoreId> {
        self.settle();
        self.state().namespaces.keys().cloned().collect()
    }

    /// Every action that reached the cluster, in order.
    pub fn runs(&self) -> Vec<(StoreId, ActionKind)> {
        self.state().runs.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets what is due by now happen.
    fn settle(&self) {
        let now = self.clock.now();
        let wait = self.timings.namespace_delete;
        self.state()
            .namespaces
            .retain(|_, namespace| namespace.going_since.is_none_or(|since| elapsed(since, now) < wait));
    }

    fn begin(&self, store: &Store, kind: ActionKind) -> Result<(), PortError> {
        self.settle();
        let mut state = self.state();
        if !state.is_reachable {
            return Err(PortError::transient("the simulated cluster is away"));
        }
        if let Some(index) = state.planned_errors.iter().position(|(planned, _)| *planned == kind)
            && let Some((_, error)) = state.planned_errors.remove(index)
        {
            return Err(error);
        }
        state.runs.push((store.id.clone(), kind));
        Ok(())
    }

    /// Runs the simulated Helm: stopped at any point, it has had no effect.
    async fn helm(&self, context: &ActionContext) -> Result<(), PortError> {
        tokio::select! {
            () = self.clock.sleep(self.timings.helm) => Ok(()),
            () = context.cancel.cancelled() => Err(PortError::new(ErrorClass::Cancelled, "stopped")),
        }
    }

    /// Tells of a change now and after each of `delays`.
    fn announce(&self, store: &StoreId, delays: impl IntoIterator<Item = Duration>) {
        let _ = self.changes.send(store.clone());
        for delay in delays {
            let (clock, changes, store) = (Arc::clone(&self.clock), self.changes.clone(), store.clone());
            tokio::spawn(async move {
                clock.sleep(delay).await;
                let _ = changes.send(store);
            });
        }
    }

    fn on_namespace<T>(&self, store: &Store, change: impl FnOnce(&mut Namespace) -> T) -> Result<T, PortError> {
        let mut state = self.state();
        let namespace = state.namespaces.get_mut(&store.id);
        namespace.map(change).ok_or_else(|| {
            PortError::new(ErrorClass::NotFound, format!("namespace {} not found", store.id.namespace()))
        })
    }
}

#[async_trait]
impl Deployer for FakeCluster {
    fn host(&self) -> (String, String) {
        ("simulated-host".to_owned(), "simulated-boot".to_owned())
    }

    async fn ensure_namespace(&self, store: &Store, _: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::EnsureNamespace)?;
        let mut state = self.state();
        let uid = format!("uid-{}", state.next_uid);
        state.next_uid += 1;
        let namespace =
            state.namespaces.entry(store.id.clone()).or_insert_with(|| Namespace { uid, ..Namespace::default() });
        if namespace.is_foreign || namespace.going_since.is_some() {
            return Err(PortError::new(ErrorClass::Conflict, "the namespace is somebody else's or going"));
        }
        drop(state);
        self.announce(&store.id, []);
        Ok(())
    }

    async fn ensure_credentials(
        &self,
        store: &Store,
        credentials: &StoreCredentials,
        _: &ActionContext,
    ) -> Result<(), PortError> {
        use secrecy::ExposeSecret;
        self.begin(store, ActionKind::EnsureCredentials)?;
        let entries = credentials.entries().iter();
        let entries = entries.map(|(key, value)| (key.clone(), value.expose_secret().to_owned())).collect();
        self.on_namespace(store, |namespace| {
            namespace.secret.get_or_insert(entries);
        })
    }

    async fn install(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::Install)?;
        self.helm(context).await?;
        let installed_at = self.clock.now();
        self.on_namespace(store, |namespace| {
            if namespace.release.is_some() {
                return Err(PortError::transient("cannot re-use a name that is still in use"));
            }
            namespace.has_volume = true;
            namespace.release =
                Some(Release { revisions: vec![1], installed_at, attempt: store.attempt(), is_pending: false });
            Ok(())
        })??;
        self.announce(&store.id, (1..=4).map(|step| self.timings.milestone * step));
        Ok(())
    }

    async fn upgrade(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::Upgrade)?;
        self.helm(context).await
    }

    async fn rollback(&self, store: &Store, _: u32, context: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::Rollback)?;
        self.helm(context).await
    }

    async fn uninstall(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::Uninstall)?;
        self.helm(context).await?;
        self.on_namespace(store, |namespace| namespace.release = None)?;
        self.announce(&store.id, []);
        Ok(())
    }

    async fn delete_namespace(&self, store: &Store, uid: &str, _: &ActionContext) -> Result<(), PortError> {
        self.begin(store, ActionKind::DeleteNamespace)?;
        let now = self.clock.now();
        self.on_namespace(store, |namespace| {
            if namespace.uid != uid || namespace.is_foreign {
                return Err(PortError::new(ErrorClass::Conflict, "the namespace has another UID"));
            }
            namespace.going_since.get_or_insert(now);
            Ok(())
        })??;
        self.announce(&store.id, [self.timings.namespace_delete]);
        Ok(())
    }

    async fn stop(&self, _: &ActionInFlight) -> Result<StopOutcome, PortError> {
        Ok(StopOutcome::Ended)
    }
}

#[async_trait]
impl HealthProbe for FakeCluster {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        let state = self.state();
        if !state.is_reachable {
            return Err(PortError::transient("the simulated cluster is away"));
        }
        Ok(ClusterIdentity { uid: state.uid.clone(), version: "simulated".to_owned() })
    }

    async fn observe(&self, store: &Store, freshness: Freshness) -> Result<Observation, PortError> {
        self.settle();
        let mut state = self.state();
        if !state.is_reachable {
            return Err(PortError::transient("the simulated cluster is away"));
        }
        let mut seen = self.look(store, &state);
        match freshness {
            Freshness::Fresh => {
                state.last_read.insert(store.id.clone(), (seen.release.clone(), seen.credentials));
            }
            Freshness::Cached => {
                (seen.release, seen.credentials) = state.last_read.get(&store.id).cloned().unwrap_or_default();
            }
        }
        Ok(seen)
    }

    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        self.settle();
        let now = self.clock.now();
        let state = self.state();
        let exists = |name: &&String| {
            state.namespaces.iter().any(|(id, namespace)| namespace.has_volume && volume_name(id) == **name)
                || state.late_volumes.iter().any(|(id, goes_at)| late_volume_name(id) == **name && now < *goes_at)
        };
        Ok(names.iter().filter(exists).cloned().collect())
    }

    async fn claimed_volumes(&self, store: &Store) -> Result<Vec<VolumeSeen>, PortError> {
        let now = self.clock.now();
        let late = self.state().late_volumes.get(&store.id).is_some_and(|goes_at| now < *goes_at);
        let volume = || VolumeSeen {
            name: late_volume_name(&store.id),
            claim: "uploads".to_owned(),
            reclaim_policy: Some("Delete".to_owned()),
            fate: VolumeFate::Deleted,
        };
        Ok(late.then(volume).into_iter().collect())
    }

    fn changes(&self) -> ChangeStream {
        let receiver = self.changes.subscribe();
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(id) => return Some((id, receiver)),
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        stream.boxed()
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        self.settle();
        Ok(self.state().namespaces.keys().map(|id| (id.to_string(), id.namespace())).collect())
    }
}

impl FakeCluster {
    fn look(&self, store: &Store, state: &State) -> Observation {
        let is_broken = state.broken_images.contains(&store.id);
        match state.namespaces.get(&store.id) {
            Some(namespace) => self.describe(store, namespace, is_broken),
            None => Observation {
                namespace: NamespaceSeen::Absent,
                release: ReleaseSeen::Absent,
                credentials: CredentialsSeen::Absent,
                ..Observation::default()
            },
        }
    }

    fn describe(&self, store: &Store, namespace: &Namespace, is_broken: bool) -> Observation {
        let uid = namespace.uid.clone();
        let mut seen = Observation {
            namespace: match namespace.going_since {
                _ if namespace.is_foreign => NamespaceSeen::Foreign,
                Some(_) => NamespaceSeen::Terminating { uid, blocker: None },
                None => NamespaceSeen::Active { uid },
            },
            credentials: if namespace.secret.is_some() { CredentialsSeen::Ours } else { CredentialsSeen::Absent },
            release: ReleaseSeen::Absent,
            published: Published::Yes,
            ..Observation::default()
        };
        if namespace.has_volume {
            let (name, claim) = (volume_name(&store.id), "data-database-0".to_owned());
            seen.volumes.push(VolumeSeen {
                name,
                claim,
                reclaim_policy: Some("Delete".to_owned()),
                fate: VolumeFate::Deleted,
            });
        }
        if let Some(release) = &namespace.release {
            self.describe_release(store, release, is_broken, &mut seen);
        }
        seen
    }

    fn describe_release(&self, store: &Store, release: &Release, is_broken: bool, seen: &mut Observation) {
        let revisions = release.revisions.clone();
        if release.is_pending {
            seen.release = ReleaseSeen::Pending { kind: PendingKind::Install, revisions, last_deployed: None };
            return;
        }
        seen.release = ReleaseSeen::Deployed { revisions };
        let since = release.installed_at;
        let age = elapsed(since, self.clock.now());
        let reached = |gate| {
            let step = milestone(store.engine, gate);
            age >= self.timings.milestone * step && (!is_broken || step == 1)
        };
        seen.leftovers = 3;
        seen.workloads = vec![
            WorkloadSeen { component: Component::Database, ready: reached(Gate::Database), since },
            WorkloadSeen { component: Component::Server, ready: reached(Gate::Application), since },
        ];
        if release.attempt == store.attempt() {
            seen.setup = match () {
                () if reached(Gate::Storefront) => SetupSeen::Succeeded(report(store)),
                () if reached(Gate::Setup) => SetupSeen::Initialised,
                () => SetupSeen::Waiting,
            };
        }
        if is_broken {
            seen.suspicions.push(Suspicion { failure: broken_image(), gate: Gate::Application, since, times: 1 });
        }
    }
}

fn report(store: &Store) -> SetupReport {
    let key = || ("publishable_api_key".to_owned(), format!("pk_simulated_{}", store.id));
    SetupReport { details: (store.engine == Engine::Medusa).then(key).into_iter().collect() }
}

fn broken_image() -> Failure {
    Failure::new(
        FailureCode::ImagePull,
        "The image of the server cannot be pulled",
        "Check the image's name and the registry",
    )
    .blaming(ObjectRef::new("Pod", "server"))
}

fn late_volume_name(store: &StoreId) -> String {
    format!("pv-late-{store}")
}

fn volume_name(store: &StoreId) -> String {
    format!("pv-{store}")
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
