//! The pods of a store as they are rendered: restricted, probed, and as large as the store's plan says.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const PROBES: [&str; 3] = ["startupProbe", "readinessProbe", "livenessProbe"];
const COMPONENT: &str = "app.kubernetes.io/component";

/// A pod as its controller would make it.
#[derive(Debug)]
pub(crate) struct Pod<'a> {
    /// The controller's kind and name.
    pub(crate) of: String,
    template: &'a Value,
    /// Of a `StatefulSet`: templates of the claims that it makes for each pod.
    claims: &'a Value,
}

impl Pod<'_> {
    /// An object that an API server takes.
    pub(crate) fn object(&self, name: &str) -> Value {
        let mut metadata = self.template["metadata"].clone();
        metadata["name"] = json!(name);
        let mut spec = self.template["spec"].clone();
        let names = self.claims.as_array().into_iter().flatten().map(|claim| claim["metadata"]["name"].clone());
        let volumes = names.map(|name| json!({"name": name, "persistentVolumeClaim": {"claimName": name}}));
        if let Some(list) = spec["volumes"].as_array_mut() {
            list.extend(volumes);
        }
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    }

    fn spec(&self) -> &Value {
        &self.template["spec"]
    }

    fn component(&self) -> Result<&str> {
        self.template["metadata"]["labels"][COMPONENT].as_str().with_context(|| format!("{} has no component", self.of))
    }

    fn containers(&self, list: &str) -> &[Value] {
        self.spec()[list].as_array().map_or(&[], Vec::as_slice)
    }
}

/// The pods of what was rendered.
pub(crate) fn of_objects(objects: &[Value]) -> Vec<Pod<'_>> {
    let templated = objects.iter().filter(|object| object["spec"]["template"]["spec"].is_object());
    templated
        .map(|object| Pod {
            of: format!("{} {}", object["kind"], object["metadata"]["name"]),
            template: &object["spec"]["template"],
            claims: &object["spec"]["volumeClaimTemplates"],
        })
        .collect()
}

/// Judges all pods, and that quota and limits let them run.
pub(super) fn judge(objects: &[Value], values: &Value, plan: &str) -> Result<()> {
    let plan = &values["plans"][plan];
    let pods = of_objects(objects);
    if pods.len() != 3 {
        bail!("{} pods: a store has a database, a server and a setup job", pods.len());
    }
    for pod in &pods {
        judge_pod(pod, plan).with_context(|| pod.of.clone())?;
    }
    let quota = one(objects, "ResourceQuota")?;
    if quota["spec"]["hard"] != plan["quota"] {
        bail!("the quota is {}, the plan says {}", quota["spec"]["hard"], plan["quota"]);
    }
    let range = &one(objects, "LimitRange")?["spec"]["limits"][0];
    if range["type"] != "Container" || !range["default"].is_object() || !range["defaultRequest"].is_object() {
        bail!("the limit range gives containers no default: {range}");
    }
    for what in ["cpu", "memory"] {
        demand_room(&pods, plan, what)?;
    }
    Ok(())
}

fn judge_pod(pod: &Pod<'_>, plan: &Value) -> Result<()> {
    let (spec, component) = (pod.spec(), pod.component()?);
    demand(&spec["automountServiceAccountToken"], &json!(false), "a token")?;
    demand(&spec["serviceAccountName"], &json!(component), "the service account")?;
    demand(&spec["securityContext"]["runAsNonRoot"], &json!(true), "runAsNonRoot")?;
    demand(&spec["securityContext"]["seccompProfile"]["type"], &json!("RuntimeDefault"), "seccomp")?;
    for container in pod.containers("initContainers").iter().chain(pod.containers("containers")) {
        judge_container(container).with_context(|| format!("container {}", container["name"]))?;
    }
    let main = pod.containers("containers").first().context("no container")?;
    demand(&main["resources"], &plan[component], "the size of its plan")?;
    // A job's containers end by themselves.
    let missing = PROBES.iter().find(|probe| component != "setup" && !main[**probe].is_object());
    match missing {
        Some(probe) => bail!("container {} has no {probe}", main["name"]),
        None => Ok(()),
    }
}

