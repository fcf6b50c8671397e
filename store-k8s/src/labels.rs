//! The labels by which objects are ours, and how they are read back. The chart sets the same ones.

use std::collections::BTreeMap;

use store_core::store::StoreId;
use uuid::Uuid;

/// Which installation an object belongs to; the installation's UUID.
pub const INSTALLATION: &str = "store-platform/installation";
/// Which store an object belongs to; the store's id.
pub const STORE: &str = "store-platform/store";
/// Which part of a store an object is; a [`Component`](store_core::store::Component).
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Who made an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What an object is a part of.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// The value of [`MANAGED_BY`] and [`PART_OF`] on objects that are written through the API, not by Helm.
pub const PLATFORM: &str = "store-platform";
/// The label of a Job's pods.
pub(crate) const JOB_NAME: &str = "batch.kubernetes.io/job-name";

const POD_SECURITY: [&str; 2] = ["pod-security.kubernetes.io/enforce", "pod-security.kubernetes.io/warn"];

type Labels = BTreeMap<String, String>;

/// The labels of every object that we write ourselves.
pub(crate) fn owned(installation: Uuid, store: &StoreId) -> Labels {
    [
        (MANAGED_BY, PLATFORM.to_owned()),
        (PART_OF, PLATFORM.to_owned()),
        (INSTALLATION, installation.to_string()),
        (STORE, store.to_string()),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

/// The labels of a store's namespace: ours, and the `restricted` Pod Security Standard.
pub(crate) fn namespace(installation: Uuid, store: &StoreId) -> Labels {
    let mut labels = owned(installation, store);
    labels.extend(POD_SECURITY.map(|key| (key.to_owned(), "restricted".to_owned())));
    labels
}

/// Whether these labels say that the object is this store's, of this installation.
pub(crate) fn are_of(labels: Option<&Labels>, installation: Uuid, store: &StoreId) -> bool {
    labels.is_some_and(|labels| {
        labels.get(INSTALLATION).is_some_and(|value| *value == installation.to_string())
            && labels.get(STORE).is_some_and(|value| value == store.as_str())
    })
}

/// Selects everything of an installation.
pub(crate) fn select_installation(installation: Uuid) -> String {
    format!("{INSTALLATION}={installation}")
}

/// Selects everything of one store.
pub(crate) fn select_store(installation: Uuid, store: &StoreId) -> String {
    format!("{INSTALLATION}={installation},{STORE}={store}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_ours_only_with_both_labels() {
        let (installation, store) = (Uuid::from_u128(7), StoreId::parse("abcdefghij").unwrap());
        let mut labels = namespace(installation, &store);
        assert!(are_of(Some(&labels), installation, &store));
        assert!(!are_of(Some(&labels), Uuid::from_u128(8), &store));
        assert!(!are_of(Some(&labels), installation, &StoreId::parse("abcdefghik").unwrap()));
        assert!(!are_of(None, installation, &store));
        assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
        labels.remove(STORE);
        assert!(!are_of(Some(&labels), installation, &store));
    }
}
