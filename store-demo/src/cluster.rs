//! A cluster that is not there: deployer and probe in one, whose stores come up after a while of the given clock.
//!
//! What is seen of a store follows from when its release was installed and from its [`Behaviour`]; nothing runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::{StreamExt as _, future, stream};
use jiff::Timestamp;
use store_core::lifecycle::{Blocker, Failure, FailureCode, Gate, ObjectRef, Published, Store, VolumeFate};
use store_core::ports::{
    ActionContext, ActionInFlight, ChangeStream, Clock, ClusterIdentity, CredentialsSeen, Deployer, ErrorClass,
    Freshness, HealthProbe, LogRequest, LogStream, NamespaceSeen, Observation, PodSeen, PortError, ReleaseSeen,
    SetupReport, SetupSeen, StopOutcome, Suspicion, VolumeSeen, WorkloadSeen,
};
use store_core::store::{Component, Engine, StoreCredentials, StoreId};
use tokio::sync::broadcast;

use crate::pods::End;
use crate::{Behaviour, pods};

/// How long a request to the API server takes.
const REQUEST: Duration = Duration::from_millis(300);
/// How long one Helm run takes.
const HELM: Duration = Duration::from_secs(2);
/// How long each gate after the release takes.
const GATE: Duration = Duration::from_secs(3);
/// How long a namespace takes to go.
const NAMESPACE_GOES: Duration = Duration::from_secs(4);
/// How long after its installation a store that degrades does so.
const DEGRADES_AFTER: Duration = Duration::from_secs(40);

/// Whoever is further behind misses changes.
const CHANGES_MAX: usize = 1024;

/// The simulated cluster. Cheap to clone; clones are the same cluster.
#[derive(Clone)]
pub struct DemoCluster {
    namespaces: Arc<Mutex<BTreeMap<StoreId, Namespace>>>,
    changes: broadcast::Sender<StoreId>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Namespace {
    has_secret: bool,
    has_volume: bool,
    release: Option<Release>,
    goes_at: Option<Timestamp>,
}

#[derive(Clone, Copy)]
struct Release {
    installed_at: Timestamp,
    attempt: u32,
}

impl DemoCluster {
    /// An empty cluster.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { namespaces: Arc::default(), changes: broadcast::Sender::new(CHANGES_MAX), clock }
    }

    /// Puts a store there as if it had been installed then.
    pub fn adopt(&self, store: &Store, installed_at: Timestamp) {
        let release = Some(Release { installed_at, attempt: store.attempt() });
        let namespace = Namespace { has_secret: true, has_volume: true, release, goes_at: None };
        self.namespaces().insert(store.id.clone(), namespace);
    }

    /// What is there now.
    fn namespaces(&self) -> MutexGuard<'_, BTreeMap<StoreId, Namespace>> {
        self.namespaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes a namespace whose time has come.
    fn settle(&self, id: &StoreId) {
        let now = self.clock.now();
        let mut namespaces = self.namespaces();
        if namespaces.get(id).is_some_and(|namespace| namespace.goes_at.is_some_and(|at| at <= now)) {
            namespaces.remove(id);
        }
    }

    fn change<T>(&self, store: &Store, change: impl FnOnce(&mut Namespace) -> T) -> Result<T, PortError> {
        self.settle(&store.id);
        let mut namespaces = self.namespaces();
        let namespace = namespaces.get_mut(&store.id).filter(|namespace| namespace.goes_at.is_none());
        namespace.map(change).ok_or_else(|| PortError::new(ErrorClass::NotFound, "the namespace is not there"))
    }

    /// Lets time go by, unless the action is stopped.
    async fn take(&self, how_long: Duration, context: &ActionContext) -> Result<(), PortError> {
        tokio::select! {
            () = self.clock.sleep(how_long) => Ok(()),
            () = context.cancel.cancelled() => Err(PortError::new(ErrorClass::Cancelled, "stopped")),
        }
    }

    /// Tells of a change of this store that comes after this time.
    fn announce(&self, store: &StoreId, after: Duration) {
        let (changes, clock, store) = (self.changes.clone(), Arc::clone(&self.clock), store.clone());
        tokio::spawn(async move {
            clock.sleep(after).await;
            // Perhaps nobody wants to know.
            let _ = changes.send(store);
        });
    }

    /// When the release that is there was installed.
    fn installed_at(&self, id: &StoreId) -> Option<Timestamp> {
        self.release(id).map(|release| release.installed_at)
    }

    fn release(&self, id: &StoreId) -> Option<Release> {
        self.settle(id);
        self.namespaces().get(id)?.release
    }

    fn look(&self, store: &Store) -> Observation {
        self.settle(&store.id);
        let now = self.clock.now();
        match self.namespaces().get(&store.id) {
            Some(namespace) => describe(store, namespace, now),
            None => Observation {
                namespace: NamespaceSeen::Absent,
                release: ReleaseSeen::Absent,
                credentials: CredentialsSeen::Absent,
                ..Observation::default()
            },
        }
    }
}

