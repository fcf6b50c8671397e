//! Whether the platform's committed role suffices for the chart: each object that Helm makes needs these rights.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::account;

/// What Helm does with an object of a release.
const VERBS: [&str; 4] = ["get", "create", "patch", "delete"];

/// An error if the role lacks a right that Helm needs for this object.
pub(super) fn demand(object: &Value) -> Result<()> {
    let kind = object["kind"].as_str().context("an object without a kind")?;
    let version = object["apiVersion"].as_str().with_context(|| format!("a {kind} without an apiVersion"))?;
    let group = version.rsplit_once('/').map_or("", |(group, _)| group);
    let resource = plural(kind);
    for verb in VERBS {
        if !is_given(group, &resource, verb)? {
            bail!(
                "the chart has a {kind}, and charts/platform/role.yaml does not allow the platform to {verb} {resource} \
                 of the API group {group:?}: add it there, and what `kubectl auth can-i --list` then says to can-i.txt"
            );
        }
    }
    Ok(())
}

fn is_given(group: &str, resource: &str, verb: &str) -> Result<bool> {
    for document in yaml_serde::Deserializer::from_str(account::ROLE) {
        let object = Value::deserialize(document).context("the committed role is no YAML")?;
        let has = |rule: &Value, key: &str, wanted: &str| {
            rule[key].as_array().is_some_and(|all| all.iter().any(|one| one == wanted))
        };
        let gives = |rule: &Value| {
            has(rule, "apiGroups", group) && has(rule, "resources", resource) && has(rule, "verbs", verb)
        };
        if object["kind"] == "ClusterRole" && object["rules"].as_array().is_some_and(|rules| rules.iter().any(gives)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// As the API names the objects of a kind; true of all kinds that a store may have.
fn plural(kind: &str) -> String {
    let lower = kind.to_lowercase();
    match lower.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if lower.ends_with('s') => format!("{lower}es"),
        None => format!("{lower}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_role_lacks_is_named() {
        let of = |version: &str, kind: &str| demand(&json!({"apiVersion": version, "kind": kind}));
        assert!(of("networking.k8s.io/v1", "NetworkPolicy").is_ok());
        assert!(of("networking.k8s.io/v1", "Ingress").is_ok());
        assert!(of("v1", "PersistentVolumeClaim").is_ok());
        // Another group's, one that only its controller makes, and one that is ours to make but not Helm's to patch.
        for (version, kind) in [("example.com/v1", "Ingress"), ("v1", "Pod"), ("v1", "Secret"), ("v1", "Namespace")] {
            let error = of(version, kind).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the chart has a {kind}, and ")), "{error}");
        }
    }
}
