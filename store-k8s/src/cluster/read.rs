//! Fresh reads of one store: everything in its namespace, from the API server and not from its caches.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Namespace, PersistentVolume, PersistentVolumeClaim, Pod, Secret};
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{Api, ListParams};
use kube::core::{ObjectList, PartialObjectMeta};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use store_core::lifecycle::{Store, VolumeFate};
use store_core::ports::{CredentialsSeen, Observation, PortError, ReleaseSeen, VolumeSeen};
use store_core::store::StoreId;

use super::connect::{CALL, Cluster, within};
use super::diagnosis::{self, Trouble};
use super::facts::{Fact, Fold, Kind};
use super::record::{Mute, Record};
use super::records::{Records, folded, parse_version};
use super::secret;
use crate::helm::release;
use crate::labels;

/// Volumes are read one by one: a list of all of a cluster's volumes costs more than the few of one store.
const VOLUMES_AT_ONCE: usize = 8;
/// Objects in one page of a list of a whole cluster.
const PAGE: u32 = 500;
/// An object may be mute for a moment, until its controller has seen it.
const MUTE_FOR: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// A complete read of one kind.
struct Listed {
    kind: Kind,
    objects: Vec<(String, Fact, u64)>,
    version: u64,
}

/// Reads everything of a store, folds it into its record, and says what is there.
pub(crate) async fn observe(cluster: &Cluster, records: &Records, store: &Store) -> Result<Observation, PortError> {
    let doing = format!("read the objects of store {}", store.id);
    let client = cluster.client().await?;
    let reads = within(CALL, &doing, Box::pin(read_all(&client, cluster, records, store))).await?;
    let Everything { listed, foreign_namespace, credentials, release } = reads?;
    let now = records.now();
    let names = records.update(&store.id, |record| {
        for Listed { kind, objects, version } in listed {
            record.replace(kind, objects, version, records.round(kind), now);
        }
        record.foreign_namespace = foreign_namespace;
        record.credentials = credentials;
        record.release = release.clone();
        known_volumes(record)
    });
    let volumes = volumes(cluster, &store.id, names).await?;
    let mutes =
        records.update(&store.id, |record| record.mutes().into_iter().chain(record.probed()).collect::<Vec<_>>());
    for mute in mutes.into_iter().filter(|mute| mute.since <= now - MUTE_FOR) {
        let trouble = explain(cluster, &store.id, &mute).await?;
        records.update(&store.id, |record| record.tell(&mute, trouble, now));
    }
    Ok(records.update(&store.id, |record| {
        record.volumes.clone_from(&volumes);
        // An empty record is not kept, but what was read counts for this answer.
        (record.credentials, record.release) = (credentials, release);
        record.foreign_namespace = foreign_namespace;
        Observation { volumes, ..record.observation(store) }
    }))
}

struct Everything {
    listed: Vec<Listed>,
    foreign_namespace: bool,
    credentials: CredentialsSeen,
    release: ReleaseSeen,
}

async fn read_all(
    client: &Client,
    cluster: &Cluster,
    records: &Records,
    store: &Store,
) -> Result<Everything, PortError> {
    let namespace = read_namespace(client, cluster, records, store);
    let (namespace, credentials, release, sets, deployments, jobs, pods, claims, ingresses) = tokio::try_join!(
        namespace,
        read_credentials(cluster, records, store),
        read_release(client, cluster, store),
        list::<StatefulSet>(client, cluster, records, store),
        list::<Deployment>(client, cluster, records, store),
        list::<Job>(client, cluster, records, store),
        list::<Pod>(client, cluster, records, store),
        list::<PersistentVolumeClaim>(client, cluster, records, store),
        list::<Ingress>(client, cluster, records, store),
    )?;
    let (namespace, foreign_namespace) = namespace;
    let listed = vec![namespace, sets, deployments, jobs, pods, claims, ingresses];
    Ok(Everything { listed, foreign_namespace, credentials, release })
}

/// By a list of one name rather than a get: so that its absence, too, has a version.
async fn read_namespace(
    client: &Client,
    cluster: &Cluster,
    records: &Records,
    store: &Store,
) -> Result<(Listed, bool), PortError> {
    let parameters = ListParams::default().fields(&format!("metadata.name={}", store.id.namespace()));
    let list = Api::<Namespace>::all(client.clone()).list(&parameters).await;
    let list = list.map_err(|cause| cluster.classify(&format!("read namespace {}", store.id.namespace()), cause))?;
    let listed = listed(&list, records, store);
    let is_foreign = listed.objects.is_empty() && !list.items.is_empty();
    Ok((listed, is_foreign))
}

