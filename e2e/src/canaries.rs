//! The search for leaked secrets: in process arguments while things happen, and in everything that is kept after.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Secrets that must be nowhere but in their own Secret.
#[derive(Debug, Default)]
pub struct Canaries(Vec<(String, String)>);

impl Canaries {
    /// Looks for these values; the names tell which it was.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(values.into_iter().filter(|(_, value)| value.len() >= 8).collect())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, so that nothing could be found.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names of the canaries that are in `haystack`.
    pub fn found_in(&self, haystack: &[u8]) -> Vec<&str> {
        let is_in = |needle: &str| haystack.windows(needle.len()).any(|window| window == needle.as_bytes());
        self.0.iter().filter(|(_, value)| is_in(value)).map(|(name, _)| name.as_str()).collect()
    }

    /// Ends the test if one is in `haystack`.
    pub fn assert_absent(&self, place: &str, haystack: &[u8]) {
        let found = self.found_in(haystack);
        assert!(found.is_empty(), "{place} contains {found:?}");
    }

    /// Ends the test if one is in any file below `dir`.
    pub fn assert_absent_below(&self, dir: &Path) {
        for entry in std::fs::read_dir(dir).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.assert_absent_below(&path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                self.assert_absent(&path.display().to_string(), &bytes);
            }
        }
    }
}

/// Command lines of all processes of this machine, containers' included.
pub(crate) fn command_lines() -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| !line.is_empty())
        .map(|line| String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " "))
        .collect()
}

/// Environments of `pid` and of its children.
fn environments(pid: u32) -> Vec<String> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    std::iter::once(pid)
        .chain(children)
        .filter_map(|pid: u32| std::fs::read(format!("/proc/{pid}/environ")).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect()
}

/// Collects the arguments of every process of this machine, and the environment of the server and its children, until
/// it is stopped.
pub struct ArgumentWatch {
    seen: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ArgumentWatch {
    /// Begins to watch.
    pub fn start(server_pid: u32) -> Self {
        let seen: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (into, until) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                into.lock()
                    .expect("no panic before")
                    .extend(command_lines().into_iter().chain(environments(server_pid)));
                std::thread::sleep(Duration::from_millis(15));
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }

    /// Everything that was seen.
    pub fn stop(mut self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watch ends");
        }
        std::mem::take(&mut *self.seen.lock().expect("no panic before"))
    }
}
