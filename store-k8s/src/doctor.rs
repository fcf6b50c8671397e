//! Facts for whoever sets a platform up: what `store doctor` shows. Plain reads that return data and judge nothing.

mod role;

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, Secret};
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use kube::api::{Api, ListParams, PostParams};
use serde::Serialize;
use store_core::ports::{ClusterIdentity, PortError};
use store_core::store::StoreId;
use uuid::Uuid;

use self::role::Needed;
use crate::cluster::connect::{CALL, Cluster};
use crate::cluster::read::list_all;
use crate::cluster::sight;
use crate::labels;

const AT_ONCE: usize = 8;
const DEFAULT_STORAGE_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const DEFAULT_INGRESS_CLASS: &str = "ingressclass.kubernetes.io/is-default-class";

/// One thing that is needed, and whether we may do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Right {
    /// Such as `create`.
    pub verb: String,
    /// The API group, empty for the core one.
    pub group: String,
    /// Such as `namespaces`.
    pub resource: String,
    /// Whether our credentials allow it in every namespace.
    pub allowed: bool,
}

/// A storage class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageClassFact {
    /// Its name.
    pub name: String,
    /// Whether claims that name no class get it.
    pub is_default: bool,
    /// Who makes its volumes.
    pub provisioner: String,
    /// What becomes of a volume whose claim goes: `Delete` or `Retain`.
    pub reclaim_policy: String,
}

/// An ingress class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IngressClassFact {
    /// Its name.
    pub name: String,
    /// Whether ingresses that name no class get it.
    pub is_default: bool,
    /// The controller that serves it.
    pub controller: String,
    /// Addresses that its controller has given to ingresses; empty if none has one yet.
    pub addresses: BTreeSet<String>,
}

/// Where an image is already present. Kubelets report only their largest 50 images, so absence proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFact {
    /// As it was asked for.
    pub image: String,
    /// The nodes that report it.
    pub nodes: Vec<String>,
    /// How many nodes there are.
    pub of: usize,
}

/// Objects with our installation's label, or of a store's namespace, that no store of the database explains.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Orphans {
    /// Namespaces of stores that are not known.
    pub namespaces: Vec<OrphanNamespace>,
    /// Volumes whose claim was in the namespace of a store that is not known, and that is not another installation's.
    pub volumes: Vec<OrphanVolume>,
}

/// A namespace that no store explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrphanNamespace {
    /// Its name.
    pub name: String,
    /// What its label says.
    pub store: String,
    /// Helm releases in it.
    pub releases: BTreeSet<String>,
}

/// A volume that no store explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrphanVolume {
    /// Its name.
    pub name: String,
    /// The claim it was made for, as `namespace/name`.
    pub claim: String,
    /// Such as `Released`.
    pub phase: String,
}

/// Which cluster it is.
pub async fn identity(cluster: &Cluster) -> Result<ClusterIdentity, PortError> {
    sight::identify(cluster, CALL).await
}

/// Asks the cluster for each right of the committed role of `charts/platform/role.yaml`.
pub async fn rights(cluster: &Cluster) -> Result<Vec<Right>, PortError> {
    stream::iter(role::needed()).map(|needed| right(cluster, needed)).buffered(AT_ONCE).try_collect().await
}

