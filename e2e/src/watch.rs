//! When the cluster itself showed something: a watch of one kind of objects by a process of its own, whose every line is
//! stamped as it arrives.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::{Lab, until};

/// A watch that begins with what is there and ends that part with a bookmark
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>).
const STREAMING_LIST: &str =
    "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
const LISTED_IN: Duration = Duration::from_mins(1);

type Seen = Arc<Mutex<Vec<(Timestamp, Value)>>>;

/// Sees every change of the objects at one path of the Kubernetes API.
pub struct Watch {
    watcher: Child,
    reader: Option<JoinHandle<()>>,
    path: String,
    seen: Seen,
}

impl Watch {
    /// Begins to watch, and returns when the API server has told what is there already: from then on nothing is missed.
    pub fn start(lab: &Lab, path: &str) -> Self {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut watcher = Command::new(&lab.kubectl)
            .arg("--kubeconfig")
            .arg(&lab.admin_kubeconfig)
            .args(["get", "--raw", &format!("{path}{separator}{STREAMING_LIST}")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let output = BufReader::new(watcher.stdout.take().expect("its output"));
        let seen = Seen::default();
        let stamped = Arc::clone(&seen);
        let (listed, is_listed) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let at = now();
                if let Ok(event) = serde_json::from_str::<Value>(&line) {
                    if event["type"] == "BOOKMARK" {
                        let _ = listed.send(());
                        continue;
                    }
                    stamped.lock().unwrap_or_else(PoisonError::into_inner).push((at, event));
                }
            }
        });
        is_listed.recv_timeout(LISTED_IN).unwrap_or_else(|error| panic!("a watch of {path} lists nothing: {error}"));
        Self { watcher, reader: Some(reader), path: path.to_owned(), seen }
    }

    /// When something was first seen that `is` says yes to. It is given watch events: `{type, object}`.
    pub fn first(&self, is: impl Fn(&Value) -> bool) -> Option<Timestamp> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().find(|(_, event)| is(event)).map(|(at, _)| *at)
    }

    /// Waits until something is seen that `is` says yes to.
    pub async fn until(&self, what: &str, deadline: Duration, is: impl Fn(&Value) -> bool) -> Timestamp {
        until(what, deadline, || async {
            self.first(&is).ok_or_else(|| format!("nothing of the kind at {}", self.path))
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

/// The time of this machine, on which the servers run too.
#[expect(clippy::disallowed_methods, reason = "measures the servers from outside")]
pub fn now() -> Timestamp {
    Timestamp::now()
}
