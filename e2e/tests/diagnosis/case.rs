//! One case: its server, what it made in the cluster, and what it found out. Whatever happens, all that it made goes,
//! and it is reported as wrong unless it says that it is right.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use e2e::{Api, Kubectl, Lab, Server, SmallChart, until};
use jiff::Timestamp;
use serde_json::{Value, json};
use store_core::lifecycle::FailureCode;
use tempfile::TempDir;

/// Beyond its grace period, a failure must be told within this.
const PROMPT: Duration = Duration::from_secs(5);
/// What needs nothing but the cluster's own time happens within this, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_mins(2);
/// The slowest failure has a grace period of three minutes.
const PATIENCE: Duration = Duration::from_mins(5);
/// Where cases report: a line of JSON each.
const REPORT: &str = "STORE_TEST_REPORT";

/// Begins the case of the test that it is called in: a fault, or a control that must not fail.
macro_rules! case {
    ($kind:ident) => {{
        fn here() {}
        $crate::case::Case::begin(std::any::type_name_of_val(&here), $crate::case::Kind::$kind)
    }};
}

/// What a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Something is wrong, and is told.
    Fault,
    /// Nothing is wrong in the end, and nothing is told.
    Control,
}

/// A running case.
pub(crate) struct Case {
    pub(crate) lab: Lab,
    pub(crate) kubectl: Kubectl,
    pub(crate) dir: TempDir,
    name: String,
    kind: Kind,
    server: Option<Server>,
    namespaces: Vec<String>,
    undo: Vec<Undo>,
    measured: Vec<Measured>,
    is_right: bool,
}

/// Takes back what a case did to the cluster.
type Undo = Box<dyn FnOnce(&Kubectl) + Send>;

/// How soon something was told.
#[derive(Debug, Clone)]
struct Measured {
    what: String,
    took: f64,
    allowed: f64,
}

/// The store of a case.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(crate) api: Api,
    pub(crate) id: String,
    pub(crate) namespace: String,
}

impl Case {
    /// Begins the case of the test of this path.
    pub(crate) fn begin(path: &str, kind: Kind) -> Self {
        let path = path.trim_end_matches("::here").trim_end_matches("::{{closure}}");
        let name = path.rsplit("::").next().unwrap_or(path).to_owned();
        let lab = Lab::of_servers();
        Self {
            kubectl: lab.kubectl(),
            lab,
            dir: tempfile::tempdir().expect("a folder"),
            name,
            kind,
            server: None,
            namespaces: Vec::new(),
            undo: Vec::new(),
            measured: Vec::new(),
            is_right: false,
        }
    }

    /// Starts the case's server with this chart.
    pub(crate) async fn serve(&mut self, chart: &SmallChart, changes: &[(&str, &str)]) -> Api {
        let chart = chart.write(self.dir.path());
        self.serve_chart(&chart, changes).await
    }

    /// Starts the case's server with the chart at this path. It has no values for any environment.
    pub(crate) async fn serve_chart(&mut self, chart: &Path, changes: &[(&str, &str)]) -> Api {
        let chart = chart.display().to_string();
        let own = [("HELM_CHART_PATH", chart.as_str()), ("HELM_ENV_VALUES_FILE", "")];
        let changes: Vec<_> = own.into_iter().chain(changes.iter().copied()).collect();
        let server = Server::start(&self.lab, self.dir.path(), &changes).await;
        self.server.insert(server).api()
    }

    /// Starts a server with this chart and asks it for a store.
    pub(crate) async fn store(&mut self, word: &str, chart: &SmallChart) -> Store {
        let api = self.serve(chart, &[]).await;
        self.create(&api, word).await
    }

    /// Asks for a Medusa store whose name begins with this word.
    pub(crate) async fn create(&mut self, api: &Api, word: &str) -> Store {
        self.create_of(api, word, "medusa").await
    }

    /// Asks for a store of an engine whose name begins with this word.
    pub(crate) async fn create_of(&mut self, api: &Api, word: &str, engine: &str) -> Store {
        let id = api.create_of(&e2e::own_name(word), engine).await;
        self.took_on(api, &id)
    }

