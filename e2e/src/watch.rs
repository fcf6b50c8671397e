//! When the cluster itself showed something: a watch of one kind of objects by a process of its own, whose every line is
//! stamped as it arrives.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::{Lab, until};

type Seen = Arc<Mutex<Vec<(Timestamp, Value)>>>;

/// Sees every change of the objects at one path of the Kubernetes API.
pub struct Watch {
    watcher: Child,
    reader: Option<JoinHandle<()>>,
    path: String,
    seen: Seen,
}

impl Watch {
    /// Begins to watch. What is there already counts as seen now.
    pub fn start(lab: &Lab, path: &str) -> Self {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut watcher = Command::new(&lab.kubectl)
            .arg("--kubeconfig")
            .arg(&lab.kubeconfig)
            .args(["get", "--raw", &format!("{path}{separator}watch=true")])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("kubectl runs");
        let output = BufReader::new(watcher.stdout.take().expect("its output"));
        let seen = Seen::default();
        let stamped = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let at = now();
                if let Ok(event) = serde_json::from_str(&line) {
                    stamped.lock().unwrap_or_else(PoisonError::into_inner).push((at, event));
                }
            }
        });
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
