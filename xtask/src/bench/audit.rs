//! The API server's audit log: how many requests an account made in a window.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// Helm uses the same account; it tells itself by its user agent.
const HELM: &str = "Helm/";

/// A place in the log.
#[derive(Debug)]
pub(super) struct Mark {
    path: PathBuf,
    /// Stays the same file when the log is rotated away under it.
    rest: File,
    inode: u64,
}

impl Mark {
    /// The end of the log as it is now.
    pub(super) fn now(path: &Path) -> Result<Self> {
        let mut rest = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        rest.seek(SeekFrom::End(0))?;
        let inode = rest.metadata()?.ino();
        Ok(Self { path: path.to_owned(), rest, inode })
    }

    /// The account's requests since this place that were not Helm's.
    pub(super) fn requests_of(self, user: &str) -> Result<Vec<String>> {
        let mut requests = read(self.rest, user)?;
        let current = File::open(&self.path)?;
        if current.metadata()?.ino() != self.inode {
            requests.extend(read(current, user)?);
        }
        Ok(requests)
    }
}

fn read(file: File, user: &str) -> Result<Vec<String>> {
    let mut requests = Vec::new();
    for line in BufReader::new(file).lines() {
        // The last line may still be written.
        let Ok(entry) = serde_json::from_str::<Value>(&line?) else { continue };
        requests.extend(request_of(&entry, user));
    }
    Ok(requests)
}

fn request_of(entry: &Value, user: &str) -> Option<String> {
    let is_helm = entry["userAgent"].as_str().is_some_and(|agent| agent.starts_with(HELM));
    if entry["user"]["username"] != user || is_helm {
        return None;
    }
    Some(format!("{} {}", entry["verb"].as_str()?, entry["requestURI"].as_str()?))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn only_the_accounts_own_requests_after_the_mark_count_also_across_a_rotation() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        let line = |user: &str, agent: &str, path: &str| {
            format!(r#"{{"verb":"list","requestURI":"{path}","userAgent":"{agent}","user":{{"username":"{user}"}}}}"#)
        };
        let mut log = File::create(&path).unwrap();
        writeln!(log, "{}", line("us", "", "/before")).unwrap();
        let mark = Mark::now(&path).unwrap();
        for text in [line("us", "", "/x"), line("us", "Helm/4.3.1", "/helm"), line("other", "", "/other")] {
            writeln!(log, "{text}").unwrap();
        }
        fs::rename(&path, directory.path().join("audit-2000.log")).unwrap();
        let mut log = File::create(&path).unwrap();
        writeln!(log, "{}", line("us", "", "/y")).unwrap();
        log.write_all(br#"{"verb":"cut"#).unwrap();
        assert_eq!(mark.requests_of("us").unwrap(), ["list /x", "list /y"]);
    }
}
