//! The cluster seen from outside the server, by kubectl.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{Lab, text, until};

/// `kubectl` on the laboratory's cluster, as an administrator.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// On this laboratory's cluster.
    pub fn new(lab: &Lab) -> Self {
        Self { program: lab.kubectl.clone(), kubeconfig: lab.admin_kubeconfig.clone() }
    }

    /// Runs it; it must succeed. Returns what it printed.
    pub fn run(&self, arguments: &[&str]) -> String {
        self.attempt(arguments).unwrap_or_else(|errors| panic!("kubectl {}: {errors}", arguments.join(" ")))
    }

    /// Runs it. Returns what it printed, or what it complained of.
    pub fn attempt(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .arg("--request-timeout=20s")
            .args(arguments)
            .output()
            .expect("kubectl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
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

    /// Everything that the Secrets of a namespace hold, decoded; of Helm's release records, the records themselves.
    pub fn all_secrets(&self, namespace: &str) -> Vec<u8> {
        let template =
            "{{range .items}}{{range $key, $value := .data}}{{$key}}={{base64decode $value}}{{\"\\n\"}}{{end}}{{end}}";
        let template = format!("go-template={template}");
        let decoded = self.run(&["get", "secrets", "-n", namespace, "-o", &template]);
        [decoded.as_bytes(), &self.release_record(namespace)].concat()
    }

    /// What Helm's record of the only revision of a store's release holds.
    pub fn release_record(&self, release: &str) -> Vec<u8> {
        let record = format!("sh.helm.release.v1.{release}.v1");
        let template = "go-template={{base64decode .data.release}}";
        unpack(&self.run(&["get", "secret", &record, "-n", release, "-o", template]))
    }

    /// The revisions of a store's Helm release, by its records.
    pub fn revisions(&self, release: &str) -> Vec<String> {
        let selector = format!("owner=helm,name={release}");
        let records = self.list(&["secrets", "-A", "-l", &selector]);
        records.iter().map(|record| record["metadata"]["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// The statuses of a release's records, by Helm's own labels.
    pub fn record_statuses(&self, release: &str) -> Vec<String> {
        let selector = format!("owner=helm,name={release}");
        let records = self.list(&["secrets", "-n", release, "-l", &selector]);
        records.iter().map(|record| text(&record["metadata"]["labels"]["status"])).collect()
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

/// Sees every volume that is bound to a claim of some namespace, however soon it is gone again.
pub struct VolumeWatch {
    watcher: Child,
    seen: File,
}

impl VolumeWatch {
    /// Begins to watch.
    pub fn start(lab: &Lab) -> Self {
        let seen = tempfile::tempfile().expect("a file");
        let columns = "jsonpath={.status.phase} {.spec.claimRef.namespace} {.metadata.name}{\"\\n\"}";
        let watcher = Command::new(&lab.kubectl)
            .arg("--kubeconfig")
            .arg(&lab.admin_kubeconfig)
            .args(["get", "persistentvolumes", "--watch", "-o", columns])
            .stdout(seen.try_clone().expect("a second handle"))
            .spawn()
            .expect("kubectl runs");
        Self { watcher, seen }
    }

    /// The names of the volumes that were bound to claims of this namespace.
    pub fn bound_to(&self, namespace: &str) -> BTreeSet<String> {
        let mut bytes = vec![0; usize::try_from(self.seen.metadata().expect("its size").len()).expect("it is small")];
        self.seen.read_exact_at(&mut bytes, 0).expect("what was seen can be read");
        let prefix = format!("Bound {namespace} ");
        let lines = String::from_utf8_lossy(&bytes).into_owned();
        lines.lines().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }
}

impl Drop for VolumeWatch {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}

/// A Helm release record: JSON, compressed by gzip, in Base64.
fn unpack(record: &str) -> Vec<u8> {
    let mut child = Command::new("sh")
        .args(["-c", "base64 -d | gzip -d"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh runs");
    let mut input = child.stdin.take().expect("its input");
    let record = record.to_owned();
    let writer = std::thread::spawn(move || input.write_all(record.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    assert!(output.stdout.starts_with(b"{"), "a release record is JSON");
    output.stdout
}

/// Command lines of Helm processes that work on this release: Helm itself, or a script of that name.
pub fn helm_processes(release: &str) -> Vec<String> {
    crate::canaries::command_lines()
        .into_iter()
        .filter(|line| line.split(' ').take(2).any(|program| program.contains("helm")) && line.contains(release))
        .collect()
}