async fn right(cluster: &Cluster, Needed { verb, group, resource }: Needed) -> Result<Right, PortError> {
    let attributes = ResourceAttributes {
        verb: Some(verb.clone()),
        group: Some(group.clone()),
        resource: Some(resource.clone()),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answer = cluster
        .call("ask for our rights", |client| async move {
            Api::<SelfSubjectAccessReview>::all(client).create(&PostParams::default(), &review).await
        })
        .await?;
    Ok(Right { verb, group, resource, allowed: answer.status.is_some_and(|status| status.allowed) })
}

/// All storage classes.
pub async fn storage_classes(cluster: &Cluster) -> Result<Vec<StorageClassFact>, PortError> {
    let classes = list_all::<StorageClass>(cluster, "list storage classes").await?;
    Ok(classes.into_iter().map(storage_class).collect())
}

fn storage_class(class: StorageClass) -> StorageClassFact {
    StorageClassFact {
        name: class.name_any(),
        is_default: is_marked(&class, DEFAULT_STORAGE_CLASS),
        provisioner: class.provisioner,
        reclaim_policy: class.reclaim_policy.unwrap_or_else(|| "Delete".to_owned()),
    }
}

/// All ingress classes, with the addresses that ingresses of theirs have got.
pub async fn ingress_classes(cluster: &Cluster) -> Result<Vec<IngressClassFact>, PortError> {
    let classes = list_all::<IngressClass>(cluster, "list ingress classes").await?;
    let ingresses = list_all::<Ingress>(cluster, "list ingresses").await?;
    let fact = |class: IngressClass| IngressClassFact {
        name: class.name_any(),
        is_default: is_marked(&class, DEFAULT_INGRESS_CLASS),
        addresses: ingresses.iter().filter(|ingress| is_of(ingress, &class.name_any())).flat_map(addresses).collect(),
        controller: class.spec.and_then(|spec| spec.controller).unwrap_or_default(),
    };
    Ok(classes.into_iter().map(fact).collect())
}

fn is_of(ingress: &Ingress, class: &str) -> bool {
    ingress.spec.as_ref().and_then(|spec| spec.ingress_class_name.as_deref()) == Some(class)
}

fn addresses(ingress: &Ingress) -> Vec<String> {
    let balancer = ingress.status.as_ref().and_then(|status| status.load_balancer.as_ref());
    let points = balancer.and_then(|balancer| balancer.ingress.as_ref()).into_iter().flatten();
    points.filter_map(|point| point.ip.clone().or_else(|| point.hostname.clone())).collect()
}

/// On which nodes these images are already present.
pub async fn images(cluster: &Cluster, images: &[String]) -> Result<Vec<ImageFact>, PortError> {
    let nodes = list_all::<Node>(cluster, "list nodes").await?;
    let has = |node: &Node, image: &str| {
        let reported = node.status.iter().flat_map(|status| status.images.iter().flatten());
        reported.flat_map(|present| present.names.iter().flatten()).any(|name| full_name(name) == full_name(image))
    };
    let fact = |image: &String| ImageFact {
        image: image.clone(),
        nodes: nodes.iter().filter(|node| has(node, image)).map(ResourceExt::name_any).collect(),
        of: nodes.len(),
    };
    Ok(images.iter().map(fact).collect())
}

/// An image's name as container runtimes report it: `postgres` is `docker.io/library/postgres:latest`.
fn full_name(image: &str) -> String {
    let (repository, rest) = image.split_once('/').unwrap_or(("", image));
    let has_registry = repository.contains(['.', ':']) || repository == "localhost";
    let named = match (has_registry, repository) {
        (true, _) => image.to_owned(),
        (false, "") => format!("docker.io/library/{rest}"),
        (false, _) => format!("docker.io/{image}"),
    };
    let last = named.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) { named } else { format!("{named}:latest") }
}

/// What is in the cluster of this installation that no store in `known` explains. Reported only, never touched.
pub async fn orphans(cluster: &Cluster, installation: Uuid, known: &BTreeSet<StoreId>) -> Result<Orphans, PortError> {
    let all = list_all::<Namespace>(cluster, "list namespaces").await?;
    let is_known = |store: &str| StoreId::parse(store).is_ok_and(|id| known.contains(&id));
    let mut orphans = Orphans::default();
    let mut owners = BTreeMap::new();
    for namespace in all {
        let label = |key: &str| namespace.labels().get(key).cloned().unwrap_or_default();
        let is_ours = label(labels::INSTALLATION) == installation.to_string();
        let (name, store) = (namespace.name_any(), label(labels::STORE));
        owners.insert(name.clone(), is_ours);
        if is_ours && !is_known(&store) {
            let releases = releases(cluster, &name).await?;
            orphans.namespaces.push(OrphanNamespace { name, store, releases });
        }
    }
    let volumes = list_all::<PersistentVolume>(cluster, "list volumes").await?;
    let is_orphan = |volume: &OrphanVolume| {
        let (namespace, _) = volume.claim.split_once('/').unwrap_or_default();
        let store = namespace.strip_prefix("store-").filter(|id| StoreId::parse(id).is_ok());
        store.is_some_and(|store| !is_known(store)) && owners.get(namespace).is_none_or(|is_ours| *is_ours)
    };
    orphans.volumes = volumes.into_iter().filter_map(volume).filter(is_orphan).collect();
    Ok(orphans)
}

fn volume(volume: PersistentVolume) -> Option<OrphanVolume> {
    let claim = volume.spec.as_ref()?.claim_ref.as_ref()?;
    Some(OrphanVolume {
        name: volume.name_any(),
        claim: format!("{}/{}", claim.namespace.as_deref()?, claim.name.as_deref()?),
        phase: volume.status.and_then(|status| status.phase).unwrap_or_default(),
    })
}

async fn releases(cluster: &Cluster, namespace: &str) -> Result<BTreeSet<String>, PortError> {
    let parameters = ListParams::default().labels("owner=helm");
    let request = |client| async move { Api::<Secret>::namespaced(client, namespace).list_metadata(&parameters).await };
    let list = cluster.call(&format!("list Helm releases in {namespace}"), request).await?;
    Ok(list.items.iter().filter_map(|secret| secret.metadata.labels.as_ref()?.get("name").cloned()).collect())
}

fn is_marked(object: &impl ResourceExt, annotation: &str) -> bool {
    object.annotations().get(annotation).is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("postgres", "docker.io/library/postgres:latest")]
    #[case("postgres:17", "docker.io/library/postgres:17")]
    #[case("me/shop:1", "docker.io/me/shop:1")]
    #[case("localhost/shop:1", "localhost/shop:1")]
    #[case("registry:5000/shop", "registry:5000/shop:latest")]
    #[case("ghcr.io/me/shop@sha256:ab", "ghcr.io/me/shop@sha256:ab")]
    fn images_have_full_names(#[case] image: &str, #[case] expected: &str) {
        assert_eq!(full_name(image), expected);
    }
}
