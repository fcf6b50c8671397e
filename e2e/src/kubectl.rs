//! The cluster seen from outside the server, by kubectl.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::{Lab, until};

/// `kubectl` on the laboratory's cluster.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// On this laboratory's cluster.
    pub fn new(lab: &Lab) -> Self {
        Self { program: lab.kubectl.clone(), kubeconfig: lab.kubeconfig.clone() }
    }

    /// Runs it; it must succeed. Returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--request-timeout=20s")
            .args(arguments)
            .output()
            .expect("kubectl runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {errors}", arguments.join(" "));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The items of a list.
    pub fn list(&self, arguments: &[&str]) -> Vec<Value> {
        let mut all = vec!["get"];
        all.extend(arguments);
        all.extend(["-o", "json"]);
        let answer: Value = serde_json::from_str(&self.run(&all)).expect("kubectl prints JSON");
        answer["items"].as_array().cloned().unwrap_or_default()
    }

    /// All container restarts in a namespace, init containers included.
    pub fn restarts(&self, namespace: &str) -> u64 {
        let of = |pod: &Value, kind: &str| -> u64 {
            let statuses = pod["status"][kind].as_array().cloned().unwrap_or_default();
            statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum()
        };
        let pods = self.list(&["pods", "-n", namespace]);
        pods.iter().map(|pod| of(pod, "containerStatuses") + of(pod, "initContainerStatuses")).sum()
    }

    /// A value of the store's Secret, decoded.
    pub fn secrets(&self, namespace: &str, name: &str) -> Vec<(String, String)> {
        let secret: Value =
            serde_json::from_str(&self.run(&["get", "secret", name, "-n", namespace, "-o", "json"])).expect("JSON");
        let data = secret["data"].as_object().cloned().unwrap_or_default();
        data.keys()
            .map(|key| {
                let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
                (key.clone(), self.run(&["get", "secret", name, "-n", namespace, "-o", &template]))
            })
            .collect()
    }

    /// The revisions of a store's Helm release, by its records.
    pub fn revisions(&self, release: &str) -> Vec<String> {
        let selector = format!("owner=helm,name={release}");
        let records = self.list(&["secrets", "-A", "-l", &selector]);
        records.iter().map(|record| record["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What of a store is left anywhere in the cluster or among this machine's processes.
    pub fn leftovers(&self, namespace: &str) -> Vec<String> {
        let mut found = Vec::new();
        for item in self.list(&["namespaces"]) {
            if item["metadata"]["name"] == namespace {
                found.push(format!("namespace {namespace}"));
            }
        }
        for volume in self.list(&["persistentvolumes"]) {
            if volume["spec"]["claimRef"]["namespace"] == namespace {
                found.push(format!("volume {}", volume["metadata"]["name"]));
            }
        }
        found.extend(self.revisions(namespace).into_iter().map(|record| format!("release record {record}")));
        found.extend(helm_processes(namespace).into_iter().map(|process| format!("process {process}")));
        found
    }

    /// Waits until nothing of a store is left, then says so.
    pub async fn until_nothing_is_left(&self, namespace: &str) {
        until(&format!("nothing of {namespace} is left"), Duration::from_secs(10), || async {
            let left = self.leftovers(namespace);
            if left.is_empty() { Ok(()) } else { Err(left.join(", ")) }
        })
        .await;
    }
}

/// Command lines of Helm processes that work on this release.
pub(crate) fn helm_processes(release: &str) -> Vec<String> {
    crate::canaries::command_lines()
        .into_iter()
        .filter(|line| line.split(' ').next().is_some_and(|program| program.contains("helm")) && line.contains(release))
        .collect()
}