#[async_trait]
impl Deployer for DemoCluster {
    fn host(&self) -> (String, String) {
        ("simulated".to_owned(), String::new())
    }

    async fn ensure_namespace(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.take(REQUEST, context).await?;
        self.settle(&store.id);
        self.namespaces().entry(store.id.clone()).or_default();
        Ok(())
    }

    async fn ensure_credentials(
        &self,
        store: &Store,
        _: &StoreCredentials,
        context: &ActionContext,
    ) -> Result<(), PortError> {
        self.take(REQUEST, context).await?;
        self.change(store, |namespace| namespace.has_secret = true)
    }

    async fn install(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        let behaviour = Behaviour::of(&store.name);
        self.take(HELM * behaviour.slowness, context).await?;
        let release = Release { installed_at: self.clock.now(), attempt: store.attempt() };
        self.change(store, |namespace| {
            namespace.has_volume = true;
            namespace.release.get_or_insert(release);
        })?;
        if behaviour.degrades {
            self.announce(&store.id, DEGRADES_AFTER * behaviour.slowness);
        }
        Ok(())
    }

    async fn upgrade(&self, _: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.take(HELM, context).await
    }

    async fn rollback(&self, _: &Store, _: u32, context: &ActionContext) -> Result<(), PortError> {
        self.take(HELM, context).await
    }

    async fn uninstall(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.take(HELM, context).await?;
        self.change(store, |namespace| namespace.release = None)
    }

    async fn delete_namespace(&self, store: &Store, _: &str, context: &ActionContext) -> Result<(), PortError> {
        self.take(REQUEST, context).await?;
        let goes_at = self.clock.now() + NAMESPACE_GOES + Behaviour::of(&store.name).stuck;
        if let Some(namespace) = self.namespaces().get_mut(&store.id) {
            namespace.goes_at.get_or_insert(goes_at);
        }
        self.announce(&store.id, Duration::ZERO);
        Ok(())
    }

    async fn stop(&self, _: &ActionInFlight) -> Result<StopOutcome, PortError> {
        Ok(StopOutcome::Ended)
    }
}

#[async_trait]
impl HealthProbe for DemoCluster {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        Ok(ClusterIdentity { uid: "simulated".to_owned(), version: "simulated".to_owned() })
    }

    async fn observe(&self, store: &Store, _: Freshness) -> Result<Observation, PortError> {
        Ok(self.look(store))
    }

    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let now = self.clock.now();
        let namespaces = self.namespaces();
        let exists = |name: &&String| {
            let id = name.strip_prefix(VOLUME_PREFIX).and_then(|id| StoreId::parse(id).ok());
            let namespace = id.and_then(|id| namespaces.get(&id));
            namespace.is_some_and(|namespace| namespace.has_volume && namespace.goes_at.is_none_or(|at| at > now))
        };
        Ok(names.iter().filter(exists).cloned().collect())
    }

    fn changes(&self) -> ChangeStream {
        let receiver = self.changes.subscribe();
        let told = stream::unfold(receiver, |mut receiver| async move {
            match receiver.recv().await {
                Ok(store) => Some((Some(store), receiver)),
                Err(broadcast::error::RecvError::Lagged(_)) => Some((None, receiver)),
                Err(broadcast::error::RecvError::Closed) => None,
            }
        });
        told.filter_map(future::ready).boxed()
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        Ok(self.namespaces().keys().map(|id| (id.to_string(), id.namespace())).collect())
    }

    async fn pods(&self, store: &Store) -> Result<Vec<PodSeen>, PortError> {
        let seen = self.look(store);
        Ok(self.installed_at(&store.id).map_or_else(Vec::new, |at| pods::pods(store, &seen, at)))
    }

    async fn logs(&self, store: &Store, request: LogRequest) -> Result<Option<LogStream>, PortError> {
        let Some(release) = self.release(&store.id) else { return Ok(None) };
        let installed_at = release.installed_at;
        let end = (request.component == Component::Setup).then(|| end_of_setup(store, release));
        let (cluster, id) = (self.clone(), store.id.clone());
        let is_there = move || cluster.installed_at(&id) == Some(installed_at);
        Ok(Some(pods::logs(store, installed_at, Arc::clone(&self.clock), request, end, is_there)))
    }
}

const VOLUME_PREFIX: &str = "pv-";