    /// Counts a store as made by this case.
    pub(crate) fn took_on(&mut self, api: &Api, id: &str) -> Store {
        let namespace = format!("store-{id}");
        self.namespaces.push(namespace.clone());
        Store { api: api.clone(), id: id.to_owned(), namespace }
    }

    /// Does something when the case is over, however it ends: the latest first, and before its namespaces go.
    pub(crate) fn finally(&mut self, undo: impl FnOnce(&Kubectl) + Send + 'static) {
        self.undo.push(Box::new(undo));
    }

    fn finally_delete(&mut self, kind: &'static str, name: &str) {
        let name = name.to_owned();
        self.finally(move |kubectl| drop(kubectl.attempt(&["delete", kind, &name, "--ignore-not-found"])));
    }

    /// Makes an object that belongs to the whole cluster, until the case is over.
    pub(crate) fn make(&mut self, kind: &'static str, object: &Value) {
        let mut object = object.clone();
        // By this, the runner finds what a case that was killed could not remove.
        object["metadata"]["labels"] = json!({ "store-platform/test": "diagnosis" });
        self.finally_delete(kind, &e2e::text(&object["metadata"]["name"]));
        self.apply(&object);
    }

    /// Applies an object.
    pub(crate) fn apply(&self, object: &Value) {
        let file = self.dir.path().join("applied.json");
        std::fs::write(&file, object.to_string()).expect("the file can be written");
        self.kubectl.run(&["apply", "-f", &file.display().to_string()]);
    }

    /// A failure of this code was told at `told`; Kubernetes first showed it at `shown`.
    pub(crate) fn detected(&mut self, code: &str, shown: Timestamp, told: Timestamp) {
        self.detected_when_due(code, shown, shown + grace(code), told);
    }

    /// As [`detected`](Self::detected), of a failure that must happen several times: it was due when its grace period
    /// was over and it had happened as often as its code asks.
    pub(crate) fn detected_after(&mut self, code: &str, shown: Timestamp, repeated: Timestamp, told: Timestamp) {
        self.detected_when_due(code, shown, repeated.max(shown + grace(code)), told);
    }

    /// Something was told at `told` that was first shown at `shown` and was due at `due`: it may not be much later. That
    /// nothing is told too soon, the controls show.
    pub(crate) fn detected_when_due(&mut self, what: &str, shown: Timestamp, due: Timestamp, told: Timestamp) {
        let took = told.duration_since(shown).as_secs_f64();
        let allowed = (due + PROMPT).duration_since(shown).as_secs_f64();
        self.measured.push(Measured { what: what.to_owned(), took, allowed });
        assert!(took <= allowed, "{what} was told {took:.1} s after it was shown, {allowed:.1} s are allowed");
    }

    /// Everything was as it should be.
    pub(crate) fn ends_right(mut self) {
        self.is_right = true;
    }

    fn report(&self) {
        let worst = self.measured.iter().max_by(|one, other| one.took.total_cmp(&other.took));
        let line = json!({
            "case": self.name,
            "control": self.kind == Kind::Control,
            "right": self.is_right && !std::thread::panicking(),
            "what": worst.map(|measured| &measured.what),
            "detection_s": worst.map(|measured| measured.took),
            "allowed_s": worst.map(|measured| measured.allowed),
        });
        let Some(path) = std::env::var_os(REPORT) else { return eprintln!("{line}") };
        let file = OpenOptions::new().create(true).append(true).open(path);
        // One write: other cases report into the same file.
        if let Err(error) = file.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes())) {
            eprintln!("the case could not be reported: {error}");
        }
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let output = self.server.as_ref().map(Server::output).unwrap_or_default();
            // Somebody who waits for something asks again and again.
            let is_told = |line: &&str| !line.contains("middleware::finish");
            eprintln!("{}", output.lines().filter(is_told).collect::<Vec<_>>().join("\n"));
        }
        // Without it, nobody makes again what is removed here.
        self.server = None;
        while let Some(undo) = self.undo.pop() {
            undo(&self.kubectl);
        }
        for namespace in &self.namespaces {
            let _ = self.kubectl.attempt(&["delete", "namespace", namespace, "--ignore-not-found", "--wait=false"]);
        }
        self.report();
    }
}

