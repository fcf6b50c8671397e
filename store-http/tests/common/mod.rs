//! The API in this process, on a simulated cluster and a repository in memory.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

pub mod broken;
pub mod document;
pub mod stream;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use store_core::StoreService;
use store_core::ports::{Clock, HealthProbe, StoreRepository};
use store_core::reconcile::{Reconciler, ReconcilerSettings, Scope};
use store_core::service::{ServiceParts, ServiceSettings};
use store_core::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate};
use store_core::testing::{FakeCluster, MemoryRepository, SeededEntropy, TestClock, Timings};
use store_http::tokens::{self, NewToken, TokenRole, TokensFile};
use store_http::{App, Facts, HostRule, ReconcilerRole};
use store_platform::configuration::AllowedHost;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub const PASSWORD: &str = "canary-password-1";
const TEMPLATE: &str = "http://{name}.localhost";

/// The API, and the world behind it.
pub struct Api {
    pub router: Router,
    pub service: StoreService,
    pub cluster: FakeCluster,
    pub role: watch::Sender<ReconcilerRole>,
    pub stop: CancellationToken,
}

/// An answer that has been read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Api {
    pub fn new() -> Self {
        Self::on(Arc::new(MemoryRepository::new(Arc::new(TestClock::new()))))
    }

    pub fn on(repository: Arc<dyn StoreRepository>) -> Self {
        Self::changed(repository, |app| app)
    }

    /// With an application that differs.
    pub fn changed(repository: Arc<dyn StoreRepository>, change: impl FnOnce(App) -> App) -> Self {
        Self::with(service(repository), change)
    }

    /// With a cluster of which this is seen.
    pub fn seeing(repository: Arc<dyn StoreRepository>, probe: Arc<dyn HealthProbe>) -> Self {
        Self::with(service_seeing(repository, |_| probe), |app| app)
    }

    fn with((service, cluster): (StoreService, FakeCluster), change: impl FnOnce(App) -> App) -> Self {
        let (role, roles) = watch::channel(ReconcilerRole::Working);
        let stop = CancellationToken::new();
        let allowed = [AllowedHost::parse("*.shops.example").expect("a host")];
        let hosts = HostRule::new("127.0.0.1:5000".parse().expect("an address"), &allowed);
        let template = PublicUrlTemplate::parse(TEMPLATE).expect("a template");
        let app = App::new(service.clone(), roles, stop.clone()).with_facts(Facts::new("localhost", &template));
        Self { router: change(app).into_router(hosts), service, cluster, role, stop }
    }

    pub fn start(&self) -> Reconciler {
        self.service.start(Scope::All)
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router never fails");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(request("DELETE", path).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: impl ToString) -> Answer {
        self.send(with_json("POST", path, &body)).await
    }

    /// Creates a store and returns its id.
    pub async fn create(&self, name: &str) -> String {
        let answer = self.post("/api/v1/stores", wanted(name)).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text);
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Waits until the store has this status.
    pub async fn until(&self, id: &str, status: &str) -> Value {
        for _ in 0..10_000 {
            let store = self.get(&format!("/api/v1/stores/{id}")).await.json();
            if store["status"] == status {
                return store;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the store never became {status}");
    }
}

/// An API that asks for tokens, and two of them.
pub struct Guarded {
    pub api: Api,
    pub admin: String,
    pub viewer: String,
    pub tokens: TokensFile,
    pub file: PathBuf,
    _directory: TempDir,
}

impl Guarded {
    pub fn new() -> Self {
        Self::on(Arc::new(MemoryRepository::new(Arc::new(TestClock::new()))))
    }

    pub fn on(repository: Arc<dyn StoreRepository>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("tokens.yaml");
        let make = |name: &str, role, seed| {
            let made = NewToken::make(name.parse().expect("a name"), role, &SeededEntropy::new(seed));
            tokens::add(&file, &made.entry).expect("added");
            made.token.to_string()
        };
        let (admin, viewer) = (make("boss", TokenRole::Admin, 1), make("guest", TokenRole::Viewer, 2));
        let tokens = TokensFile::open(file.clone()).expect("tokens");
        let api = Api::changed(repository, |app| app.with_tokens(tokens.clone()));
        Self { api, admin, viewer, tokens, file, _directory: directory }
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().expect("text")
    }

    /// The problem, after checking what every problem must have.
    pub fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["type"].as_str().is_some_and(|kind| kind.starts_with("urn:store-platform:problem:")));
        assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()));
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        assert_eq!(problem["message"], problem["detail"]);
        assert!(problem["instance"].as_str().is_some_and(|path| path.starts_with('/')));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(!self.text.contains(PASSWORD), "{}", self.text);
        problem
    }

    /// The names of the fields that a problem complains about.
    pub fn fields(&self) -> Vec<String> {
        let problem = self.json();
        let errors = problem["errors"].as_array().expect("errors").clone();
        errors.iter().map(|error| error["field"].as_str().expect("a field").to_owned()).collect()
    }
}

/// A service on this repository and a simulated cluster, as one process has it.
pub fn service(repository: Arc<dyn StoreRepository>) -> (StoreService, FakeCluster) {
    service_seeing(repository, |cluster| Arc::new(cluster.clone()))
}

fn service_seeing(
    repository: Arc<dyn StoreRepository>,
    see: impl FnOnce(&FakeCluster) -> Arc<dyn HealthProbe>,
) -> (StoreService, FakeCluster) {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
    let cluster = FakeCluster::new(Arc::clone(&clock), Timings::default());
    let parts = ServiceParts {
        repository,
        deployer: Arc::new(cluster.clone()),
        probe: see(&cluster),
        clock,
        // Each process has random numbers of its own.
        entropy: Arc::new(SeededEntropy::new(PROCESSES.fetch_add(1, Ordering::SeqCst))),
        cipher: CredentialsCipher::new(CredentialsKey::new([3; 32]), Vec::new()),
    };
    let template = PublicUrlTemplate::parse(TEMPLATE).expect("a template");
    (StoreService::new(parts, ServiceSettings::new(template, ReconcilerSettings::new("test"))), cluster)
}

static PROCESSES: AtomicU64 = AtomicU64::new(1);

pub fn request(method: &str, path: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(path).header(header::HOST, "localhost:5000")
}

pub fn with_json(method: &str, path: &str, body: &impl ToString) -> Request<Body> {
    let request = request(method, path).header(header::CONTENT_TYPE, "application/json");
    request.body(Body::from(body.to_string())).expect("a request")
}

/// A whole request for a store.
pub fn wanted(name: &str) -> Value {
    json!({
        "name": name,
        "engine": "medusa",
        "admin_username": "storeadmin",
        "admin_email": "admin@mystore.com",
        "admin_password": PASSWORD,
    })
}

/// The same with one member set, or taken out by null.
pub fn wanted_with(member: &str, value: impl Into<Value>) -> Value {
    let mut body = wanted("mystore");
    let value = value.into();
    let members = body.as_object_mut().expect("an object");
    if value.is_null() {
        members.remove(member);
    } else {
        members.insert(member.to_owned(), value);
    }
    body
}
