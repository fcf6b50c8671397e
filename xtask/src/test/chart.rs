//! The store chart by itself: both majors of Helm lint and render it alike, with the values of a laptop and of a server,
//! and its schema refuses what would break a store.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{outcome::Outcome, rights, session::Session};
use crate::{cluster, exec, paths};

/// Release and namespace of the store in the samples.
pub(crate) const RELEASE: &str = "store-s0mple1234";
/// Without it Helm 3 renders for a Kubernetes of its own that no chart of today supports.
const KUBERNETES: &str = "1.33.0";
const VALUES: &[&str] = &["values-local.yaml", "values-prod.yaml"];
/// All of them live in a namespace, and none of them is a secret or gives rights.
const ALLOWED_KINDS: &[&str] = &[
    "ConfigMap",
    "Deployment",
    "Ingress",
    "Job",
    "LimitRange",
    "NetworkPolicy",
    "PersistentVolumeClaim",
    "PodDisruptionBudget",
    "ResourceQuota",
    "Service",
    "ServiceAccount",
    "StatefulSet",
];

/// Runs the checks.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    // As a process of its own, so that its deadline holds.
    let mut programs = Command::new(env::current_exe()?);
    programs.args(["cluster", "programs"]);
    session.must("building the cluster's programs", programs, deadline)?;
    let bin = cluster::build_programs()?;
    let helms =
        [Helm { name: "helm 4", program: bin.join("helm") }, Helm { name: "helm 3", program: bin.join("helm3") }];
    let mut outcome = Outcome::default();
    for values in VALUES {
        for helm in &helms {
            let lint = helm.run("lint", values, &sample()).map(drop);
            outcome.check(&format!("{} lint, {values}", helm.name), lint);
            let rendered = helm.render(values, &sample()).and_then(|objects| judge(&objects));
            outcome.check(
                &format!("{} template, {values}: namespaced objects only, and the platform may make them", helm.name),
                rendered,
            );
        }
        outcome.check(&format!("both majors render the same, {values}"), alike(&helms, values));
    }
    for helm in &helms {
        for Refused { what, document, blamed } in refused() {
            outcome.check(&format!("{} refuses {what}", helm.name), helm.refuses(&document, blamed));
        }
    }
    Ok(outcome)
}

/// The objects of a sample store with the values for laptops.
pub(crate) fn sample_objects(helm: &Path) -> Result<Vec<Value>> {
    Helm { name: "helm", program: helm.to_owned() }.render(VALUES[0], &sample())
}

/// The platform's document for a store, as the control plane writes it.
fn sample() -> Value {
    json!({"platform": {
        "installation": "0d9c2f4e-8c55-4f53-9c6a-2a31c1f0a001",
        "store": RELEASE.trim_start_matches("store-"),
        "name": "sample",
        "engine": "medusa",
        "plan": "small",
        "attempt": 1,
        "host": "sample.localhost",
        "publicUrl": "http://sample.localhost:8080",
        "credentialsSecret": "credentials",
    }})
}

/// A document that must not be rendered, and what the refusal has to name.
struct Refused {
    what: &'static str,
    document: Value,
    blamed: &'static str,
}

fn refused() -> Vec<Refused> {
    let with = |key: &str, value: Value| {
        let mut document = sample();
        document["platform"][key] = value;
        document
    };
    let mut without_host = sample();
    without_host["platform"].as_object_mut().map(|platform| platform.remove("host"));
    let mut misspelt = sample();
    misspelt["medusaa"] = json!({});
    let refused = |what, document, blamed| Refused { what, document, blamed };
    vec![
        refused("values without `platform`", json!({}), "'platform'"),
        refused("a platform document without a host", without_host, "'host'"),
        refused("an unknown key in `platform`", with("password", json!("x")), "password"),
        refused("a store id that is none", with("store", json!("../etc")), "'/platform/store'"),
        refused("an unknown plan", with("plan", json!("gigantic")), "gigantic"),
        refused("a misspelt value", misspelt, "medusaa"),
    ]
}

struct Helm {
    name: &'static str,
    program: PathBuf,
}

impl Helm {
    fn run(&self, verb: &str, values: &str, document: &Value) -> Result<String> {
        let chart = paths::workspace().join("charts/store");
        let mut command = Command::new(&self.program);
        command.args([verb, "--kube-version", KUBERNETES]);
        if verb == "template" {
            command.arg(RELEASE);
        }
        command.arg(&chart).args(["--namespace", RELEASE, "--values"]).arg(chart.join(values)).args(["--values", "-"]);
        exec::feed(&mut command, &format!("{document}\n"))
    }

    fn render(&self, values: &str, document: &Value) -> Result<Vec<Value>> {
        objects(&self.run("template", values, document)?)
    }

    fn refuses(&self, document: &Value, blamed: &str) -> Result<()> {
        let Err(error) = self.run("template", VALUES[0], document) else { bail!("it was rendered") };
        if !error.to_string().contains(blamed) {
            bail!("refused, but not for {blamed}: {error:#}");
        }
        Ok(())
    }
}

fn objects(rendered: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for document in yaml_serde::Deserializer::from_str(rendered) {
        let object = Value::deserialize(document).context("helm rendered something that is no YAML")?;
        if !object.is_null() {
            objects.push(object);
        }
    }
    if objects.is_empty() {
        bail!("helm rendered nothing");
    }
    objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    Ok(objects)
}

fn judge(objects: &[Value]) -> Result<()> {
    for object in objects {
        let kind = object["kind"].as_str().context("an object without a kind")?;
        if !ALLOWED_KINDS.contains(&kind) {
            bail!("{kind} {} is none of the kinds that a store may have", object["metadata"]["name"]);
        }
        rights::demand(object)?;
        let namespace = &object["metadata"]["namespace"];
        if !namespace.is_null() && namespace != RELEASE {
            bail!("{kind} {} is in another namespace", object["metadata"]["name"]);
        }
    }
    Ok(())
}

fn alike(helms: &[Helm; 2], values: &str) -> Result<()> {
    let [one, other] = helms;
    if one.render(values, &sample())? != other.render(values, &sample())? {
        bail!("{} and {} differ", one.name, other.name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_wide_objects_and_secrets_are_found() {
        let ok = objects("---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\n# nothing\n").unwrap();
        assert!(judge(&ok).is_ok());
        for bad in ["Secret", "Namespace", "ClusterRole", "RoleBinding"] {
            let bad = objects(&format!("kind: {bad}\nmetadata: {{name: a}}\n")).unwrap();
            assert!(judge(&bad).is_err());
        }
        assert!(judge(&objects("kind: Job\nmetadata: {name: a, namespace: kube-system}\n").unwrap()).is_err());
        assert!(objects("---\n").is_err());
    }
}
