//! What the control plane may do on a cluster: the committed role of `charts/platform`, read from its own file, so that
//! nobody has to keep a second list.

use k8s_openapi::api::rbac::v1::ClusterRole;
use serde::Deserialize as _;
use serde_json::Value;

const OBJECTS: &str = include_str!("../../../charts/platform/role.yaml");

/// One right that the control plane needs, in every namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needed {
    /// Such as `create`.
    pub(super) verb: String,
    /// The API group, empty for the core one.
    pub(super) group: String,
    /// Such as `namespaces`.
    pub(super) resource: String,
}

/// Each right of the role, in its order.
pub(super) fn needed() -> Vec<Needed> {
    let mut all = Vec::new();
    for rule in objects::<ClusterRole>("ClusterRole").into_iter().filter_map(|role| role.rules).flatten() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                let right =
                    |verb: &String| Needed { verb: verb.clone(), group: group.clone(), resource: resource.clone() };
                all.extend(rule.verbs.iter().map(right));
            }
        }
    }
    all
}

/// The objects of this kind in the file.
fn objects<K: serde::de::DeserializeOwned>(kind: &str) -> Vec<K> {
    let documents = yaml_serde::Deserializer::from_str(OBJECTS);
    let values = documents.map(|document| Value::deserialize(document).expect("the committed role is YAML"));
    let of_kind = values.filter(|object| object["kind"] == kind);
    of_kind.map(|object| serde_json::from_value(object).expect("the committed role is one")).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use k8s_openapi::api::rbac::v1::ClusterRoleBinding;

    use super::*;

    #[test]
    fn the_role_has_no_way_around_itself() {
        let roles = objects::<ClusterRole>("ClusterRole");
        assert_eq!(roles.len(), 1);
        assert_eq!(roles[0].aggregation_rule, None);
        let mut given = roles[0].rules.iter().flatten();
        assert!(given.all(|rule| rule.non_resource_urls.is_none() && rule.resource_names.is_none()));
        for right in needed() {
            let Needed { verb, group, resource } = &right;
            assert!(!format!("{verb}{group}{resource}").contains('*'), "a wildcard: {right:?}");
            assert!(!["bind", "escalate", "impersonate", "deletecollection"].contains(&verb.as_str()), "{right:?}");
            // Commands in containers, port forwarding, proxying, tokens of service accounts. Logs may be read.
            let is_log = (verb.as_str(), group.as_str(), resource.as_str()) == ("get", "", "pods/log");
            assert!(is_log || !resource.contains('/'), "{right:?}");
            let gives_rights = ["rbac.authorization.k8s.io", "admissionregistration.k8s.io", "certificates.k8s.io"];
            assert!(!gives_rights.contains(&group.as_str()), "{right:?}");
        }
    }

    #[test]
    fn a_right_is_given_once() {
        let all = needed();
        assert!(all.len() > 50, "{all:?}");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn nobody_else_has_the_role() {
        let bindings = objects::<ClusterRoleBinding>("ClusterRoleBinding");
        let [binding] = bindings.as_slice() else { panic!("{bindings:?}") };
        let [subject] = binding.subjects.as_deref().unwrap_or_default() else { panic!("{binding:?}") };
        assert_eq!((subject.kind.as_str(), subject.name.as_str()), ("ServiceAccount", "store-platform"));
        assert_eq!((binding.role_ref.kind.as_str(), binding.role_ref.name.as_str()), ("ClusterRole", "store-platform"));
    }
}