fn judge_container(container: &Value) -> Result<()> {
    let security = &container["securityContext"];
    demand(&security["allowPrivilegeEscalation"], &json!(false), "allowPrivilegeEscalation")?;
    demand(&security["readOnlyRootFilesystem"], &json!(true), "readOnlyRootFilesystem")?;
    demand(&security["capabilities"], &json!({"drop": ["ALL"]}), "capabilities")?;
    for kind in ["requests", "limits"] {
        for what in ["cpu", "memory"] {
            quantity(&container["resources"][kind][what]).with_context(|| format!("{kind}.{what}"))?;
        }
    }
    Ok(())
}

fn demand(seen: &Value, wanted: &Value, what: &str) -> Result<()> {
    if seen != wanted {
        bail!("{what}: {seen} where {wanted} is wanted");
    }
    Ok(())
}

/// All pods at once, and the largest of them once more while it is replaced, stay within the quota.
fn demand_room(pods: &[Pod<'_>], plan: &Value, what: &str) -> Result<()> {
    for kind in ["requests", "limits"] {
        let sizes = pods.iter().map(|pod| size(pod, kind, what)).collect::<Result<Vec<f64>>>()?;
        let needed = sizes.iter().sum::<f64>() + sizes.iter().copied().fold(0.0, f64::max);
        let allowed =
            quantity(&plan["quota"][format!("{kind}.{what}")]).with_context(|| format!("quota {kind}.{what}"))?;
        if needed > allowed {
            bail!("{kind}.{what}: the pods need {needed}, the quota allows {allowed}");
        }
    }
    Ok(())
}

/// As Kubernetes counts it: its containers together, or its largest init container.
fn size(pod: &Pod<'_>, kind: &str, what: &str) -> Result<f64> {
    let of = |list: &str| -> Result<Vec<f64>> {
        pod.containers(list).iter().map(|container| quantity(&container["resources"][kind][what])).collect()
    };
    let together: f64 = of("containers")?.iter().sum();
    Ok(of("initContainers")?.into_iter().fold(together, f64::max))
}

/// The number that a Kubernetes quantity stands for.
fn quantity(value: &Value) -> Result<f64> {
    const SUFFIXES: [(&str, f64); 7] = [
        ("Ki", 1024.0),
        ("Mi", 1024.0 * 1024.0),
        ("Gi", 1024.0 * 1024.0 * 1024.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
    ];
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let suffixed = SUFFIXES.iter().find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (number, factor) = suffixed.unwrap_or((&text, 1.0));
    Ok(number.parse::<f64>().with_context(|| format!("{value} is no quantity"))? * factor)
}

fn one<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value> {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    match (found.next(), found.next()) {
        (Some(object), None) => Ok(object),
        _ => bail!("there is not one {kind}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_numbers() {
        let near = |value: Value, expected: f64| (quantity(&value).unwrap() - expected).abs() < 1e-9;
        assert!(near(json!("250m"), 0.25) && near(json!(2), 2.0) && near(json!("1Gi"), 1_073_741_824.0));
        assert!(quantity(&json!("much")).is_err() && quantity(&Value::Null).is_err());
    }

    #[test]
    fn a_pod_is_as_large_as_its_containers_or_its_largest_init_container() {
        let container = |cpu: &str| json!({"resources": {"limits": {"cpu": cpu}}});
        let template =
            json!({"spec": {"initContainers": [container("2")], "containers": [container("500m"), container("1")]}});
        let pod = Pod { of: "x".into(), template: &template, claims: &Value::Null };
        assert!((size(&pod, "limits", "cpu").unwrap() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn more_than_the_quota_is_found() {
        let template = json!({"spec": {"containers": [
            {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}}},
        ]}});
        let pods = [Pod { of: "x".into(), template: &template, claims: &Value::Null }];
        let plan = |limit: &str| json!({"quota": {"requests.cpu": "2", "limits.cpu": limit}});
        assert!(demand_room(&pods, &plan("4"), "cpu").is_ok());
        assert!(demand_room(&pods, &plan("3"), "cpu").is_err());
    }
}
