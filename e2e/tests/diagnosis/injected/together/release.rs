//! Releases that cannot be installed, or not yet.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use e2e::{Api, SmallChart, now, text, until};
use serde_json::{Value, json};

use crate::case::{Case, SOON, Store};
use crate::expect::failure;
use crate::injected::unreachable_webhook;

/// Helm that a case can hold up, or count the runs of.
struct Helm {
    program: String,
    file: PathBuf,
}

impl Helm {
    /// Its installs wait until they are [let go](Self::let_go).
    fn held(case: &Case) -> Self {
        let file = case.dir.path().join("hold-helm");
        fs::write(&file, "").expect("the file can be written");
        Self { program: case.lab.held_helm(case.dir.path(), &file), file }
    }

    fn let_go(&self) {
        fs::remove_file(&self.file).expect("Helm was held");
    }

    /// Its runs are written down.
    fn counted(case: &Case) -> Self {
        let file = case.dir.path().join("helm-runs");
        Self { program: case.lab.logged_helm(case.dir.path(), &file), file }
    }

    /// The runs that had to do with this store.
    fn runs(&self, store: &Store) -> Vec<String> {
        let runs = fs::read_to_string(&self.file).unwrap_or_default();
        runs.lines().filter(|line| line.contains(&store.namespace)).map(str::to_owned).collect()
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_chart_that_cannot_be_rendered_is_refused_once() {
    let mut case = case!(Fault);
    let helm = Helm::counted(&case);
    let chart = SmallChart::new().file("templates/broken.yaml", "{{ .Values.no.such.key }}\n");
    let api = case.serve(&chart, &[("HELM_BINARY", &helm.program)]).await;
    is_refused_once(&mut case, &api, &helm, "broken.yaml").await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn values_against_the_schema_of_the_real_chart_are_refused_once() {
    let mut case = case!(Fault);
    let helm = Helm::counted(&case);
    let values = case.dir.path().join("values-broken.yaml");
    fs::write(&values, "medusa:\n  startSeconds: soon\n").expect("the file can be written");
    let chart = Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it")).join("../charts/store");
    let values = values.display().to_string();
    let changes = [("HELM_BINARY", helm.program.as_str()), ("HELM_ENV_VALUES_FILE", &values)];
    let api = case.serve_chart(&chart, &changes).await;
    is_refused_once(&mut case, &api, &helm, "startSeconds").await;
    case.ends_right();
}

async fn is_refused_once(case: &mut Case, api: &Api, helm: &Helm, says: &str) {
    let store = case.create(api, "refused").await;
    failure("release_refused").saying(says).of_failed(&store.failed().await);
    // From then on, the release was all that was missing.
    let shown = store.told("gate_met", "credentials").await;
    case.detected("release_refused", shown, store.told("failed", "").await);
    is_empty(case, &store);
    let runs = helm.runs(&store);
    assert!(runs.iter().filter(|run| run.starts_with("install")).count() <= 1, "{runs:#?}");
    // Long enough for a few tries, if there were any.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(helm.runs(&store), runs, "it was tried again");
}

/// Nothing was installed.
fn is_empty(case: &Case, store: &Store) {
    let all = case.kubectl.list(&["statefulsets,deployments,jobs,pods,services,configmaps", "-n", &store.namespace]);
    let is_ours = |object: &&Value| object["metadata"]["name"] != "kube-root-ca.crt";
    assert_eq!(all.iter().find(is_ours), None);
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn a_release_record_that_is_too_large_is_refused_at_once() {
    let mut case = case!(Fault);
    let helm = Helm::counted(&case);
    // What cannot be compressed: Helm keeps the chart's files in its record.
    let mut noise = vec![0; 1_300_000];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut noise)).expect("there is noise");
    let api = case.serve(&SmallChart::new().file("files/noise", noise), &[("HELM_BINARY", &helm.program)]).await;
    let store = case.create(&api, "too-large").await;
    let failed = store.failed().await;
    failure("release_refused").of_failed(&failed);
    let reason = text(&failed["failure_reason"]);
    assert!(reason.contains("1 MiB"), "it does not say how large it may be: {reason}");
    let shown = store.told("gate_met", "credentials").await;
    case.detected("release_refused", shown, store.told("failed", "").await);
    is_empty(&case, &store);
    assert_eq!(case.kubectl.revisions(&store.namespace), Vec::<String>::new());
    let is_install = |run: &String| run.starts_with("install");
    assert!(!helm.runs(&store).iter().any(is_install), "its size is looked at first: {:#?}", helm.runs(&store));
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_object_of_somebody_else_is_named_and_never_taken_over() {
    let mut case = case!(Fault);
    let helm = Helm::held(&case);
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "storefront", "labels": e2e::labels("server") },
        "spec": { "selector": { "app.kubernetes.io/component": "server" }, "ports": [{ "port": 80 }] },
    });
    let chart = SmallChart::new().object("service", &service);
    let api = case.serve(&chart, &[("HELM_BINARY", &helm.program)]).await;
    let store = case.create(&api, "foreign").await;
    store.shows("that its release is next", |store| store["step"] == "release").await;
    let theirs = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "storefront", "namespace": store.namespace },
        "spec": { "ports": [{ "port": 8080 }] },
    });
    case.apply(&theirs);
    let read = |case: &Case| case.kubectl.run(&["get", "service", "storefront", "-n", &store.namespace, "-o", "json"]);
    let before = read(&case);
    let shown = now();
    helm.let_go();
    failure("foreign_object").blaming("Service", "storefront").of_failed(&store.failed().await);
    case.detected("foreign_object", shown, store.told("failed", "").await);
    assert_eq!(read(&case), before, "it was changed");
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn an_admission_webhook_that_is_down_is_named_and_waited_for() {
    let mut case = case!(Fault);
    let helm = Helm::held(&case);
    let api = case.serve(&SmallChart::new(), &[("HELM_BINARY", &helm.program)]).await;
    let store = case.create(&api, "hook-down").await;
    let (webhook, name) = unreachable_webhook("e2e-down", &store, "CREATE", "statefulsets");
    store.shows("that its release is next", |store| store["step"] == "release").await;
    case.make("validatingwebhookconfiguration", &webhook);
    let shown = now();
    helm.let_go();
    until("the history names the webhook, twice", SOON, || async {
        let history = store.history().await;
        let names = |event: &&Value| event["kind"] == "action_failed" && text(&event["message"]).contains(&name);
        if history.iter().filter(names).count() > 1 { Ok(()) } else { Err(format!("{history:#?}")) }
    })
    .await;
    assert_eq!(store.read().await["status"], "PROVISIONING");
    let first = store.history().await.into_iter().find(|event| event["kind"] == "action_failed");
    let first = first.map(|event| text(&event["at"]).parse().expect("a time")).expect("there is one");
    case.detected_when_due("action_failed", shown, shown, first);
    case.kubectl.run(&["delete", "validatingwebhookconfiguration", &text(&webhook["metadata"]["name"])]);
    store.ready_at_once().await;
    case.ends_right();
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only diagnosis"]
async fn values_of_exactly_4096_bytes_are_applied_to_the_last_key() {
    let mut case = case!(Fault);
    let last = format!("last: {:?}", e2e::own_name("the-last-key"));
    let values = format!("{:#<1$}\n{last}", "# ", 4096 - last.len() - 1);
    assert_eq!(values.len(), 4096);
    let file = case.dir.path().join("values-of-4096-bytes.yaml");
    fs::write(&file, &values).expect("the file can be written");
    let annotation = json!({ "metadata": { "annotations": { "store-platform.test/last": "{{ .Values.last }}" } } });
    let chart = SmallChart::new().object("server", &annotation);
    let api = case.serve(&chart, &[("HELM_ENV_VALUES_FILE", &file.display().to_string())]).await;
    let store = case.create(&api, "all-values").await;
    store.ready().await;
    let path = "jsonpath={.metadata.annotations.store-platform\\.test/last}";
    let live = case.kubectl.run(&["get", "deployment", "server", "-n", &store.namespace, "-o", path]);
    assert_eq!(live, e2e::own_name("the-last-key"));
    case.ends_right();
}
