//! A cluster that goes away and comes back, seen through a gate in front of its API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::config::Kubeconfig;
use store_core::ports::{ActionKind, Deployer as _, ErrorClass, Freshness, HealthProbe as _, NamespaceSeen};
use store_k8s::KubeProbe;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::support::{Bench, Chart, Helm, context, kubeconfig, on_bench_with};

const OPEN: u8 = 0;
const SHUT: u8 = 1;
const SILENT: u8 = 2;
const STALLED: u8 = 3;

/// Forwards connections while it is open; cuts them all when it is shut; swallows them when it is silent. Once stalled,
/// it holds those that there are without a word, and forwards new ones.
struct Gate {
    state: AtomicU8,
    changed: Notify,
}

impl Gate {
    fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    async fn open_before(server: String) -> (Arc<Self>, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let gate = Arc::new(Self { state: AtomicU8::new(OPEN), changed: Notify::new() });
        let shared = gate.clone();
        tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                tokio::spawn(shared.clone().pass(incoming, server.clone()));
            }
        });
        (gate, port)
    }

    async fn pass(self: Arc<Self>, mut incoming: TcpStream, server: String) {
        let changed = self.changed.notified();
        match self.state.load(Ordering::SeqCst) {
            OPEN | STALLED => {
                let mut outgoing = TcpStream::connect(server).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut incoming, &mut outgoing) => {}
                    () = changed => if self.state.load(Ordering::SeqCst) == STALLED {
                        std::future::pending::<()>().await;
                    }
                }
            }
            SILENT => changed.await,
            _ => {}
        }
    }
}

/// The adapter's kubeconfig, by way of a gate.
async fn gated(directory: &std::path::Path) -> (Arc<Gate>, std::path::PathBuf) {
    let text = std::fs::read_to_string(kubeconfig()).unwrap();
    let config = Kubeconfig::from_yaml(&text).unwrap();
    let server = config.clusters[0].cluster.as_ref().unwrap().server.clone().unwrap();
    let address = server.strip_prefix("https://").unwrap().to_owned();
    let (gate, port) = Gate::open_before(address).await;
    let file = directory.join("kubeconfig");
    std::fs::write(&file, text.replace(&server, &format!("https://127.0.0.1:{port}"))).unwrap();
    (gate, file)
}

async fn until_cached(bench: &Bench, visible: bool) -> Duration {
    let begun = Instant::now();
    while bench.probe.observe(&bench.store, Freshness::Cached).await.is_ok() != visible {
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    begun.elapsed()
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_cluster_that_goes_away_is_noticed_and_caught_up_with() {
    let directory = tempfile::tempdir().unwrap();
    let (gate, file) = gated(directory.path()).await;
    on_bench_with(file, Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        bench.wait("the namespace", 20, |seen| matches!(seen.namespace, NamespaceSeen::Active { .. })).await;
        let mut changes = bench.probe.changes();

        gate.set(SHUT);
        println!("out of sight after {:?}", until_cached(bench, false).await);
        let error = bench.probe.cluster().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient);
        let error = bench.install().await.unwrap_err();
        println!("{error}");
        assert_eq!(error.class(), ErrorClass::Transient);
        // While nobody looks, the namespace goes.
        bench.delete_namespace_directly().await;

        gate.set(OPEN);
        println!("in sight after {:?}", until_cached(bench, true).await);
        assert_eq!(changes.next().await, Some(bench.store.id.clone()));
        bench.wait("no namespace", 60, |seen| seen.namespace == NamespaceSeen::Absent).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn an_api_server_that_never_answers_meets_our_deadlines() {
    let directory = tempfile::tempdir().unwrap();
    let (gate, file) = gated(directory.path()).await;
    gate.set(SILENT);
    on_bench_with(file, Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        let begun = Instant::now();
        let mut given = context(ActionKind::Install);
        given.deadline = Duration::from_secs(3);
        let (namespace, release, cluster) = tokio::join!(
            bench.deployer.ensure_namespace(&bench.store, &given),
            bench.deployer.install(&bench.store, &given),
            bench.probe.cluster(),
        );
        for error in [namespace.unwrap_err(), release.unwrap_err(), cluster.unwrap_err()] {
            println!("{error}");
            assert_eq!(error.class(), ErrorClass::Transient);
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        gate.set(OPEN);
        bench.prepare().await;
        bench.wait("the namespace", 60, |seen| matches!(seen.namespace, NamespaceSeen::Active { .. })).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_watch_that_is_stalled_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let (gate, file) = gated(directory.path()).await;
    on_bench_with(file, Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let probe = KubeProbe::start_with(bench.cluster.clone(), bench.installation, Duration::from_secs(3));
        let mut changes = probe.changes();
        assert_eq!(changes.next().await, Some(bench.store.id.clone()));
        gate.set(STALLED);
        bench.delete_namespace_directly().await;
        let begun = Instant::now();
        while probe.observe(&bench.store, Freshness::Cached).await.unwrap().namespace != NamespaceSeen::Absent {
            tokio::time::timeout(Duration::from_mins(1), changes.next()).await.unwrap();
        }
        println!("noticed after {:?}", begun.elapsed());
    })
    .await;
}
