//! The store's Secret: created once, immutable, before Helm runs. It is never read, only its metadata.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::core::PartialObjectMeta;
use secrecy::ExposeSecret;
use store_core::lifecycle::Store;
use store_core::ports::{ErrorClass, PortError};
use store_core::store::StoreCredentials;
use uuid::Uuid;

use super::connect::Cluster;
use crate::labels;

/// Creates the Secret, or finds that it is there and ours; then its content stays.
pub(crate) async fn ensure(
    cluster: &Cluster,
    installation: Uuid,
    store: &Store,
    credentials: &StoreCredentials,
) -> Result<(), PortError> {
    let (namespace, name) = (store.id.namespace(), store.id.credentials_secret());
    let secret = wanted(installation, store, credentials);
    let created = cluster
        .call(&format!("create Secret {name}"), |client| async move {
            Api::<Secret>::namespaced(client, &namespace).create(&PostParams::default(), &secret).await
        })
        .await;
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.class() == ErrorClass::Conflict => recognise(cluster, installation, store, &name).await,
        Err(error) => Err(error),
    }
}

fn wanted(installation: Uuid, store: &Store, credentials: &StoreCredentials) -> Secret {
    let bytes = |secret: &secrecy::SecretString| ByteString(secret.expose_secret().as_bytes().to_vec());
    let data = credentials.entries().iter().map(|(key, secret)| (key.clone(), bytes(secret))).collect();
    Secret {
        metadata: ObjectMeta {
            name: Some(store.id.credentials_secret()),
            namespace: Some(store.id.namespace()),
            labels: Some(labels::owned(installation, &store.id)),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(data),
        ..Secret::default()
    }
}

async fn recognise(cluster: &Cluster, installation: Uuid, store: &Store, name: &str) -> Result<(), PortError> {
    match metadata(cluster, store).await? {
        Some(there) if labels::are_of(there.metadata.labels.as_ref(), installation, &store.id) => Ok(()),
        Some(_) => Err(PortError::new(ErrorClass::Conflict, format!("Secret {name} exists and is not this store's"))),
        None => Err(PortError::transient(format!("Secret {name} is just being removed"))),
    }
}

/// The Secret's metadata.
pub(crate) async fn metadata(cluster: &Cluster, store: &Store) -> Result<Option<PartialObjectMeta<Secret>>, PortError> {
    let (namespace, name) = (store.id.namespace(), store.id.credentials_secret());
    cluster
        .call(&format!("read the metadata of Secret {name}"), |client| async move {
            Api::<Secret>::namespaced(client, &namespace).get_metadata_opt(&name).await
        })
        .await
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::testing::store;

    #[test]
    fn the_secret_is_immutable_and_ours() {
        let entries = [("admin-password".to_owned(), SecretString::from("correct horse"))];
        let (installation, store) = (Uuid::from_u128(1), store());
        let secret = wanted(installation, &store, &StoreCredentials::new(entries));
        assert_eq!(secret.immutable, Some(true));
        assert!(labels::are_of(secret.metadata.labels.as_ref(), installation, &store.id));
        assert_eq!(secret.data.unwrap()["admin-password"].0, b"correct horse");
    }
}
