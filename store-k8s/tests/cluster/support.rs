//! What the cluster tests share: a bench with one store, a tiny chart, and waiting on conditions.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ListParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::SecretString;
use store_core::lifecycle::{Desired, Gates, Intent, Progress, Provisioning, Store};
use store_core::ports::{
    ActionContext, ActionKind, Clock, Deployer as _, Freshness, HealthProbe as _, NamespaceSeen, Observation,
};
use store_core::store::{
    AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, StoreCredentials, StoreId, StoreName,
};
use store_k8s::{ChartSource, Cluster, ClusterConfig, HelmConfig, HelmDeployer, KubeProbe};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Everything that a test needs for one store.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) deployer: HelmDeployer,
    pub(crate) probe: KubeProbe,
    /// An administrator's, past the adapter.
    pub(crate) client: Client,
    pub(crate) store: Store,
    pub(crate) installation: Uuid,
    _directory: tempfile::TempDir,
}

/// Which chart a bench installs.
pub(crate) enum Chart {
    /// The one inside the library, with its local values.
    Real,
    /// A tiny one, with these objects.
    Tiny(String),
}

/// Which Helm a bench uses.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Helm {
    Three,
    Four,
}

struct SystemClock;

#[async_trait::async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

pub(crate) fn variable(name: &str) -> PathBuf {
    std::env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `cargo xtask test --only adapters`")).into()
}

/// The kubeconfig of the platform's own account, which the adapter uses: it may do what the committed role says.
pub(crate) fn kubeconfig() -> PathBuf {
    variable("STORE_TEST_KUBECONFIG")
}

/// The kubeconfig of somebody who may do everything, for what the tests do past the adapter.
pub(crate) fn admin_kubeconfig() -> PathBuf {
    variable("STORE_TEST_ADMIN_KUBECONFIG")
}

/// Runs a test on a bench of its own; its namespaces go afterwards, whatever happened.
pub(crate) async fn on_bench(chart: Chart, helm: Helm, test: impl AsyncFnOnce(&Bench)) {
    on_bench_with(kubeconfig(), chart, helm, test).await;
}

