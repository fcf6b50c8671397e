//! What the chart must not render, and what its refusal has to name.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    helm::Helm,
    samples::{Sample, VALUES, read},
};
use crate::test::outcome::Outcome;

/// Where any key is allowed: names that operators choose.
const FREE: &[&str] = &[
    "global",
    "nodeSelector",
    "ingress.annotations",
    "medusa.postgres.parameters",
    "woocommerce.mysql.parameters",
    "plans",
    "plans.*.quota",
];
/// Where an upgrade by hand would otherwise lose what the store is.
const REMEDY: &str = "--reuse-values";

/// Checks every refusal.
pub(super) fn check(helm: &Helm, outcome: &mut Outcome) {
    let mut demand = |what: &str, sample: &Sample, blamed: &[&str]| {
        outcome.check(&format!("{} refuses {what}", helm.name), helm.refuses(sample, blamed));
    };
    let sample = || Sample::new("medusa").values_file(VALUES[0]);
    let mut without = sample();
    without.document = json!({});
    demand("values without `platform`", &without, &["platform", REMEDY]);
    without.document = json!({"medusa": {"image": {"tag": "x"}}});
    demand("other values without `platform`", &without, &["platform", REMEDY]);
    let keys = sample().document["platform"].as_object().map(|keys| keys.keys().cloned().collect::<Vec<_>>());
    for key in keys.unwrap_or_default() {
        let mut without = sample();
        without.document["platform"].as_object_mut().map(|platform| platform.remove(&key));
        demand(&format!("a platform document without {key}"), &without, &[&key]);
    }
    demand("an unknown plan", &sample().platform("plan", json!("gigantic")), &["gigantic", "small"]);
    demand("an unknown engine", &sample().platform("engine", json!("shopify")), &["/platform/engine", "woocommerce"]);
    demand("a store id that is none", &sample().platform("store", json!("../etc")), &["/platform/store"]);
    demand("a secret among the platform's values", &sample().platform("password", json!("x")), &["password"]);
    let plain = sample().values(json!({"ingress": {"tls": {"enabled": true}}}));
    demand("TLS for a store whose address is http", &plain, &["http://sample.localhost:8080", "PUBLIC_URL_TEMPLATE"]);
    let wrong = sample().values(json!({"woocommerce": {"mysql": {"flavour": "oracle"}}}));
    demand("an unknown database flavour", &wrong, &["flavour"]);
    outcome.check(&format!("{} refuses an unknown key at every level", helm.name), unknown_keys(helm));
}

/// Puts a key of its own into every map that the chart's values have; the refusal has to name each.
fn unknown_keys(helm: &Helm) -> Result<()> {
    let mut values = read(Path::new("values.yaml"))?;
    let mut planted = Vec::new();
    plant(&mut values, "", &mut planted);
    values["imagePullSecrets"] = json!([{"name": "x", "unknown-in-a-list": 1}]);
    planted.push("unknown-in-a-list".to_owned());
    let sample = Sample::new("medusa").values(values).platform("unknown-in-platform", json!(1));
    planted.push("unknown-in-platform".to_owned());
    let blamed: Vec<&str> = planted.iter().map(String::as_str).collect();
    helm.refuses(&sample, &blamed)
}

fn plant(values: &mut Value, path: &str, planted: &mut Vec<String>) {
    let Some(map) = values.as_object_mut() else { return };
    for (key, value) in map.iter_mut() {
        let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        plant(value, &below, planted);
    }
    let is_free = FREE.iter().any(|free| is_at(path, free));
    if !is_free {
        let key = format!("unknown{}", planted.len());
        map.insert(key.clone(), json!(1));
        // With what ends the word in the message, so that 1 is not found in 10.
        planted.push(format!("'{key}'"));
    }
}

/// Whether a path is this one; a star stands for any key.
fn is_at(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<_>, Vec<_>) = (path.split('.').collect(), pattern.split('.').collect());
    path.len() == pattern.len() && path.iter().zip(&pattern).all(|(key, wanted)| *wanted == "*" || key == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_map_gets_a_key_of_its_own() {
        let mut values = json!({"a": {"b": {}}, "nodeSelector": {}, "plans": {"small": {"quota": {}}}});
        let mut planted = Vec::new();
        plant(&mut values, "", &mut planted);
        assert_eq!(planted.len(), 4, "{values}");
        assert_eq!(values["nodeSelector"], json!({}));
        assert_eq!(values["plans"]["small"]["quota"], json!({}));
        assert!(values["a"]["b"].as_object().is_some_and(|map| map.len() == 1));
    }
}
