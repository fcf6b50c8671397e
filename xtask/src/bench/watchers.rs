//! Who looks on from outside: at the server's child processes, at the API server's watches, and at the event stream.
//! Each stamps what it sees with one clock, and none of them asks the server more than a dashboard would.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{
    cluster::{
        Cluster,
        processes::{self, Process},
    },
    server::Server,
};

const LOOK: Duration = Duration::from_millis(2);
const WATCHED: &[&str] = &["/apis/apps/v1/statefulsets", "/apis/apps/v1/deployments", "/apis/batch/v1/jobs"];

/// A process of the server's.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    process: Process,
    pub(super) arguments: Vec<String>,
    pub(super) from: Instant,
    pub(super) until: Option<Instant>,
}

/// The server's children, as `/proc` shows them every two milliseconds.
pub(super) struct Children {
    stop: Arc<AtomicBool>,
    looking: Option<thread::JoinHandle<Vec<Seen>>>,
}

impl Children {
    /// Starts looking.
    pub(super) fn of(server: Server) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let looking = thread::spawn(move || {
            let mut seen: Vec<Seen> = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                look(server.process.pid, &mut seen);
                thread::sleep(LOOK);
            }
            seen
        });
        Self { stop, looking: Some(looking) }
    }

    /// Stops looking; gives what was seen.
    pub(super) fn finish(mut self) -> Vec<Seen> {
        self.stop.store(true, Ordering::Relaxed);
        self.looking.take().and_then(|looking| looking.join().ok()).unwrap_or_default()
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn look(parent: i32, seen: &mut Vec<Seen>) {
    let now = Instant::now();
    for entry in seen.iter_mut().filter(|entry| entry.until.is_none()) {
        if entry.process.is_alive() {
            // Between fork and exec a child still has its parent's arguments; once it has ended it has none.
            let arguments = processes::arguments(entry.process.pid);
            if !arguments.is_empty() {
                entry.arguments = arguments;
            }
        } else {
            entry.until = Some(now);
        }
    }
    for process in processes::children(parent).into_iter().filter_map(Process::find) {
        if !seen.iter().any(|entry| entry.process == process) {
            let arguments = processes::arguments(process.pid);
            seen.push(Seen { process, arguments, from: now, until: None });
        }
    }
}

/// When each of a namespace's workloads became ready.
#[derive(Debug, Clone)]
pub(super) struct Change {
    namespace: String,
    object: String,
    is_ready: bool,
    at: Instant,
}

/// The API server's watches on all that a store waits for.
pub(super) struct Workloads {
    watching: Vec<Child>,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl Workloads {
    /// Starts watching all namespaces.
    pub(super) fn of(cluster: &Cluster) -> Result<Self> {
        let changes = Arc::new(Mutex::new(Vec::new()));
        let mut watching = Vec::new();
        for path in WATCHED {
            let mut kubectl = cluster.kubectl();
            kubectl.args(["get", "--raw", &format!("{path}?watch=true")]);
            let mut child =
                kubectl.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot run kubectl")?;
            let output = child.stdout.take().context("kubectl without an output")?;
            let changes = Arc::clone(&changes);
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let change = serde_json::from_str(&line).ok().and_then(|event: Value| change(&event));
                    changes.lock().unwrap_or_else(PoisonError::into_inner).extend(change);
                }
            });
            watching.push(child);
        }
        Ok(Self { watching, changes })
    }

    /// When the last of them became ready, of those of the namespace, before `end`: setup job and workloads.
    pub(super) fn ready(&self, namespace: &str, end: Instant) -> Option<Instant> {
        let changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        last_ready(changes.iter().filter(|change| change.namespace == namespace && change.at <= end))
    }
}

