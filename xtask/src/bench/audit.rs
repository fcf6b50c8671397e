//! The API server's audit log: how many requests an account made in a window.

use std::{
    fs::File,
    io::{BufRead, BufReader, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// Helm uses the same account; it tells itself by its user agent.
const HELM: &str = "Helm/";

/// A place in the log.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    file: PathBuf,
    inode: u64,
    position: u64,
}

impl Mark {
    /// The end of the log as it is now.
    pub(super) fn now(file: &Path) -> Result<Self> {
        let metadata = file.metadata().with_context(|| format!("cannot read {}", file.display()))?;
        Ok(Self { file: file.to_owned(), inode: metadata.ino(), position: metadata.len() })
    }

    /// The account's requests since this place that were not Helm's.
    pub(super) fn requests_of(&self, user: &str) -> Result<Vec<String>> {
        let mut file = File::open(&self.file)?;
        let metadata = file.metadata()?;
        if metadata.ino() != self.inode || metadata.len() < self.position {
            bail!("the audit log was rotated meanwhile: measure again");
        }
        file.seek(SeekFrom::Start(self.position))?;
        let mut requests = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may still be written.
            let Ok(entry) = serde_json::from_str::<Value>(&line?) else { continue };
            requests.extend(request_of(&entry, user));
        }
        Ok(requests)
    }
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
    use std::io::Write;

    use super::*;

    #[test]
    fn only_the_accounts_own_requests_after_the_mark_count() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let line = |user: &str, agent: &str| {
            format!(r#"{{"verb":"list","requestURI":"/x","userAgent":"{agent}","user":{{"username":"{user}"}}}}"#)
        };
        writeln!(log, "{}", line("us", "")).unwrap();
        let mark = Mark::now(log.path()).unwrap();
        for text in [line("us", ""), line("us", "Helm/4.3.1"), line("other", ""), r#"{"verb":"cut"#.to_owned()] {
            writeln!(log, "{text}").unwrap();
        }
        assert_eq!(mark.requests_of("us").unwrap(), ["list /x"]);
    }
}
