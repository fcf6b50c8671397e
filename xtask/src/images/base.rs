//! The base image for builds without a registry: a minimal Debian, made once by debootstrap.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{builder::Buildah, cache};
use crate::{
    exec,
    progress::{Stopwatch, say},
};

/// Name of the base image in buildah's storage, and part of the key of what stands on it: change the tag when the recipe
/// below changes.
pub(crate) const NAME: &str = "localhost/store-base:trixie";

/// Not needed in a container.
const TRIMMED: &[&str] = &[
    "debootstrap",
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "var/log",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
];

/// Makes sure of the base image.
pub(crate) fn ensure(buildah: &Buildah) -> Result<()> {
    if buildah.holds(NAME) {
        return Ok(());
    }
    let clock = Stopwatch::start();
    let work = cache()?.join("base");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    let root = work.join("root");
    fs::create_dir_all(&root)?;
    say("making the base image (Debian trixie, under a minute)");
    bootstrap(&root)?;
    for directory in TRIMMED {
        let path = root.join(directory);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
    }
    // apt refuses to work without these.
    for directory in ["var/cache/apt/archives/partial", "var/lib/apt/lists/partial", "var/log/apt"] {
        fs::create_dir_all(root.join(directory))?;
    }
    commit(buildah, &root)?;
    fs::remove_dir_all(&work)?;
    say(format!("made the base image in {} s", clock.seconds()));
    Ok(())
}

fn bootstrap(root: &Path) -> Result<()> {
    let mut command = Command::new("debootstrap");
    command.args(["--variant=minbase", "--include=ca-certificates", "trixie"]).arg(root);
    let mirrors = Mirrors::of_this_machine();
    command.args(&mirrors.packages);
    exec::logged(&mut command, "debootstrap", &cache()?.join("base.log"), String::new)?;
    if let (Some(packages), Some(security)) = (&mirrors.packages, &mirrors.security) {
        let sources = format!(
            "deb {packages} trixie main\ndeb {packages} trixie-updates main\ndeb {security} trixie-security main\n"
        );
        fs::write(root.join("etc/apt/sources.list"), sources)?;
    }
    Ok(())
}

fn commit(buildah: &Buildah, root: &Path) -> Result<()> {
    let container = exec::capture(buildah.command().args(["from", "scratch"]))?.trim().to_owned();
    exec::capture(buildah.command().args(["copy", "-q", &container]).arg(root).arg("/"))?;
    // An image with any environment but without PATH runs nothing.
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    exec::capture(buildah.command().args(["config", "--env", path, "--cmd", "bash", &container]))?;
    exec::capture(buildah.command().args(["commit", "-q", "--rm", &container, NAME]))
        .map(drop)
        .context("cannot commit the base image")
}

/// Where this machine gets its Debian packages from; a mirror nearby serves the images too.
#[derive(Debug, PartialEq, Eq)]
struct Mirrors {
    packages: Option<String>,
    security: Option<String>,
}

impl Mirrors {
    fn of_this_machine() -> Self {
        let mut text = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
        for entry in fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten() {
            text += &fs::read_to_string(entry.path()).unwrap_or_default();
            text.push('\n');
        }
        Self::parse(&text)
    }

    fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let addresses: Vec<&str> = lines.flat_map(str::split_whitespace).filter(|w| w.starts_with("http")).collect();
        let ending =
            |end: &str| addresses.iter().map(|a| a.trim_end_matches('/')).find(|a| a.ends_with(end)).map(str::to_owned);
        Self { packages: ending("/debian"), security: ending("/debian-security") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_are_found_in_both_formats() {
        let old = "# deb http://no/debian x\ndeb http://a/debian bookworm main\ndeb http://s/debian-security b main\n";
        let new = "Types: deb\nURIs: http://a/debian/\n\nTypes: deb\nURIs: http://s/debian-security\n";
        let found =
            Mirrors { packages: Some("http://a/debian".into()), security: Some("http://s/debian-security".into()) };
        assert_eq!(Mirrors::parse(old), found);
        assert_eq!(Mirrors::parse(new), found);
        assert_eq!(Mirrors::parse("deb http://u/ubuntu noble main"), Mirrors { packages: None, security: None });
    }
}
