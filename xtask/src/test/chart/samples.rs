//! Sample stores: the platform's document as the control plane writes it, and the values files below it.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::paths;

/// Release and namespace of the sample store.
pub(crate) const RELEASE: &str = "store-s0mple1234";
pub(super) const ENGINES: [&str; 2] = ["medusa", "woocommerce"];
/// Of a laptop, and of a server.
pub(super) const VALUES: [&str; 2] = ["values-local.yaml", "values-prod.yaml"];
const KUBERNETES: &str = "1.33.0";

/// One store to render.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    what: String,
    /// What comes on standard input, over everything else.
    pub(super) document: Value,
    /// Values files by rising precedence: one of the chart's by its name, or the values themselves.
    pub(super) files: Vec<Value>,
    pub(super) plan: String,
    pub(super) kubernetes: String,
}

impl Sample {
    /// A store of this engine, with the chart's own values.
    pub(super) fn new(engine: &str) -> Self {
        let platform = json!({
            "installation": "0d9c2f4e-8c55-4f53-9c6a-2a31c1f0a001",
            "store": RELEASE.trim_start_matches("store-"),
            "name": "sample",
            "engine": engine,
            "plan": "small",
            "attempt": 1,
            "host": "sample.localhost",
            "publicUrl": "http://sample.localhost:8080",
            "credentialsSecret": "credentials",
        });
        Self {
            what: engine.to_owned(),
            document: json!({ "platform": platform }),
            files: Vec::new(),
            plan: "small".to_owned(),
            kubernetes: KUBERNETES.to_owned(),
        }
    }

    /// One of the chart's values files over what there is.
    pub(super) fn values_file(mut self, name: &str) -> Self {
        self.what = format!("{}, {name}", self.what);
        self.files.push(json!(name));
        // Of a server: its ingress has TLS.
        if name == VALUES[1] { self.platform("publicUrl", json!("https://sample.localhost")) } else { self }
    }

    /// An operator's values file over what there is.
    pub(super) fn values(mut self, values: Value) -> Self {
        self.files.push(values);
        self
    }

    /// With this plan.
    pub(super) fn plan(mut self, plan: &str) -> Self {
        self.what = format!("{}, {plan}", self.what);
        plan.clone_into(&mut self.plan);
        self.platform("plan", json!(plan))
    }

    /// With another value in the platform's document.
    pub(super) fn platform(mut self, key: &str, value: Value) -> Self {
        self.document["platform"][key] = value;
        self
    }

    /// For this version of Kubernetes.
    pub(super) fn kubernetes(mut self, version: &str) -> Self {
        version.clone_into(&mut self.kubernetes);
        self
    }

    /// What the templates see.
    pub(super) fn merged_values(&self) -> Result<Value> {
        let mut merged = read(Path::new("values.yaml"))?;
        for file in &self.files {
            let values = match file.as_str() {
                Some(name) => read(Path::new(name))?,
                None => file.clone(),
            };
            merge(&mut merged, values);
        }
        merge(&mut merged, self.document.clone());
        Ok(merged)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Where the chart is.
pub(super) fn chart() -> PathBuf {
    paths::workspace().join("charts/store")
}

/// One of the chart's YAML files.
pub(super) fn read(name: &Path) -> Result<Value> {
    let file = chart().join(name);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    yaml_serde::from_str(&text).with_context(|| format!("{} is no YAML", file.display()))
}

/// The names of the chart's plans.
pub(super) fn plans() -> Result<Vec<String>> {
    let values = read(Path::new("values.yaml"))?;
    Ok(values["plans"].as_object().context("values.yaml has no plans")?.keys().cloned().collect())
}

/// As Helm does it: maps key by key, everything else as a whole; null takes a key away.
fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_merged_key_by_key() {
        let mut values = json!({"a": {"b": 1, "c": [1, 2]}, "d": 1});
        merge(&mut values, json!({"a": {"b": 2, "c": [3]}, "d": null}));
        assert_eq!(values, json!({"a": {"b": 2, "c": [3]}}));
    }

    #[test]
    fn a_sample_sees_the_charts_own_values() {
        let sample = Sample::new("medusa").values_file(VALUES[1]).plan("large");
        let merged = sample.merged_values().unwrap();
        assert_eq!(merged["platform"]["plan"], "large");
        assert_eq!(merged["medusa"]["persistence"]["storageClass"], "local-path");
        assert_eq!(plans().unwrap(), ["large", "medium", "small"]);
    }
}
