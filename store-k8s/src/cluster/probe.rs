//! [`KubeProbe`]: the port that reads the cluster, by watches and by fresh reads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use kube::api::{Api, ListParams};
use kube::core::PartialObjectMeta;
use store_core::lifecycle::Store;
use store_core::ports::{
    ChangeStream, ClusterIdentity, Freshness, HealthProbe, LogRequest, LogStream, Observation, PodSeen, PortError,
    VolumeSeen,
};
use store_core::store::StoreId;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

use super::connect::{CALL, Cluster};
use super::facts::{Fold as _, Kind};
use super::questions::{FIRST, Questions};
use super::record::Mute;
use super::records::Records;
use super::sight::{self, Sight};
use super::{logs, read, watch};
use crate::labels;

/// How long a watch is trusted before its kind is listed again; a little more for each.
const RESYNC: Duration = Duration::from_mins(5);
/// How often it is seen whether the events of an object that does not say what is wrong should be asked.
const EXPLAIN_EVERY: Duration = Duration::from_secs(5);
/// How long it is believed which ingress classes the cluster has; they are asked for only while an ingress has no address.
const CLASSES_FOR: SignedDuration = SignedDuration::from_secs(10);
const VOLUMES_AT_ONCE: usize = 8;
const PAGE: u32 = 500;

/// Reads the cluster. Its watches run until it is dropped.
pub struct KubeProbe {
    cluster: Cluster,
    records: Arc<Records>,
    sight: Arc<Sight>,
    _tasks: JoinSet<()>,
}

impl KubeProbe {
    /// Starts the watches of this installation's objects. Must be called within a tokio runtime; waits for nothing.
    pub fn start(cluster: Cluster, installation: Uuid) -> Self {
        Self::start_with(cluster, installation, RESYNC)
    }

    /// The same, with another time for which a watch is trusted: 5 minutes suit a cluster, tests want less.
    pub fn start_with(cluster: Cluster, installation: Uuid, resync: Duration) -> Self {
        let records = Arc::new(Records::new(installation, cluster.clock().clone()));
        let sight = Arc::new(Sight::default());
        let mut tasks = JoinSet::new();
        let spread = |kind| resync + jitter(resync, installation, kind);
        macro_rules! watch {
            ($($kind:ty),+ $(,)?) => {$({
                let (cluster, records, sight) = (cluster.clone(), records.clone(), sight.clone());
                tasks.spawn(watch::watch::<$kind>(cluster, records, sight, spread(<$kind>::KIND)));
            })+};
        }
        // One for each `Kind`: nothing is known until all of them were listed.
        watch!(Namespace, StatefulSet, Deployment, Job, Pod, PersistentVolumeClaim, Ingress);
        tasks.spawn({
            let (cluster, sight) = (cluster.clone(), sight.clone());
            async move { sight.keep(&cluster).await }
        });
        tasks.spawn(explain(cluster.clone(), records.clone()));
        Self { cluster, records, sight, _tasks: tasks }
    }
}

/// Up to a fifth: spreads the lists of several kinds and of several replicas. Not random, but different for each.
fn jitter(resync: Duration, installation: Uuid, kind: Kind) -> Duration {
    let seed = installation.as_u64_pair().1 ^ u64::from(std::process::id());
    let percent = seed.wrapping_add(kind as u64 * 37) % 100;
    resync / 5 * u32::try_from(percent).unwrap_or_default() / 100
}

/// Asks the events of objects that stay without pods or volume and do not wait for a pod, and of no others.
async fn explain(cluster: Cluster, records: Arc<Records>) {
    let mut questions = Questions::default();
    let mut classes_asked: Option<Timestamp> = None;
    loop {
        sleep(EXPLAIN_EVERY).await;
        let now = records.now();
        let is_old = classes_asked.is_none_or(|asked| now.duration_since(asked) >= CLASSES_FOR);
        if is_old && !records.waiting_classes().is_empty() {
            classes_asked = Some(now);
            look_for_classes(&cluster, &records).await;
        }
        let mut of_kind: BTreeMap<Kind, Vec<(StoreId, Mute)>> = BTreeMap::new();
        for (store, mute) in questions.due(records.mutes(now - FIRST), now) {
            of_kind.entry(mute.kind).or_default().push((store, mute));
        }
        for (kind, mutes) in of_kind {
            match read::explain_all(&cluster, kind, &mutes).await {
                Ok(told) => {
                    for ((store, mute), trouble) in mutes.iter().zip(told) {
                        records.told(store, mute, trouble);
                    }
                }
                Err(error) => {
                    let kind = kind.as_str();
                    tracing::debug!(kind, error = &error as &dyn std::error::Error, "cannot read events");
                }
            }
        }
    }
}

/// Finds out whether the classes exist of ingresses that have no address.
async fn look_for_classes(cluster: &Cluster, records: &Records) {
    match read::list_all::<IngressClass>(cluster, "list the ingress classes").await {
        Ok(classes) => records.classes_are(&classes.into_iter().filter_map(|class| class.metadata.name).collect()),
        Err(error) => {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot list the ingress classes");
        }
    }
}

#[async_trait]
impl HealthProbe for KubeProbe {
    async fn cluster(&self) -> Result<ClusterIdentity, PortError> {
        sight::identify(&self.cluster, CALL).await
    }

    async fn observe(&self, store: &Store, freshness: Freshness) -> Result<Observation, PortError> {
        match freshness {
            Freshness::Fresh => Box::pin(read::observe(&self.cluster, &self.records, store)).await,
            Freshness::Cached => {
                self.sight.check()?;
                Ok(self.records.observe(store))
            }
        }
    }

    async fn existing_volumes(&self, names: &[String]) -> Result<Vec<String>, PortError> {
        let read = |name: String| async move {
            let volume = read::volume(&self.cluster, &name).await?;
            Ok::<_, PortError>(volume.map(|_| name))
        };
        let reads = stream::iter(names.to_vec()).map(read).buffered(VOLUMES_AT_ONCE);
        Ok(reads.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    async fn claimed_volumes(&self, store: &Store) -> Result<Vec<VolumeSeen>, PortError> {
        read::claimed_volumes(&self.cluster, &store.id).await
    }

    fn changes(&self) -> ChangeStream {
        self.records.changes.subscribe()
    }

    async fn namespaces(&self) -> Result<Vec<(String, String)>, PortError> {
        let mut found = Vec::new();
        let mut parameters =
            ListParams::default().labels(&labels::select_installation(self.records.installation())).limit(PAGE);
        loop {
            let page = parameters.clone();
            let request = |client| async move { Api::<Namespace>::all(client).list_metadata(&page).await };
            let list = self.cluster.call("list the stores' namespaces", request).await?;
            found.extend(list.items.into_iter().filter_map(labelled));
            match list.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => parameters = parameters.continue_token(&token),
                None => return Ok(found),
            }
        }
    }

    async fn pods(&self, store: &Store) -> Result<Vec<PodSeen>, PortError> {
        logs::pods(&self.cluster, self.records.installation(), store).await
    }

    async fn logs(&self, store: &Store, request: LogRequest) -> Result<Option<LogStream>, PortError> {
        logs::logs(&self.cluster, self.records.installation(), store, request).await
    }
}

fn labelled(namespace: PartialObjectMeta<Namespace>) -> Option<(String, String)> {
    let store = namespace.metadata.labels?.get(labels::STORE)?.clone();
    Some((store, namespace.metadata.name?))
}
