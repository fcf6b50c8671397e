//! The store's namespace: created with our labels before Helm runs, deleted only by its UID.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams, Preconditions};
use store_core::lifecycle::Store;
use store_core::ports::{ErrorClass, PortError};
use uuid::Uuid;

use super::connect::Cluster;
use crate::labels;

/// The annotation with the store's name, for people who look at namespaces.
const NAME: &str = "store-platform/name";

/// Creates the namespace, or finds that it is there and ours.
pub(crate) async fn ensure(cluster: &Cluster, installation: Uuid, store: &Store) -> Result<(), PortError> {
    let name = store.id.namespace();
    let wanted = wanted(installation, store);
    let created = cluster
        .call(&format!("create namespace {name}"), |client| async move {
            Api::<Namespace>::all(client).create(&PostParams::default(), &wanted).await
        })
        .await;
    match created {
        Ok(_) => Ok(()),
        // It may be ours from an earlier call whose answer was lost.
        Err(error) if error.class() == ErrorClass::Conflict => recognise(cluster, installation, store, &name).await,
        Err(error) => Err(error),
    }
}

fn wanted(installation: Uuid, store: &Store) -> Namespace {
    let metadata = ObjectMeta {
        name: Some(store.id.namespace()),
        labels: Some(labels::namespace(installation, &store.id)),
        annotations: Some([(NAME.to_owned(), store.name.to_string())].into()),
        ..ObjectMeta::default()
    };
    Namespace { metadata, ..Namespace::default() }
}

async fn recognise(cluster: &Cluster, installation: Uuid, store: &Store, name: &str) -> Result<(), PortError> {
    let Some(there) = get(cluster, name).await? else {
        return Err(PortError::transient(format!("namespace {name} is just being removed")));
    };
    if !labels::are_of(there.metadata.labels.as_ref(), installation, &store.id) {
        let message = format!("namespace {name} exists and is not this store's");
        return Err(PortError::new(ErrorClass::Conflict, message));
    }
    if there.metadata.deletion_timestamp.is_some() {
        return Err(PortError::transient(format!("namespace {name} is still being removed")));
    }
    Ok(())
}

/// Reads a namespace.
pub(crate) async fn get(cluster: &Cluster, name: &str) -> Result<Option<Namespace>, PortError> {
    let request = |client| async move { Api::<Namespace>::all(client).get_opt(name).await };
    cluster.call(&format!("read namespace {name}"), request).await
}

/// Asks for the deletion of the namespace with this UID. That it is gone, or going already, is success.
pub(crate) async fn delete(cluster: &Cluster, name: &str, uid: &str) -> Result<(), PortError> {
    let preconditions = Preconditions { uid: Some(uid.to_owned()), ..Preconditions::default() };
    let parameters = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::background() };
    let deleted = cluster
        .call(&format!("delete namespace {name}"), |client| async move {
            Api::<Namespace>::all(client).delete(name, &parameters).await
        })
        .await;
    match deleted {
        Ok(_) => Ok(()),
        Err(error) if error.class() == ErrorClass::NotFound => Ok(()),
        // Either another namespace has this name now, or this one is being removed already.
        Err(error) if error.class() == ErrorClass::Conflict => match get(cluster, name).await? {
            Some(there)
                if there.metadata.uid.as_deref() == Some(uid) && there.metadata.deletion_timestamp.is_none() =>
            {
                Err(error)
            }
            Some(there) if there.metadata.uid.as_deref() == Some(uid) => Ok(()),
            Some(_) => Err(PortError::new(ErrorClass::Conflict, format!("namespace {name} is another one by now"))),
            None => Ok(()),
        },
        Err(error) => Err(error),
    }
}