/// The same, with another kubeconfig for the adapter.
pub(crate) async fn on_bench_with(kubeconfig: PathBuf, chart: Chart, helm: Helm, test: impl AsyncFnOnce(&Bench)) {
    let bench = Bench::new(kubeconfig, chart, helm).await;
    let outcome = AssertUnwindSafe(test(&bench)).catch_unwind().await;
    bench.clean_up().await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A context with the deadline that the reconciler would give.
pub(crate) fn context(kind: ActionKind) -> ActionContext {
    let (id, deadline) = (Uuid::new_v4(), kind.hard_deadline());
    ActionContext { id, epoch: 1, deadline, start_within: deadline, cancel: CancellationToken::new() }
}

impl Bench {
    async fn new(config: PathBuf, chart: Chart, helm: Helm) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let environment: BTreeMap<_, _> = std::env::vars_os().collect();
        let config = ClusterConfig { kubeconfig: Some(config), context: None, environment: environment.clone() };
        let cluster = Cluster::connect(&config, clock()).await.unwrap();
        let (chart, values_files) = match chart {
            Chart::Real => (ChartSource::Embedded, vec![PathBuf::from("values-local.yaml")]),
            Chart::Tiny(objects) => {
                let path = directory.path().join("chart");
                std::fs::create_dir_all(path.join("templates")).unwrap();
                std::fs::write(path.join("Chart.yaml"), "apiVersion: v2\nname: tiny\nversion: 1.0.0\n").unwrap();
                std::fs::write(path.join("templates/_labels.tpl"), LABELS).unwrap();
                std::fs::write(path.join("templates/objects.yaml"), objects).unwrap();
                (ChartSource::Directory(path), Vec::new())
            }
        };
        let helm = HelmConfig {
            binary: variable(match helm {
                Helm::Three => "STORE_TEST_HELM3",
                Helm::Four => "STORE_TEST_HELM",
            }),
            state_dir: directory.path().join("state"),
            chart,
            values_files,
            environment,
            passthrough: Vec::new(),
        };
        let installation = Uuid::new_v4();
        let deployer = HelmDeployer::new(cluster.clone(), helm, installation).await.unwrap();
        let probe = KubeProbe::start(cluster.clone(), installation);
        let (client, store) = (client_of(&admin_kubeconfig()).await, store(installation));
        Self { cluster, deployer, probe, client, store, installation, _directory: directory }
    }

    /// Namespace and credentials.
    pub(crate) async fn prepare(&self) {
        self.deployer.ensure_namespace(&self.store, &context(ActionKind::EnsureNamespace)).await.unwrap();
        self.deployer
            .ensure_credentials(&self.store, &credentials(), &context(ActionKind::EnsureCredentials))
            .await
            .unwrap();
    }

    /// Installs the chart.
    pub(crate) async fn install(&self) -> Result<(), store_core::ports::PortError> {
        self.deployer.install(&self.store, &context(ActionKind::Install)).await
    }

    pub(crate) async fn fresh(&self) -> Observation {
        self.probe.observe(&self.store, Freshness::Fresh).await.unwrap()
    }

    pub(crate) async fn cached(&self) -> Observation {
        self.probe.observe(&self.store, Freshness::Cached).await.unwrap()
    }

    /// Waits, woken by the watches, until the cached view is as wanted.
    pub(crate) async fn wait(&self, what: &str, seconds: u64, wanted: impl Fn(&Observation) -> bool) -> Observation {
        let mut changes = self.probe.changes();
        let until = tokio::time::Instant::now() + Duration::from_secs(seconds);
        loop {
            // The cluster may be out of sight for a moment; then the last look decides.
            let seen = self.probe.observe(&self.store, Freshness::Cached).await;
            if let Ok(seen) = &seen
                && wanted(seen)
            {
                return seen.clone();
            }
            // The last look before giving up is a fresh one, to tell a stale view from a cluster that is not there yet.
            if tokio::time::timeout_at(until, changes.next()).await.is_err() {
                let fresh = self.fresh().await;
                panic!("{what} was not seen within {seconds} s\ncached: {seen:#?}\nfresh: {fresh:#?}");
            }
        }
    }

    /// The UID of the namespace.
    pub(crate) async fn namespace_uid(&self) -> String {
        match self.fresh().await.namespace {
            NamespaceSeen::Active { uid } | NamespaceSeen::Terminating { uid, .. } => uid,
            other => panic!("no namespace: {other:?}"),
        }
    }

    /// Somebody else deletes the namespace, past the adapter; it is gone when this returns.
    pub(crate) async fn delete_namespace_directly(&self) {
        let (namespaces, name) = (Api::<Namespace>::all(self.client.clone()), self.store.id.namespace());
        namespaces.delete(&name, &DeleteParams::default()).await.unwrap();
        while namespaces.get_opt(&name).await.unwrap().is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn clean_up(&self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let ours = ListParams::default().labels(&format!("store-platform/installation={}", self.installation));
        for namespace in namespaces.list(&ours).await.unwrap() {
            namespaces.delete(&namespace.metadata.name.unwrap(), &DeleteParams::background()).await.ok();
        }
    }
}

/// A client of this kubeconfig's account.
pub(crate) async fn client_of(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn store(installation: Uuid) -> Store {
    let mut seed = installation.as_u128();
    let id = StoreId::random(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u64::try_from(seed >> 64).unwrap()
    });
    let name = StoreName::parse(&format!("test-{id}")).unwrap();
    let at = clock().now();
    Store {
        address: PublicUrlTemplate::parse("http://{name}.localhost").unwrap().address(&name, Engine::Medusa),
        id,
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("admin").unwrap(),
        admin_email: AdminEmail::parse("owner@example.com").unwrap(),
        intent: Intent { desired: Desired::Present, attempt: 1, generation: 1, protected: false },
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(Engine::Medusa, at),
        details: BTreeMap::default(),
        version: 1,
        created_at: at,
        updated_at: at,
        ready_at: None,
        deleted_at: None,
    }
}

/// The password of the tests: it must appear in the Secret and nowhere else.
pub(crate) const CANARY: &str = "canary-4711-never-seen";

/// Entries of the Secret, as the chart mounts them.
pub(crate) fn credentials() -> StoreCredentials {
    let entries = [
        ("admin-username", "admin"),
        ("admin-email", "owner@example.com"),
        ("admin-password", CANARY),
        ("database-password", "database-4711"),
        ("jwt-secret", "jwt-4711"),
        ("cookie-secret", "cookie-4711"),
    ];
    StoreCredentials::new(entries.map(|(key, value)| (key.to_owned(), SecretString::from(value))))
}

const LABELS: &str = r#"
{{- define "labels" -}}
{ "app.kubernetes.io/component": "{{ .component }}", "store-platform/store": "{{ .root.Values.platform.store }}",
  "store-platform/installation": "{{ .root.Values.platform.installation }}", app.kubernetes.io/part-of: store-platform }
{{- end }}
{{- define "pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 0
securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: RuntimeDefault } }
{{- end }}
{{- define "container" -}}
imagePullPolicy: IfNotPresent
securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: [ALL] } }
{{- end }}
"#;

/// A workload of the tiny chart: `spec` goes into its only container.
pub(crate) fn workload(kind: &str, component: &str, spec: &str) -> String {
    let service = if kind == "StatefulSet" { format!("serviceName: {component}") } else { String::new() };
    format!(
        r#"---
apiVersion: apps/v1
kind: {kind}
metadata: {{ name: {component}, labels: {{{{ include "labels" (dict "root" . "component" "{component}") }}}} }}
spec:
  {service}
  selector: {{ matchLabels: {{ app.kubernetes.io/component: {component} }} }}
  template:
    metadata: {{ labels: {{{{ include "labels" (dict "root" . "component" "{component}") }}}} }}
    spec:
      {{{{- include "pod" . | nindent 6 }}}}
      containers:
        - name: main
          {{{{- include "container" . | nindent 10 }}}}
          {spec}
"#
    )
}

/// A setup job of the tiny chart: an init container `setup` and a container `verify` that run these scripts.
pub(crate) fn setup_job(setup: &str, verify: &str) -> String {
    format!(
        r#"---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{{{ .Values.platform.store }}}}-setup-job
  labels: {{{{ include "labels" (dict "root" . "component" "setup") }}}}
spec:
  backoffLimit: 1
  template:
    metadata: {{ labels: {{{{ include "labels" (dict "root" . "component" "setup") }}}} }}
    spec:
      {{{{- include "pod" . | nindent 6 }}}}
      restartPolicy: Never
      initContainers:
        - name: setup
          image: busybox:latest
          {{{{- include "container" . | nindent 10 }}}}
          command: [sh, -c, {setup:?}]
      containers:
        - name: verify
          image: busybox:latest
          {{{{- include "container" . | nindent 10 }}}}
          command: [sh, -c, {verify:?}]
"#
    )
}

/// A container's fields on lines of their own.
pub(crate) fn container(fields: &[&str]) -> String {
    fields.join("\n          ")
}

/// A container that is ready at once and stays so.
pub(crate) fn sleeping() -> String {
    container(&["image: busybox:latest", "command: [sleep, '3600']"])
}
