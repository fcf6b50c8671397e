//! The dashboard: built by npm in the cache, keyed by what it is made of, and put where `store-http` embeds it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{digest, exec, install, install::Group, paths};

const PROJECT: &str = "store-http/dashboard";
const DOCUMENT: &str = "store-http/openapi.json";
/// Made from the rest; never copied, never part of a digest.
const MADE: [&str; 2] = ["node_modules", "dist"];
/// Beside what was built, with the digest of what it was built from.
const STAMP: &str = ".built-from";
/// The same files once more, for those who serve them by a web server of their own; `store-http` has no use for them.
const SITE: &str = "ui";
/// Among the packages, with the digest of the lock file that they were installed from.
const INSTALLED: &str = "node_modules/.installed-from";

/// The dashboard in this checkout, with its packages beside it.
pub(crate) fn in_place() -> Result<PathBuf> {
    install::ensure(&[Group::Dashboard])?;
    let project = paths::workspace().join(PROJECT);
    let wanted = packages(&project)?;
    let place = paths::cache()?.join("dashboard");
    fs::create_dir_all(&place)?;
    let lock = File::create(place.join("in-place.lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", place.display()))?;
    if fs::read_to_string(project.join(INSTALLED)).ok().as_ref() != Some(&wanted) {
        let mut npm = npm(&project, &["ci", "--no-audit", "--no-fund"]);
        exec::logged(&mut npm, "npm ci", &paths::cache()?.join("dashboard/install.log"), String::new)?;
        fs::write(project.join(INSTALLED), wanted)?;
    }
    Ok(project)
}

/// Makes sure that `store-http` finds the dashboard as it is written now.
pub(crate) fn ensure() -> Result<()> {
    let wanted = fingerprint()?;
    let place = paths::workspace().join(PROJECT).join("dist");
    if fs::read_to_string(place.join(STAMP)).is_ok_and(|built_from| built_from == wanted) {
        return Ok(());
    }
    let built = built()?;
    remove(&place)?;
    copy(&built, &place, &[STAMP, SITE])?;
    // Last: what was cut off half way must not pass for whole.
    fs::write(place.join(STAMP), &wanted).with_context(|| format!("cannot write into {}", place.display()))
}

/// The folder with the dashboard as it is written now, built for a web server of somebody's own.
pub(crate) fn built() -> Result<PathBuf> {
    let wanted = fingerprint()?;
    let built = paths::cache()?.join("dashboard/built").join(&wanted);
    if !built.join(STAMP).exists() {
        install::ensure(&[Group::Dashboard])?;
        let workshop = Workshop::open()?;
        workshop.build()?;
        remove(&built)?;
        copy(&workshop.project().join("dist"), &built, &[])?;
        fs::write(built.join(STAMP), &wanted)?;
    }
    Ok(built)
}

/// The digest of what says which packages are wanted.
fn packages(project: &Path) -> Result<String> {
    let lock_file = project.join("package-lock.json");
    let packages = fs::read(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    Ok(digest::of(&packages))
}

/// A copy of the dashboard beside its packages, which are installed once for each lock file.
pub(crate) struct Workshop {
    root: PathBuf,
    /// One at a time, also between checkouts.
    _lock: File,
}

impl Workshop {
    /// Brings the copy up to date and its packages in.
    pub(crate) fn open() -> Result<Self> {
        let source = paths::workspace().join(PROJECT);
        let root = paths::cache()?.join("dashboard").join(packages(&source)?);
        fs::create_dir_all(&root)?;
        let lock = File::create(root.join(".lock"))?;
        lock.lock().with_context(|| format!("cannot lock {}", root.display()))?;
        let workshop = Self { root, _lock: lock };
        let project = workshop.project();
        if project.exists() {
            for entry in fs::read_dir(&project)? {
                let entry = entry?;
                if !MADE.iter().any(|made| entry.file_name() == *made) {
                    remove(&entry.path())?;
                }
            }
        }
        copy(&source, &project, &MADE)?;
        fs::copy(paths::workspace().join(DOCUMENT), workshop.root.join("openapi.json"))?;
        let done = workshop.root.join(".installed");
        if !done.exists() {
            workshop.npm("npm ci", &["ci", "--no-audit", "--no-fund"])?;
            fs::write(done, "")?;
        }
        Ok(workshop)
    }

    /// Where it is worked.
    pub(crate) fn project(&self) -> PathBuf {
        self.root.join("dashboard")
    }

    fn build(&self) -> Result<()> {
        self.npm("building the dashboard", &["run", "build"])
    }

    fn npm(&self, what: &str, arguments: &[&str]) -> Result<()> {
        let log = self.root.join("npm.log");
        exec::logged(&mut npm(&self.project(), arguments), what, &log, String::new)
    }
}

/// What runs npm in a directory, without its news and colours.
pub(crate) fn npm(directory: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(arguments).current_dir(directory).env("npm_config_update_notifier", "false").env("NO_COLOR", "1");
    npm
}

/// The digest of everything that the dashboard is made of.
fn fingerprint() -> Result<String> {
    let mut files = vec![paths::workspace().join(DOCUMENT)];
    collect(&paths::workspace().join(PROJECT), &MADE, &mut files)?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file.strip_prefix(paths::workspace()).unwrap_or(&file).to_string_lossy().into_owned();
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        all.extend_from_slice(format!("{name} {}\n", digest::of(&content)).as_bytes());
    }
    Ok(digest::of(&all))
}

fn collect(directory: &Path, but: &[&str], files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        if but.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if entry.file_type()?.is_dir() { collect(&entry.path(), &[], files)? } else { files.push(entry.path()) }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path, but: &[&str]) -> Result<()> {
    let mut files = Vec::new();
    collect(from, but, &mut files)?;
    for file in files {
        let target = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(target.parent().context("a file without a directory")?)?;
        fs::copy(&file, &target).with_context(|| format!("cannot copy {} to {}", file.display(), target.display()))?;
    }
    Ok(())
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