impl Drop for Workloads {
    fn drop(&mut self) {
        for child in &mut self.watching {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn change(event: &Value) -> Option<Change> {
    let object = &event["object"];
    let name = |key: &str| object["metadata"][key].as_str();
    Some(Change {
        namespace: name("namespace")?.to_owned(),
        object: format!("{} {}", object["kind"].as_str()?, name("name")?),
        is_ready: is_ready(object),
        at: Instant::now(),
    })
}

fn is_ready(object: &Value) -> bool {
    let status = &object["status"];
    if object["kind"] == "Job" {
        let conditions = status["conditions"].as_array();
        return conditions.is_some_and(|all| all.iter().any(|c| c["type"] == "Complete" && c["status"] == "True"));
    }
    let count = |value: &Value| value.as_i64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    count(&status["observedGeneration"]) >= count(&object["metadata"]["generation"])
        && count(&status["readyReplicas"]) >= wanted
        && count(&status["updatedReplicas"]) >= wanted
}

/// The latest moment at which an object turned ready, if all of them are.
fn last_ready<'a>(changes: impl Iterator<Item = &'a Change>) -> Option<Instant> {
    let mut since: Vec<(&str, Option<Instant>)> = Vec::new();
    for change in changes {
        let place = since.iter().position(|(object, _)| *object == change.object).unwrap_or_else(|| {
            since.push((&change.object, None));
            since.len() - 1
        });
        let turned = &mut since[place].1;
        *turned = change.is_ready.then(|| turned.unwrap_or(change.at));
    }
    let moments: Option<Vec<Instant>> = since.into_iter().map(|(_, at)| at).collect();
    moments?.into_iter().max()
}

/// The server's event stream.
pub(super) struct Stream {
    lines: BufReader<Box<dyn std::io::Read>>,
}

impl Stream {
    /// Begins with what happens from now on.
    pub(super) fn of(server: Server) -> Result<Self> {
        Ok(Self { lines: BufReader::new(server.api().events()?) })
    }

    /// Waits until the store is READY; gives the moment.
    pub(super) fn until_ready(&mut self, id: &str, limit: Duration) -> Result<Instant> {
        let end = Instant::now() + limit;
        let mut line = String::new();
        while Instant::now() < end {
            line.clear();
            if self.lines.read_line(&mut line)? == 0 {
                anyhow::bail!("the event stream ended");
            }
            let Some(data) = line.strip_prefix("data:") else { continue };
            let event: Value = serde_json::from_str(data.trim()).context("an event that is not JSON")?;
            if event["store_id"] != id {
                continue;
            }
            match event["kind"].as_str() {
                Some("ready") => return Ok(Instant::now()),
                Some("failed") => anyhow::bail!("the store failed: {}", event["message"].as_str().unwrap_or_default()),
                _ => {}
            }
        }
        anyhow::bail!("the store is not READY after {} s", limit.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_current_and_whole_is_ready() {
        let deployment = |observed: i64, ready: i64| {
            json!({
                "kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 1},
                "status": {"observedGeneration": observed, "readyReplicas": ready, "updatedReplicas": 1},
            })
        };
        assert!(is_ready(&deployment(2, 1)));
        assert!(!is_ready(&deployment(1, 1)));
        assert!(!is_ready(&deployment(2, 0)));
        let job =
            |condition: &str| json!({"kind": "Job", "status": {"conditions": [{"type": condition, "status": "True"}]}});
        assert!(is_ready(&job("Complete")));
        assert!(!is_ready(&job("Failed")));
    }

    #[test]
    fn the_last_one_to_turn_ready_counts_and_a_relapse_starts_anew() {
        let start = Instant::now();
        let change = |object: &str, is_ready: bool, ms: u64| Change {
            namespace: "n".into(),
            object: object.into(),
            is_ready,
            at: start + Duration::from_millis(ms),
        };
        let seen = [
            change("a", true, 1),
            change("b", false, 2),
            change("a", true, 3),
            change("b", true, 4),
            change("b", true, 9),
        ];
        assert_eq!(last_ready(seen.iter()), Some(start + Duration::from_millis(4)));
        let relapse = [change("a", true, 1), change("a", false, 2), change("a", true, 5)];
        assert_eq!(last_ready(relapse.iter()), Some(start + Duration::from_millis(5)));
        assert_eq!(last_ready([change("a", false, 1)].iter()), None);
        assert_eq!(last_ready([].iter()), None);
    }
}
