//! Charts of a few objects, as small as a store can be: what they run is `busybox`, so that one thing can be wrong with
//! them while everything else is right and quick. Nothing that is seen on them says anything about shops.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The image that everything in a small chart runs, unless it is told otherwise.
const IMAGE: &str = "busybox:latest";

/// What a container does that is well: nothing, for as long as it is let.
pub const REST: &str = "exec sleep 3600";

/// A chart of a database, a server and a setup job that are well at once.
#[derive(Debug, Clone)]
pub struct SmallChart {
    objects: BTreeMap<String, Value>,
    files: BTreeMap<String, Vec<u8>>,
}

impl SmallChart {
    /// One that becomes READY within seconds.
    pub fn new() -> Self {
        let objects = [("database", database()), ("server", server()), ("setup", setup_job())];
        let files = [("Chart.yaml", "apiVersion: v2\nname: small\nversion: 0.1.0\n"), ("values.yaml", "{}\n")];
        Self {
            objects: objects.map(|(name, object)| (name.to_owned(), object)).into(),
            files: files.map(|(name, text)| (name.to_owned(), text.into())).into(),
        }
    }

    /// Changes the container of the database.
    #[must_use]
    pub fn database(self, container: &Value) -> Self {
        self.container("database", container)
    }

    /// Changes the container of the server.
    #[must_use]
    pub fn server(self, container: &Value) -> Self {
        self.container("server", container)
    }

    /// What the setup job's init container runs; it fills the database of a real store.
    #[must_use]
    pub fn setup(mut self, script: &str) -> Self {
        self.object_mut("setup")["spec"]["template"]["spec"]["initContainers"][0]["command"][2] = json!(script);
        self
    }

    /// What the setup job's last container runs; it looks at the storefront of a real store.
    #[must_use]
    pub fn verify(mut self, script: &str) -> Self {
        self.object_mut("setup")["spec"]["template"]["spec"]["containers"][0]["command"][2] = json!(script);
        self
    }

    /// Changes a component's pods.
    #[must_use]
    pub fn pod(mut self, component: &str, spec: &Value) -> Self {
        merge(&mut self.object_mut(component)["spec"]["template"]["spec"], spec);
        self
    }

    /// Changes the object of a component, or adds one of another name. Texts are templates.
    #[must_use]
    pub fn object(mut self, name: &str, patch: &Value) -> Self {
        merge(self.objects.entry(name.to_owned()).or_insert_with(|| json!({})), patch);
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(name.to_owned(), content.into());
        self
    }

    /// An ingress of this class for the store's host.
    #[must_use]
    pub fn ingress(self, class: &str) -> Self {
        let backend = json!({ "service": { "name": "storefront", "port": { "number": 80 } } });
        let path = json!({ "path": "/", "pathType": "Prefix", "backend": backend });
        let rule = json!({ "host": "{{ .Values.platform.host }}", "http": { "paths": [path] } });
        let ingress = json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
            "metadata": { "name": "storefront", "labels": labels("server") },
            "spec": { "ingressClassName": class, "rules": [rule] },
        });
        self.object("ingress", &ingress)
    }

    /// A claim of the database's pods for a volume of this storage class.
    #[must_use]
    pub fn database_claim(self, storage_class: &str) -> Self {
        let spec = json!({
            "accessModes": ["ReadWriteOnce"], "storageClassName": storage_class,
            "resources": { "requests": { "storage": "16Mi" } },
        });
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": "data", "labels": labels("database") }, "spec": spec,
        });
        self.object("database", &json!({ "spec": { "volumeClaimTemplates": [claim] } }))
            .database(&json!({ "volumeMounts": [{ "name": "data", "mountPath": "/data" }] }))
    }

    /// Writes the chart into `dir`. Returns where it is.
    pub fn write(&self, dir: &Path) -> PathBuf {
        let chart = dir.join("small-chart");
        let templates = self.objects.iter().map(|(name, object)| {
            let file = format!("templates/{name}.yaml");
            // JSON is YAML.
            (file, format!("{object:#}\n").into_bytes())
        });
        for (name, content) in self.files.clone().into_iter().chain(templates) {
            let file = chart.join(name);
            std::fs::create_dir_all(file.parent().expect("it is in the chart")).expect("the folder can be made");
            std::fs::write(file, content).expect("the file can be written");
        }
        chart
    }

    fn container(mut self, component: &str, patch: &Value) -> Self {
        merge(&mut self.object_mut(component)["spec"]["template"]["spec"]["containers"][0], patch);
        self
    }

    fn object_mut(&mut self, name: &str) -> &mut Value {
        self.objects.get_mut(name).expect("the chart has this object")
    }
}

