//! The search for leaked secrets: in process arguments while things happen, and in everything that is kept after.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Shorter values would be found by chance.
const SHORTEST: usize = 8;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Secrets that must be nowhere but in their own Secret, looked for as they are and in Base64 (RFC 4648, section 4),
/// wherever in the encoded bytes they begin.
#[derive(Debug)]
pub struct Canaries {
    names: Vec<String>,
    /// What to look for, and the name of the canary that it is a form of; by first byte, so that one pass finds all.
    forms: Vec<Vec<(usize, Vec<u8>)>>,
}

impl Canaries {
    /// Looks for these values; the names tell which it was.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut canaries = Self { names: Vec::new(), forms: vec![Vec::new(); 256] };
        for (name, value) in values {
            canaries.add(name, value.as_bytes());
        }
        canaries
    }

    /// Looks for this value too.
    pub fn add(&mut self, name: impl Into<String>, value: &[u8]) {
        if value.len() < SHORTEST {
            return;
        }
        let index = self.names.len();
        self.names.push(name.into());
        let encoded = (0..3).map(|offset| base64_at(offset, value));
        for form in std::iter::once(value.to_vec()).chain(encoded) {
            self.forms[usize::from(form[0])].push((index, form));
        }
    }

    /// Looks for the keys of a credentials key file too: as they are written, and as bytes.
    pub fn add_keys(&mut self, file: &Path) {
        let keys = std::fs::read_to_string(file).expect("the credentials key file can be read");
        for key in keys.lines() {
            self.add("the credentials key", key.as_bytes());
            self.add("the credentials key's bytes", &from_hex(key));
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none, so that nothing could be found.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Names of the canaries that are in `haystack`.
    pub fn found_in(&self, haystack: &[u8]) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        for (at, byte) in haystack.iter().enumerate() {
            for (index, form) in &self.forms[usize::from(*byte)] {
                if haystack[at..].starts_with(form) {
                    found.insert(self.names[*index].as_str());
                }
            }
        }
        found
    }

    /// Ends the test if one is in `haystack`.
    pub fn assert_absent(&self, place: &str, haystack: &[u8]) {
        let found = self.found_in(haystack);
        assert!(found.is_empty(), "{place} contains {found:?}");
    }

    /// Names of the canaries that are in a file below `dir`, with the file. A credentials key file may hold its keys.
    pub fn found_below(&self, dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(dir).expect("the folder can be read").flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(self.found_below(&path));
            } else if let Ok(bytes) = std::fs::read(&path) {
                let is_key_file = path.extension().is_some_and(|extension| extension == "credentials-key");
                let names = self.found_in(&bytes).into_iter();
                let names = names.filter(|name| !(is_key_file && name.starts_with("the credentials key")));
                found.extend(names.map(|name| format!("{name} in {}", path.display())));
            }
        }
        found
    }

    /// Ends the test if one is in any file below `dir`.
    pub fn assert_absent_below(&self, dir: &Path) {
        assert_eq!(self.found_below(dir), Vec::<String>::new());
    }
}

/// What `value` adds to the Base64 of anything that it follows at this distance from a multiple of three bytes: only
/// the characters that depend on nothing else.
fn base64_at(offset: usize, value: &[u8]) -> Vec<u8> {
    let mut padded = vec![0; offset];
    padded.extend(value);
    let bit = |index: usize| (padded[index / 8] >> (7 - index % 8)) & 1;
    let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    let sextet = |position: usize| (0..6).fold(0, |sum, place| sum << 1 | bit(position * 6 + place));
    (first..end).map(|position| ALPHABET[usize::from(sextet(position))]).collect()
}

/// The bytes that an even number of hexadecimal digits stands for.
pub(crate) fn from_hex(digits: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit");
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).expect("two digits are a byte");
    digits.as_bytes().chunks_exact(2).map(byte).collect()
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

/// Children of a process, whichever of its threads started them.
fn children(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|child| child.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Environments of `pid` and of all that descend from it.
fn environments(pid: u32) -> Vec<String> {
    let mut found: Vec<_> = children(pid).into_iter().flat_map(environments).collect();
    let own = std::fs::read(format!("/proc/{pid}/environ")).ok();
    found.extend(own.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
    found
}

/// Collects the arguments of every process of this machine, and the environments of the server and of all that it
/// starts, until it is stopped.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_plain_and_in_base64_wherever_it_begins() {
        let canaries = Canaries::new([("it".to_owned(), "Canary-Secret!".to_owned())]);
        for haystack in [
            "…Canary-Secret!…",
            // Of "Canary-Secret!", "xCanary-Secret!y" and "xyCanary-Secret!z".
            "Q2FuYXJ5LVNlY3JldCE=",
            "eENhbmFyeS1TZWNyZXQheQ==",
            "eHlDYW5hcnktU2VjcmV0IXo=",
        ] {
            assert_eq!(canaries.found_in(haystack.as_bytes()).len(), 1, "{haystack}");
        }
        assert!(canaries.found_in(b"Canary-Secret?").is_empty());
    }

    #[test]
    fn hexadecimal_digits_are_bytes() {
        assert_eq!(from_hex("00ff7A"), [0, 0xff, 0x7a]);
    }
}