impl Store {
    /// The store as it is.
    pub(crate) async fn read(&self) -> Value {
        self.api.store(&self.id).await
    }

    /// Waits until it is FAILED.
    pub(crate) async fn failed(&self) -> Value {
        until(&format!("store {} fails", self.id), PATIENCE, || async {
            let store = self.read().await;
            assert_ne!(store["status"], "READY", "it did not fail: {store:#}");
            if store["status"] == "FAILED" { Ok(store) } else { Err(format!("{store:#}")) }
        })
        .await
    }

    /// Waits until it is READY, which it becomes without failing.
    pub(crate) async fn ready(&self) -> Value {
        self.api.until_status(&self.id, "READY").await
    }

    /// Waits until it is READY, and looks back: nothing went wrong on the way.
    pub(crate) async fn ready_at_once(&self) {
        assert_eq!(self.ready().await["attempt"], 1);
        let history = self.history().await;
        let is_trouble = |event: &&Value| ["failed", "retry_requested"].iter().any(|kind| event["kind"] == *kind);
        assert_eq!(history.iter().find(is_trouble), None, "{history:#?}");
    }

    /// Waits until the store shows this; returns the store, and when it first did.
    pub(crate) async fn shows(&self, what: &str, is: impl Fn(&Value) -> bool) -> (Value, Timestamp) {
        until(&format!("store {} shows {what}", self.id), SOON, || async {
            let store = self.read().await;
            if is(&store) { Ok((store, e2e::now())) } else { Err(format!("{store:#}")) }
        })
        .await
    }

    /// Waits until it is READY and degraded; returns the store, and when it first was.
    pub(crate) async fn degraded(&self) -> (Value, Timestamp) {
        self.shows("that it is degraded", |store| store["condition"] == "degraded").await
    }

    /// Waits until it is DELETED, and nothing of it is left.
    pub(crate) async fn deleted(&self, kubectl: &Kubectl) -> Value {
        let gone = self.api.until_status(&self.id, "DELETED").await;
        kubectl.until_nothing_is_left(&self.namespace).await;
        gone
    }

    /// Its history.
    pub(crate) async fn history(&self) -> Vec<Value> {
        let history = self.api.get(&format!("/stores/{}/events?limit=1000", self.id)).await;
        history["events"].as_array().cloned().unwrap_or_default()
    }

    /// When the last event of this kind was written, whose message contains this.
    pub(crate) async fn told(&self, kind: &str, message: &str) -> Timestamp {
        let history = self.history().await;
        let is = |event: &&Value| event["kind"] == kind && e2e::text(&event["message"]).contains(message);
        let event = history.iter().rev().find(is);
        let event = event.unwrap_or_else(|| panic!("no event {kind} with {message:?}: {history:#?}"));
        e2e::text(&event["at"]).parse().expect("an event has a time")
    }

    /// The path of a kind of its objects in the Kubernetes API.
    pub(crate) fn path(&self, of: &str) -> String {
        let group = match of {
            "deployments" | "statefulsets" => "/apis/apps/v1",
            "jobs" => "/apis/batch/v1",
            "namespaces" => return format!("/api/v1/namespaces?fieldSelector=metadata.name%3D{}", self.namespace),
            _ => "/api/v1",
        };
        format!("{group}/namespaces/{}/{of}", self.namespace)
    }

    /// The name of the setup job of this attempt.
    pub(crate) fn setup_job(&self, attempt: u32) -> String {
        match attempt {
            1 => format!("{}-setup-job", self.id),
            later => format!("{}-setup-job-{later}", self.id),
        }
    }
}

/// How long a failure must be seen, as the product itself says.
pub(crate) fn grace(code: &str) -> Duration {
    let known: Result<FailureCode, _> = serde_json::from_value(json!(code));
    known.unwrap_or_else(|error| panic!("the product knows no {code}: {error}")).grace()
}

/// How often a failure must be seen, as the product itself says.
pub(crate) fn least_times(code: &str) -> u64 {
    let known: Result<FailureCode, _> = serde_json::from_value(json!(code));
    known.unwrap_or_else(|error| panic!("the product knows no {code}: {error}")).least_times().into()
}
