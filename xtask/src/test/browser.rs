//! The browser tests' own directory: playwright-core from npm beside our scripts, in the cache, keyed by the lock file.

use std::{fs, path::PathBuf, process::Command, time::Instant};

use anyhow::{Context, Result, bail};

use super::session::Session;
use crate::{digest, paths, progress::say};

/// What is copied beside the installed packages on every run: scripts change more often than the lock file.
const SCRIPT: &str = "mjs";

/// Makes sure of the directory.
pub(crate) fn ensure(session: &Session, deadline: Instant) -> Result<PathBuf> {
    let source = paths::workspace().join("e2e/browser");
    let lock = fs::read(source.join("package-lock.json")).context("cannot read e2e/browser/package-lock.json")?;
    let directory = paths::cache()?.join("browser").join(digest::of(&lock));
    let done = directory.join(".installed");
    if !done.exists() {
        say(format!("installing playwright-core into {}", directory.display()));
        fs::create_dir_all(&directory)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(source.join(file), directory.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&directory);
        session.must("npm ci", npm, deadline)?;
        fs::write(&done, "")?;
    }
    let mut scripts = 0;
    for entry in fs::read_dir(&source)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == SCRIPT) {
            fs::copy(&path, directory.join(path.file_name().context("a script without a name")?))?;
            scripts += 1;
        }
    }
    if scripts == 0 {
        bail!("{} holds no script", source.display());
    }
    Ok(directory)
}
