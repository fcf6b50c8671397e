//! What the tests of several servers share: a cluster, a database, a key, and servers that are alike.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::{Server, SimulatedCluster, text};
use private_postgres::Postgres;
use serde_json::Value;

/// How long a server's claim on a store lasts unless it renews it.
pub(crate) const LEASE: Duration = Duration::from_secs(15);

/// Where several servers work together.
pub(crate) struct Several {
    pub(crate) cluster: SimulatedCluster,
    pub(crate) database: Postgres,
    directory: tempfile::TempDir,
}

impl Several {
    /// A fresh cluster under this name, and an empty database.
    pub(crate) fn new(name: &str) -> Self {
        let directory = tempfile::tempdir().expect("a folder");
        let key = directory.path().join("credentials-key");
        std::fs::write(&key, "ab".repeat(32)).expect("a key");
        std::fs::set_permissions(&key, Permissions::from_mode(0o600)).expect("a mode");
        Self { cluster: SimulatedCluster::start(name), database: Postgres::start().expect("a database"), directory }
    }

    /// Starts a server with a folder of its own.
    pub(crate) async fn server(&self, name: &str, changes: &[(&str, &str)]) -> Server {
        let folder = self.folder(name);
        let (url, key) = (self.database.url(), self.directory.path().join("credentials-key").display().to_string());
        let shared = [("DATABASE_URL", url.as_str()), ("CREDENTIALS_KEY_FILE", key.as_str())];
        let changes: Vec<_> = shared.into_iter().chain(changes.iter().copied()).collect();
        self.cluster.server(&folder, &changes).await
    }

    /// A Helm that takes long enough to be met while it installs.
    pub(crate) fn slow_helm(&self) -> String {
        self.cluster.lab.slow_helm(self.directory.path())
    }

    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.directory.path().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// The store is READY after its first attempt, and its release was installed once.
    pub(crate) fn is_whole(&self, store: &Value) {
        assert_eq!((&store["status"], &store["attempt"]), (&"READY".into(), &1.into()), "{store:#}");
        let release = text(&store["helm_release"]);
        assert_eq!(self.cluster.lab.kubectl().revisions(&release), [format!("sh.helm.release.v1.{release}.v1")]);
    }
}

/// Which of the servers runs a Helm for this store, once one does.
pub(crate) async fn worker(servers: &[&Server], id: &str) -> usize {
    let began = Instant::now();
    loop {
        let parents: Vec<u32> = helms(id).into_iter().filter_map(parent).collect();
        if let Some(place) = servers.iter().position(|server| parents.contains(&server.pid())) {
            return place;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "no Helm was seen for {id}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The Helms that work on this store; those that have ended have no arguments any more.
pub(crate) fn helms(id: &str) -> Vec<u32> {
    let release = format!("store-{id}");
    let works_on_it = |pid: &u32| {
        let line = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split('\0').next().is_some_and(|program| program.contains("helm")) && line.contains(&release)
    };
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(works_on_it).collect()
}

/// The parent of a process (proc(5)): the second field after the name, which may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Waits until no Helm works on this store; says how long that took.
pub(crate) async fn until_no_helm(id: &str, deadline: Duration) -> Duration {
    let began = Instant::now();
    e2e::until("no Helm works on the store", deadline, || async {
        let left = helms(id);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    began.elapsed()
}
