//! `benches/RESULTS.md`: sections that commands write, each with the machine that it was measured on.

use std::{fs, path::PathBuf, process::Command, thread};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{cluster::Cluster, exec, paths, progress::say};

const TITLE: &str = "# Results\n\nMeasured, not asserted: each section is written by the command that it names.\n";

/// What something was measured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kubernetes: String,
    pub(crate) helm: String,
    pub(crate) date: String,
}

impl Machine {
    /// This one, with the versions that the cluster runs.
    pub(crate) fn of(cluster: &Cluster) -> Result<Self> {
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kib =
            memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
        let kib: u64 = kib.context("/proc/meminfo has no MemTotal")?;
        let version = exec::capture(cluster.kubectl().args(["version", "--output", "json"]))?;
        let version: Value = serde_json::from_str(&version)?;
        Ok(Self {
            cores: thread::available_parallelism()?.get(),
            memory_gib: (kib + (1 << 19)) >> 20,
            kubernetes: version["serverVersion"]["gitVersion"].as_str().unwrap_or("?").to_owned(),
            helm: helm_version(cluster, "helm")?,
            date: exec::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.trim().to_owned(),
        })
    }
}

/// The version of one of the cluster's Helms, without its commit.
pub(crate) fn helm_version(cluster: &Cluster, program: &str) -> Result<String> {
    let text = exec::capture(Command::new(cluster.bin_dir.join(program)).args(["version", "--short"]))?;
    Ok(text.trim().split('+').next().unwrap_or_default().to_owned())
}

/// Replaces the section of this name in the file, or appends it. `command` is the one that writes it.
pub(crate) fn write(section: &str, command: &str, text: &str) -> Result<()> {
    let file = file();
    let old = fs::read_to_string(&file).unwrap_or_else(|_| TITLE.to_owned());
    let new = replaced(&old, section, command, text);
    fs::write(&file, new).with_context(|| format!("cannot write {}", file.display()))?;
    say(format!("wrote {}", file.display()));
    Ok(())
}

fn file() -> PathBuf {
    paths::workspace().join("benches/RESULTS.md")
}

fn replaced(old: &str, section: &str, command: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {section}: written by `{command}` -->"), format!("<!-- {section}: end -->"));
    let new = format!("{begin}\n{}\n{end}\n", text.trim_end());
    match (old.find(&begin), old.find(&end)) {
        (Some(from), Some(to)) if from < to => {
            let rest = &old[to + end.len()..];
            format!("{}{new}{}", &old[..from], rest.strip_prefix('\n').unwrap_or(rest))
        }
        _ => format!("{}\n{new}", old.trim_end().to_owned() + "\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_measurement_replaces_the_first_and_nothing_else() {
        let write = |old: &str, section: &str, text: &str| replaced(old, section, "a command", text);
        let one = write("# Results\n\nOther.\n", "one", "## One\n\nfirst\n");
        let both = write(&one, "two", "## Two");
        assert_eq!(write(&one, "one", "## One\n\nfirst"), one);
        assert!(both.starts_with("# Results\n\nOther.\n") && both.contains("## Two"));
        let second = write(&both, "one", "## One\n\nsecond");
        assert!(second.contains("second") && !second.contains("first") && second.contains("## Two"), "{second}");
    }
}
