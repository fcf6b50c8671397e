//! The store chart by itself: both majors of Helm lint and render it alike, for every engine and plan, with the values of a
//! laptop and of a server; what it renders is safe and as large as its plan says; and it refuses what would break a store.

mod helm;
mod network;
mod pods;
mod refusals;
mod samples;
mod settings;

use std::{env, path::Path, process::Command, time::Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use self::{
    helm::Helm,
    samples::{ENGINES, Sample, VALUES, plans},
};
use super::{outcome::Outcome, rights, session::Session};
use crate::cluster;

pub(crate) use self::{pods::of_objects as pods_of, samples::RELEASE};

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
    let helms = Helm::both(&cluster::build_programs()?);
    let mut outcome = Outcome::default();
    for sample in all_samples()? {
        for helm in &helms {
            let lint = helm.run("lint", &sample).map(drop);
            outcome.check(&format!("{} lint, {sample}", helm.name), lint);
        }
        outcome.check(&format!("rendered well and alike by both majors, {sample}"), judge_both(&helms, &sample));
    }
    for helm in &helms {
        refusals::check(helm, &mut outcome);
    }
    settings::check(&helms, &mut outcome)?;
    Ok(outcome)
}

/// A sample store of each engine with each of the chart's values files, and its objects.
pub(crate) fn sample_objects(helm: &Path) -> Result<Vec<(String, Vec<Value>)>> {
    let helm = Helm::new("helm", helm.to_owned());
    let mut all = Vec::new();
    for engine in ENGINES {
        for values in VALUES {
            let sample = Sample::new(engine).values_file(values);
            all.push((sample.to_string(), helm.render(&sample)?));
        }
    }
    Ok(all)
}

fn all_samples() -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for engine in ENGINES {
        for values in VALUES {
            for plan in plans()? {
                samples.push(Sample::new(engine).values_file(values).plan(&plan));
            }
        }
    }
    Ok(samples)
}

fn judge_both(helms: &[Helm; 2], sample: &Sample) -> Result<()> {
    let [one, other] = helms;
    let objects = one.render(sample)?;
    if objects != other.render(sample)? {
        bail!("{} and {} differ", one.name, other.name);
    }
    judge(&objects)?;
    network::judge(&objects)?;
    pods::judge(&objects, &sample.merged_values()?, &sample.plan)
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

#[cfg(test)]
mod tests {
    use super::{helm::objects, *};

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
