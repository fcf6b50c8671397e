//! The platform on a real PostgreSQL: any number of processes work on it, all with the same credentials key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use private_postgres::Postgres;
use store_core::reconcile::Scope;
use store_platform::{Access, Configuration, EnvFile, OpenError, Platform, Sources, Start};

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n\
    clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n\
    contexts: [{name: nowhere, context: {cluster: c, user: u}}]\n";

struct Place {
    directory: tempfile::TempDir,
    server: Postgres,
}

impl Place {
    fn new() -> Self {
        let place =
            Self { directory: tempfile::tempdir().expect("a directory"), server: Postgres::start().expect("a server") };
        place.write("helm", "#!/bin/sh\necho v4.3.1\n", 0o755);
        place.write("kubeconfig", KUBECONFIG, 0o600);
        place
    }

    fn write(&self, name: &str, content: &str, mode: u32) {
        let path = self.directory.path().join(name);
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Opens the platform with the key file of this name.
    async fn open(&self, access: Access, key: Option<&str>) -> Result<Platform, OpenError> {
        let path = |name: &str| OsString::from(self.directory.path().join(name));
        let mut environment: BTreeMap<OsString, OsString> = [
            ("KUBECONFIG".into(), path("kubeconfig")),
            ("HELM_BINARY".into(), path("helm")),
            ("STATE_DIR".into(), path("state")),
            ("PATH".into(), "/usr/bin:/bin".into()),
            ("DATABASE_URL".into(), self.server.url().into()),
        ]
        .into();
        environment.extend(key.map(|key| ("CREDENTIALS_KEY_FILE".into(), path(key))));
        let directory = self.directory.path().to_owned();
        let sources = Sources { flags: BTreeMap::new(), environment, env_file: EnvFile::None, directory };
        Platform::open(&Configuration::load(sources).expect("it is right"), access).await
    }

    async fn refusal(&self, access: Access, key: Option<&str>) -> String {
        let Err(error) = self.open(access, key).await else { panic!("it is refused") };
        error.to_string()
    }
}

fn keys(names: &[&str]) -> String {
    names.iter().map(|name| name.repeat(32) + "\n").collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn several_work_on_it_at_once() {
    let place = Place::new();
    place.write("key", &keys(&["ab"]), 0o600);
    let one = place.open(Access::Work, Some("key")).await.expect("opened");
    let other = place.open(Access::Work, Some("key")).await.expect("opened");
    let facts = one.facts().join("\n");
    assert!(facts.contains("database postgres://postgres@127.0.0.1:") && !facts.contains("only"), "{facts}");
    let Ok(Start::Working(first)) = one.start(Scope::All) else { panic!("it works") };
    let Ok(Start::Working(second)) = other.start(Scope::All) else { panic!("both work") };
    for work in [first, second] {
        assert!(work.shutdown(Duration::from_secs(5)).await);
    }
    let reader = place.open(Access::Read, None).await.expect("opened");
    reader.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn all_have_the_same_key_and_it_can_be_rotated() {
    let place = Place::new();
    for (name, content) in [("old", &["ab"][..]), ("both", &["ab", "cd"]), ("rotated", &["cd", "ab"]), ("new", &["cd"])]
    {
        place.write(name, &keys(content), 0o600);
    }
    let nothing = place.refusal(Access::Read, None).await;
    assert!(nothing.contains("there is nothing yet in postgres://postgres@127.0.0.1:"), "{nothing}");
    let unnamed = place.refusal(Access::Work, None).await;
    assert!(unnamed.contains("CREDENTIALS_KEY_FILE is not set") && unnamed.contains("openssl rand"), "{unnamed}");

    place.open(Access::Work, Some("old")).await.expect("the first one decides");
    let other = place.refusal(Access::Work, Some("new")).await;
    assert!(other.contains("are not those of the other processes") && !other.contains("cdcd"), "{other}");
    for next in ["both", "rotated", "new"] {
        place.open(Access::Work, Some(next)).await.unwrap_or_else(|error| panic!("{next}: {error}"));
    }
    place.refusal(Access::Work, Some("old")).await;
}