fn describe(store: &Store, namespace: &Namespace, now: Timestamp) -> Observation {
    let uid = format!("simulated-{}", store.id);
    let blocker = (!Behaviour::of(&store.name).stuck.is_zero()).then(stuck_claim);
    let mut seen = Observation {
        namespace: match namespace.goes_at {
            Some(_) => NamespaceSeen::Terminating { uid, blocker },
            None => NamespaceSeen::Active { uid },
        },
        credentials: if namespace.has_secret { CredentialsSeen::Ours } else { CredentialsSeen::Absent },
        release: ReleaseSeen::Absent,
        ..Observation::default()
    };
    if namespace.has_volume {
        seen.volumes.push(VolumeSeen {
            name: format!("{VOLUME_PREFIX}{}", store.id),
            claim: "data-database-0".to_owned(),
            reclaim_policy: Some("Delete".to_owned()),
            fate: VolumeFate::Deleted,
        });
    }
    if let Some(release) = namespace.release {
        seen.published = Published::Yes;
        describe_release(store, release, now, &mut seen);
    }
    seen
}

fn describe_release(store: &Store, release: Release, now: Timestamp, seen: &mut Observation) {
    let behaviour = Behaviour::of(&store.name);
    let age = elapsed(release.installed_at, now);
    let reached = |gate| age >= reached_after(store, gate);
    let fails = fails(store, release);
    let degrades_at = release.installed_at + DEGRADES_AFTER * behaviour.slowness;
    let is_degraded = behaviour.degrades && now >= degrades_at;
    let since = if is_degraded { degrades_at } else { release.installed_at };
    seen.release = ReleaseSeen::Deployed { revisions: vec![1] };
    seen.leftovers = 3;
    seen.workloads = vec![
        WorkloadSeen { component: Component::Database, ready: reached(Gate::Database), since: release.installed_at },
        WorkloadSeen { component: Component::Server, ready: reached(Gate::Application) && !is_degraded, since },
    ];
    if release.attempt == store.attempt() {
        seen.setup = match () {
            () if fails && reached(Gate::Setup) => SetupSeen::Failed(setup_failure(store)),
            () if reached(Gate::Storefront) => SetupSeen::Succeeded(report(store)),
            () if reached(Gate::Setup) => SetupSeen::Initialised,
            () => SetupSeen::Waiting,
        };
    }
    if is_degraded {
        let failure = crashing(store.engine, &pods::name(store, Component::Server));
        seen.suspicions.push(Suspicion { failure, gate: Gate::Application, since: degrades_at, times: 5 });
    }
}

fn fails(store: &Store, release: Release) -> bool {
    Behaviour::of(&store.name).fails_first && release.attempt == 1
}

/// How long after the installation the gate is met.
fn reached_after(store: &Store, gate: Gate) -> Duration {
    GATE * Behaviour::of(&store.name).slowness * places_after_release(store.engine, gate)
}

fn end_of_setup(store: &Store, release: Release) -> End {
    if fails(store, release) {
        End { after: reached_after(store, Gate::Setup), last_words: SETUP_ERROR }
    } else {
        End { after: reached_after(store, Gate::Storefront), last_words: "setup is done" }
    }
}

/// How many gates are met between the release and this one, itself included.
fn places_after_release(engine: Engine, gate: Gate) -> u32 {
    let place = |wanted| Gate::of(engine).iter().position(|gate| *gate == wanted).unwrap_or_default();
    u32::try_from(place(gate).saturating_sub(place(Gate::Release))).unwrap_or_default()
}

fn report(store: &Store) -> SetupReport {
    let key = || ("publishable_api_key".to_owned(), format!("pk_simulated_{}", store.id));
    SetupReport { details: (store.engine == Engine::Medusa).then(key).into_iter().collect() }
}

const SETUP_ERROR: &str = "Error: the sample products could not be imported: connection reset by peer";

/// Why a store that is to fail does so.
pub(crate) fn setup_failure(store: &Store) -> Failure {
    Failure::new(
        FailureCode::SetupFailed,
        "Setup job did not complete: container setup exited with code 1",
        "Simulated, because the name contains \"fail\": retry the store, the next attempt succeeds",
    )
    .blaming(ObjectRef::new("Job", store.id.setup_job(store.attempt())))
    .quoting(SETUP_ERROR)
}

fn crashing(engine: Engine, pod: &str) -> Failure {
    Failure::new(
        FailureCode::CrashLoop,
        format!("{} pod not ready: its container main keeps crashing", engine.title()),
        "Simulated, because the name contains \"degraded\": look at the pod's log",
    )
    .blaming(ObjectRef::new("Pod", pod))
    .quoting("back-off 5m0s restarting failed container")
}

fn stuck_claim() -> Blocker {
    Blocker {
        message: "PersistentVolumeClaim data-database-0 has the finalizer kubernetes.io/pvc-protection".to_owned(),
        object: Some(ObjectRef::new("PersistentVolumeClaim", "data-database-0")),
        hint: "Simulated, because the name contains \"stuck\": it goes by itself after two and a half minutes"
            .to_owned(),
    }
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
