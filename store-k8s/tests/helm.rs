//! The deployer with programs in Helm's place: what they are given, and which of them are refused.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rstest::rstest;
use store_core::lifecycle::{Desired, Gates, Intent, Progress, Provisioning, Store};
use store_core::ports::{ActionContext, ActionInFlight, ActionKind, Clock, Deployer as _, ErrorClass, StopOutcome};
use store_core::store::{AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, StoreId, StoreName};
use store_k8s::{ChartSource, Cluster, ClusterConfig, HelmConfig, HelmDeployer, HelmVersion};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
    clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n\
    users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";

struct NoTime;

#[async_trait::async_trait]
impl Clock for NoTime {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep(&self, _: Duration) {}
}

fn config(helm: &str, state: &Path) -> HelmConfig {
    let mut environment: BTreeMap<OsString, OsString> = BTreeMap::new();
    environment.insert("PATH".into(), std::env::var_os("PATH").unwrap());
    environment.insert("DATABASE_URL".into(), "postgres://u:hunter2@h/d".into());
    environment.insert("AWS_PROFILE".into(), "shops".into());
    HelmConfig {
        binary: PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo says it"))
            .join("tests/fixtures")
            .join(helm),
        state_dir: state.to_owned(),
        chart: ChartSource::Embedded,
        values_files: vec!["values-local.yaml".into()],
        environment,
        passthrough: Vec::new(),
    }
}

async fn cluster(directory: &Path) -> Cluster {
    let file = directory.join("kubeconfig");
    std::fs::write(&file, KUBECONFIG).unwrap();
    let config = ClusterConfig { kubeconfig: Some(file), ..ClusterConfig::default() };
    Cluster::connect(&config, Arc::new(NoTime)).await.unwrap()
}