async fn list<K>(client: &Client, cluster: &Cluster, records: &Records, store: &Store) -> Result<Listed, PortError>
where
    K: Fold + Resource<Scope = NamespaceResourceScope> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let parameters = ListParams::default().labels(&labels::select_store(records.installation(), &store.id));
    let list = Api::<K>::namespaced(client.clone(), &store.id.namespace()).list(&parameters).await;
    let list =
        list.map_err(|cause| cluster.classify(&format!("list {}s of store {}", K::KIND.as_str(), store.id), cause))?;
    Ok(listed(&list, records, store))
}

fn listed<K: Fold + Clone>(list: &ObjectList<K>, records: &Records, store: &Store) -> Listed {
    Listed {
        kind: K::KIND,
        objects: folded(&list.items, records.installation(), &store.id),
        version: parse_version(list.metadata.resource_version.as_deref()),
    }
}

async fn read_credentials(cluster: &Cluster, records: &Records, store: &Store) -> Result<CredentialsSeen, PortError> {
    let there = secret::metadata(cluster, store).await?;
    Ok(match there {
        None => CredentialsSeen::Absent,
        Some(there) if labels::are_of(there.metadata.labels.as_ref(), records.installation(), &store.id) => {
            CredentialsSeen::Ours
        }
        Some(_) => CredentialsSeen::Foreign,
    })
}

async fn read_release(client: &Client, cluster: &Cluster, store: &Store) -> Result<ReleaseSeen, PortError> {
    let parameters = ListParams::default().labels(&release::selector(&store.id.release()));
    let list = Api::<Secret>::namespaced(client.clone(), &store.id.namespace()).list_metadata(&parameters).await;
    let list =
        list.map_err(|cause| cluster.classify(&format!("read the release record of store {}", store.id), cause))?;
    Ok(release::seen(
        list.items.iter().filter_map(|secret: &PartialObjectMeta<Secret>| secret.metadata.labels.as_ref()),
    ))
}

/// Volumes to look at: those that claims are bound to now, and those that were there at the last look.
fn known_volumes(record: &Record) -> Vec<(String, String)> {
    let mut names = record.bound_volumes();
    for known in &record.volumes {
        if !names.iter().any(|(name, _)| *name == known.name) {
            names.push((known.name.clone(), known.claim.clone()));
        }
    }
    names
}

async fn volumes(
    cluster: &Cluster,
    store: &StoreId,
    names: Vec<(String, String)>,
) -> Result<Vec<VolumeSeen>, PortError> {
    let namespace = &store.namespace();
    let read = |(name, claim): (String, String)| async move {
        let volume = volume(cluster, &name).await?;
        Ok::<_, PortError>(volume.filter(|volume| is_claimed_in(volume, namespace)).map(|volume| VolumeSeen {
            name,
            claim,
            fate: fate(&volume),
        }))
    };
    let reads = stream::iter(names).map(read).buffered(VOLUMES_AT_ONCE);
    Ok(reads.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
}

/// Reads a volume.
pub(crate) async fn volume(cluster: &Cluster, name: &str) -> Result<Option<PersistentVolume>, PortError> {
    let request = |client| async move { Api::<PersistentVolume>::all(client).get_opt(name).await };
    cluster.call(&format!("read volume {name}"), request).await
}

/// Every volume that is claimed from the store's namespace, whether or not the claim is still there.
pub(crate) async fn claimed_volumes(cluster: &Cluster, store: &StoreId) -> Result<Vec<VolumeSeen>, PortError> {
    let namespace = store.namespace();
    let all = list_all::<PersistentVolume>(cluster, &format!("list the volumes of store {store}")).await?;
    Ok(all.iter().filter(|volume| is_claimed_in(volume, &namespace)).filter_map(volume_seen).collect())
}

fn volume_seen(volume: &PersistentVolume) -> Option<VolumeSeen> {
    let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(VolumeSeen {
        name: volume.metadata.name.clone()?,
        claim: claim.name.clone().unwrap_or_default(),
        fate: fate(volume),
    })
}

/// All objects of a kind in the cluster, page by page; each page has a deadline of its own.
pub(crate) async fn list_all<K>(cluster: &Cluster, doing: &str) -> Result<Vec<K>, PortError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    list_pages(cluster, doing, ListParams::default(), Api::<K>::all, |_| true).await
}

