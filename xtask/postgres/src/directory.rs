//! The server's directory: removed with the server, or by the next one if the owner was killed before it could.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};

use crate::programs::Programs;

const PREFIX: &str = "private-postgres-";

/// A directory that ends with its owner. Its name tells who that is.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(programs: &Programs) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let all = std::env::temp_dir();
        remove_abandoned(&all);
        let me = std::process::id();
        let started = started(me).context("/proc does not know this process")?;
        let path = all.join(format!("{PREFIX}{me}-{started}-{}", NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let directory = Self(path);
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
        programs.hand_over(directory.path())?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Writes a file that only the server can read.
    pub(crate) fn write(&self, programs: &Programs, name: impl AsRef<Path>, content: &str) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        programs.hand_over(&path)?;
        Ok(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Removes the directories of owners that are gone. Their servers ended with them.
fn remove_abandoned(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_abandoned) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(name: &str) -> bool {
    let owner = || {
        let mut parts = name.strip_prefix(PREFIX)?.split('-');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    owner().is_some_and(|(pid, start): (u32, u64)| started(pid) != Some(start))
}

/// When a process started, in clock ticks since boot: field 22 of `/proc/PID/stat`, counted from the end of the name,
/// which may hold anything.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.get(stat.rfind(')')? + 1..)?.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{PREFIX, is_abandoned, started};

    #[test]
    fn a_directory_is_abandoned_when_its_owner_is_gone() {
        let me = std::process::id();
        let start = started(me).expect("it runs");
        assert!(!is_abandoned(&format!("{PREFIX}{me}-{start}-0")));
        assert!(is_abandoned(&format!("{PREFIX}{me}-{}-0", start + 1)));
        assert!(!is_abandoned("somebody-elses-1-2-3"));
    }
}
