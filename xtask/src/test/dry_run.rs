//! The API server's own judgement of what the chart renders: server-side dry runs in a namespace that enforces the Pod
//! Security level `restricted`. Pods are tried as such: for a Deployment's template the server only warns.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{chart, outcome::Outcome};
use crate::{cluster::Cluster, exec};

/// Tries every engine with every values file; nothing is created but a namespace with its service accounts.
pub(crate) fn check(cluster: &Cluster, outcome: &mut Outcome) -> Result<()> {
    for (number, (what, objects)) in chart::sample_objects(&cluster.bin_dir.join("helm"))?.into_iter().enumerate() {
        let trial = Trial { cluster, namespace: format!("{}-dry-run-{number}", chart::RELEASE) };
        let judged = trial.judge(&objects);
        exec::capture(cluster.kubectl().args(["delete", "namespace", &trial.namespace, "--wait=false"]))?;
        outcome.check(&format!("the API server accepts objects and restricted pods, {what}"), judged);
    }
    Ok(())
}

struct Trial<'a> {
    cluster: &'a Cluster,
    namespace: String,
}

impl Trial<'_> {
    fn judge(&self, objects: &[Value]) -> Result<()> {
        let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
        let metadata = json!({"name": self.namespace, "labels": labels});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        exec::feed(self.cluster.kubectl().args(["apply", "-f", "-"]), &namespace.to_string())?;
        // A pod whose service account is not there is refused for that already.
        let accounts: Vec<Value> = objects
            .iter()
            .filter(|object| object["kind"] == "ServiceAccount")
            .map(|object| self.here(object))
            .collect();
        self.apply(&accounts, &[])?;
        let all: Vec<Value> = objects.iter().map(|object| self.here(object)).collect();
        self.apply(&all, &["--dry-run=server"])?;
        let pods = chart::pods_of(objects);
        let pods: Vec<Value> = pods.iter().map(|pod| self.here(&pod.object(&name_of(&pod.of)))).collect();
        self.apply(&pods, &["--dry-run=server"])?;
        self.demand_that_it_enforces(&pods[0])
    }

    /// The object in the trial's namespace.
    fn here(&self, object: &Value) -> Value {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!(self.namespace);
        object
    }

    fn apply(&self, items: &[Value], options: &[&str]) -> Result<()> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        let mut apply = self.cluster.kubectl();
        apply.args(["apply", "--validate=strict", "-f", "-"]).args(options);
        let answered = exec::feed(&mut apply, &list.to_string())?.lines().count();
        if answered < items.len() {
            bail!("{} objects, {answered} answers", items.len());
        }
        Ok(())
    }

    /// A pod that is not restricted is refused here: otherwise nothing was shown.
    fn demand_that_it_enforces(&self, pod: &Value) -> Result<()> {
        let mut pod = pod.clone();
        pod["metadata"]["name"] = json!("unrestricted");
        pod["spec"]["securityContext"] = json!({});
        match self.apply(&[pod], &["--dry-run=server"]) {
            Err(error) if error.to_string().contains("PodSecurity") => Ok(()),
            Err(error) => Err(error.context("an unrestricted pod was refused for something else")),
            Ok(()) => bail!("an unrestricted pod was accepted"),
        }
    }
}

/// `StatefulSet "database"` is `statefulset-database`.
fn name_of(controller: &str) -> String {
    controller.to_lowercase().replace('"', "").replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_gives_its_pod_a_name() {
        assert_eq!(name_of("\"StatefulSet\" \"database\""), "statefulset-database");
    }
}