/// The objects that `parameters` select and `keep` wants, page by page; each page has a deadline of its own.
async fn list_pages<K>(
    cluster: &Cluster,
    doing: &str,
    parameters: ListParams,
    api: impl Fn(Client) -> Api<K>,
    keep: impl Fn(&K) -> bool,
) -> Result<Vec<K>, PortError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    let mut found = Vec::new();
    let mut parameters = parameters.limit(PAGE);
    loop {
        let (api, page) = (&api, &parameters);
        let list = cluster.call(doing, |client| async move { api(client).list(page).await }).await?;
        found.extend(list.items.into_iter().filter(&keep));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => return Ok(found),
        }
    }
}

fn is_claimed_in(volume: &PersistentVolume, namespace: &str) -> bool {
    let claim = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    claim.is_some_and(|claim| claim.namespace.as_deref() == Some(namespace))
}

fn fate(volume: &PersistentVolume) -> VolumeFate {
    let policy = volume.spec.as_ref().and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    if policy == Some("Delete") { VolumeFate::Deleted } else { VolumeFate::Retained }
}

/// Asks the events of an object that does not say itself what is wrong.
pub(crate) async fn explain(cluster: &Cluster, store: &StoreId, mute: &Mute) -> Result<Option<Trouble>, PortError> {
    let parameters = ListParams::default().fields(&format!("involvedObject.uid={}", mute.uid));
    let namespace = store.namespace();
    let events = cluster
        .call(&format!("read events of {} {}", mute.kind.as_str(), mute.name), |client| async move {
            Api::<Event>::namespaced(client, &namespace).list(&parameters).await
        })
        .await?;
    Ok(explanation(mute, &events.items))
}

/// What events tell of each of these objects of one kind: as many requests for many stores as for one.
pub(crate) async fn explain_all(
    cluster: &Cluster,
    kind: Kind,
    mutes: &[(StoreId, Mute)],
) -> Result<Vec<Option<Trouble>>, PortError> {
    let doing = format!("read events of kind {}", kind.as_str());
    let namespaces: BTreeSet<String> = mutes.iter().map(|(store, _)| store.namespace()).collect();
    let uids: BTreeSet<&str> = mutes.iter().map(|(_, mute)| mute.uid.as_str()).collect();
    // The events of one namespace are found without looking through those of the others.
    let only = namespaces.first().filter(|_| namespaces.len() == 1);
    let api = |client| match only {
        Some(namespace) => Api::<Event>::namespaced(client, namespace),
        None => Api::all(client),
    };
    let mut events = Vec::new();
    for reason in telling_reasons(kind) {
        let parameters =
            ListParams::default().fields(&format!("involvedObject.kind={},reason={reason}", kind.as_str()));
        let is_asked = |event: &Event| event.involved_object.uid.as_deref().is_some_and(|uid| uids.contains(uid));
        events.extend(list_pages(cluster, &doing, parameters, &api, is_asked).await?);
    }
    Ok(mutes.iter().map(|(_, mute)| explanation(mute, &events)).collect())
}

/// The reasons of events that say what is wrong with an object of this kind.
fn telling_reasons(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Claim => &["ProvisioningFailed", "FailedBinding"],
        Kind::Pod => &["Unhealthy", "Killing"],
        _ => &["FailedCreate"],
    }
}

/// Of a pod, only what the kubelet says of probes counts: it also says so when it ends a pod that somebody deleted, and a
/// container that crashes fails its readiness probe in between.
fn tells_of_a_probe(mute: &Mute, event: &Event) -> bool {
    let said = event.message.as_deref().unwrap_or_default();
    match mute.kind {
        Kind::Pod if mute.crashes => event.reason.as_deref() == Some("Killing") && said.contains("probe"),
        _ => true,
    }
}

/// What the latest of `events` that is about this object and tells something says.
fn explanation(mute: &Mute, events: &[Event]) -> Option<Trouble> {
    let reasons = telling_reasons(mute.kind);
    let told = |event: &&Event| {
        event.involved_object.uid.as_ref() == Some(&mute.uid)
            && event.reason.as_deref().is_some_and(|reason| reasons.contains(&reason))
    };
    let when =
        |event: &&Event| event.last_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|t| t.0));
    let event = events.iter().filter(told).filter(|event| tells_of_a_probe(mute, event)).max_by_key(when)?;
    let said = event.message.as_deref().unwrap_or_default();
    let trouble = match mute.kind {
        Kind::Claim => diagnosis::claim_unbound(mute.component, &mute.name, said),
        Kind::Pod => diagnosis::failing_probe(mute.component, &mute.name, said),
        kind => diagnosis::refused(mute.component, kind, &mute.name, said),
    };
    let since = event.first_timestamp.as_ref().map(|time| time.0).or(event.event_time.as_ref().map(|time| time.0));
    Some(Trouble { since, ..trouble })
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