impl Default for SmallChart {
    fn default() -> Self {
        Self::new()
    }
}

/// The labels by which the platform knows its objects.
pub fn labels(component: &str) -> Value {
    json!({
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": "store-platform",
        "store-platform/store": "{{ .Values.platform.store }}",
        "store-platform/installation": "{{ .Values.platform.installation }}",
    })
}

/// A container that runs this script.
fn running(script: &str) -> Value {
    json!({ "command": ["sh", "-c", script] })
}

/// A container that runs this script, and is ready once somebody listens on this port.
pub fn listening(script: &str, port: u16) -> Value {
    let mut container = running(script);
    container["readinessProbe"] = json!({ "tcpSocket": { "port": port }, "periodSeconds": 1 });
    container
}

fn container(name: &str, script: &str) -> Value {
    let mut container = json!({
        "name": name, "image": IMAGE, "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
    });
    merge(&mut container, &running(script));
    container
}

fn pod(component: &str, containers: &Value) -> Value {
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {
            "runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" },
        },
    });
    merge(&mut spec, containers);
    json!({ "metadata": { "labels": labels(component) }, "spec": spec })
}

fn workload(kind: &str, component: &str, more: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": { "name": component, "labels": labels(component) },
        "spec": {
            "selector": { "matchLabels": { "app.kubernetes.io/component": component } },
            "template": pod(component, &json!({ "containers": [container("main", REST)] })),
        },
    });
    merge(&mut object, &json!({ "spec": more }));
    object
}

fn database() -> Value {
    workload("StatefulSet", "database", &json!({ "serviceName": "database" }))
}

fn server() -> Value {
    // As in the chart of real stores.
    workload("Deployment", "server", &json!({ "strategy": { "type": "Recreate" } }))
}

fn setup_job() -> Value {
    let suffix = "{{ if gt (int .Values.platform.attempt) 1 }}-{{ .Values.platform.attempt }}{{ end }}";
    let containers = json!({
        "restartPolicy": "Never",
        "initContainers": [container("setup", "exit 0")],
        "containers": [container("verify", "exit 0")],
    });
    json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": format!("{{{{ .Values.platform.store }}}}-setup-job{suffix}"), "labels": labels("setup"),
        },
        "spec": { "backoffLimit": 1, "template": pod("setup", &containers) },
    })
}

/// Merges `patch` into `target` (RFC 7396).
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        target.clone_from(patch);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, change) in changes {
        if change.is_null() {
            target.as_object_mut().expect("it is an object").remove(key);
        } else {
            merge(&mut target[key], change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_changes_what_it_names_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let chart = SmallChart::new().server(&json!({ "image": "other" })).setup("exit 1").write(dir.path());
        let read = |name: &str| -> Value {
            serde_json::from_str(&std::fs::read_to_string(chart.join("templates").join(name)).unwrap()).unwrap()
        };
        let server = &read("server.yaml")["spec"]["template"]["spec"]["containers"][0];
        assert_eq!((&server["image"], &server["command"][2]), (&json!("other"), &json!(REST)));
        assert_eq!(read("setup.yaml")["spec"]["template"]["spec"]["initContainers"][0]["command"][2], "exit 1");
        assert_eq!(read("database.yaml")["spec"]["template"]["spec"]["containers"][0]["image"], IMAGE);
    }
}