fn store() -> Store {
    let name = StoreName::parse("shop").unwrap();
    let at = Timestamp::UNIX_EPOCH;
    Store {
        id: StoreId::parse("abcdefghij").unwrap(),
        address: PublicUrlTemplate::parse("http://{name}.localhost").unwrap().address(&name, Engine::Medusa),
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

#[tokio::test]
async fn helm_is_given_what_it_needs_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let cluster = cluster(directory.path()).await;
    let deployer = HelmDeployer::new(cluster, config("helm-recording", &state), Uuid::nil()).await.unwrap();
    let (id, deadline) = (Uuid::from_u128(5), Duration::from_secs(20));
    let context = ActionContext { id, epoch: 1, deadline, start_within: deadline, cancel: CancellationToken::new() };
    deployer.install(&store(), &context).await.unwrap();

    let read = |name: &str| std::fs::read_to_string(state.join(name)).unwrap();
    let chart = state.join("charts").join(deployer.digests().await.unwrap().chart);
    let kubeconfig = directory.path().join("kubeconfig").display().to_string();
    let values = chart.join("values-local.yaml").display().to_string();
    let chart = chart.display().to_string();
    let arguments: Vec<_> = read("arguments").lines().map(str::to_owned).collect();
    let expected = [
        "install",
        "store-abcdefghij",
        &chart,
        "--namespace",
        "store-abcdefghij",
        "--kubeconfig",
        &kubeconfig,
        "--kube-context",
        "c",
        "-f",
        &values,
        "-f",
        "-",
        "--disable-openapi-validation",
        "--timeout",
        "60s",
    ];
    assert_eq!(arguments, expected);
    assert!(read("input").starts_with(r#"{"platform":{"#) && read("input").ends_with("}}\n"));
    let environment = read("environment");
    assert!(!environment.contains("hunter2"), "{environment}");
    for expected in ["AWS_PROFILE=shops", "HELM_NO_PLUGINS=1", &format!("STORE_PLATFORM_ACTION={id}")] {
        assert!(environment.lines().any(|line| line == expected), "{expected} in {environment}");
    }
    assert!(environment.contains(&format!("KUBECONFIG={kubeconfig}")));
}

#[tokio::test]
async fn processes_are_looked_for_only_where_they_can_be_seen() {
    let directory = tempfile::tempdir().unwrap();
    let config = config("helm-recording", &directory.path().join("state"));
    let deployer = HelmDeployer::new(cluster(directory.path()).await, config, Uuid::nil()).await.unwrap();
    let (host, boot_id) = deployer.host();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap().to_str().unwrap().to_owned();
    let inode = namespace.trim_start_matches("pid:[").trim_end_matches(']');
    let elsewhere = host.replace(inode, "1");
    let stop = async |host: &str| {
        let (kind, host, boot_id) = (ActionKind::Install, host.to_owned(), boot_id.clone());
        let action = ActionInFlight { id: Uuid::from_u128(9), kind, epoch: 1, host, boot_id };
        deployer.stop(&action).await.unwrap()
    };
    assert_eq!(stop(&host).await, StopOutcome::Ended);
    assert_ne!(elsewhere, host);
    assert_eq!(stop(&elsewhere).await, StopOutcome::MayStillRun);
}

#[tokio::test]
async fn helm_is_not_started_when_another_may_be_at_it() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state");
    let config = config("helm-recording", &state);
    let deployer = HelmDeployer::new(cluster(directory.path()).await, config, Uuid::nil()).await.unwrap();
    let (deadline, start_within) = (Duration::from_secs(20), Duration::ZERO);
    let context =
        ActionContext { id: Uuid::from_u128(5), epoch: 1, deadline, start_within, cancel: CancellationToken::new() };
    let error = deployer.install(&store(), &context).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert!(!state.join("arguments").exists(), "no Helm ran");
}

#[tokio::test]
async fn helm_is_gone_before_its_deadline() {
    let directory = tempfile::tempdir().unwrap();
    let config = config("helm-stubborn", &directory.path().join("state"));
    let deployer = HelmDeployer::new(cluster(directory.path()).await, config, Uuid::nil()).await.unwrap();
    let (id, deadline) = (Uuid::from_u128(5), Duration::from_secs(6));
    let context = ActionContext { id, epoch: 1, deadline, start_within: deadline, cancel: CancellationToken::new() };
    let begun = Instant::now();
    let error = deployer.uninstall(&store(), &context).await.unwrap_err();
    assert!(begun.elapsed() < deadline, "{:?}", begun.elapsed());
    assert_eq!(error.class(), ErrorClass::Transient);
    assert!(error.to_string().ends_with("Helm did not end within 4 s and was stopped"), "{error}");
}

#[tokio::test]
async fn a_broken_chart_holds_up_neither_uninstall_nor_rollback() {
    let directory = tempfile::tempdir().unwrap();
    let (state, chart) = (directory.path().join("state"), directory.path().join("chart"));
    std::fs::create_dir(&chart).unwrap();
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: tiny\nversion: 1.0.0\n").unwrap();
    let config = HelmConfig {
        chart: ChartSource::Directory(chart.clone()),
        values_files: Vec::new(),
        ..config("helm-recording", &state)
    };
    let deployer = HelmDeployer::new(cluster(directory.path()).await, config, Uuid::nil()).await.unwrap();
    std::fs::remove_dir_all(&chart).unwrap();
    let (id, deadline) = (Uuid::from_u128(5), Duration::from_secs(20));
    let context = ActionContext { id, epoch: 1, deadline, start_within: deadline, cancel: CancellationToken::new() };
    let error = deployer.install(&store(), &context).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
    deployer.rollback(&store(), 1, &context).await.unwrap();
    deployer.uninstall(&store(), &context).await.unwrap();
}

#[rstest]
#[case::missing("helm-nowhere", "no program")]
#[case::too_old("helm-old", "is Helm v3.12.3; allowed: Helm 3 from 3.13 on, or Helm 4")]
#[case::something_else("helm-garbled", "is not a Helm that we know: it said \"I am something else")]
#[case::hanging("helm-hanging", "did not tell its version within 10 s and was ended")]
#[tokio::test]
async fn a_helm_that_cannot_work_is_refused_at_start(#[case] helm: &str, #[case] expected: &str) {
    let directory = tempfile::tempdir().unwrap();
    let config = config(helm, &directory.path().join("state"));
    let error = HelmVersion::detect(&config).await.unwrap_err().to_string();
    assert!(error.starts_with("HELM_BINARY: ") && error.contains(expected), "{error}");
}
