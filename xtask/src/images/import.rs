//! Bringing image archives into container runtimes.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::archive::Archive;
use crate::exec;

/// Imports an archive into the cluster's containerd, unless this very image is there under this name.
pub(crate) fn into_containerd(socket: &Path, image: &Archive) -> Result<bool> {
    let listed = exec::capture(ctr(socket).args(["images", "list"]))?;
    if holds(&listed, image) {
        return Ok(false);
    }
    exec::capture(ctr(socket).args(["images", "import"]).arg(&image.file))
        .with_context(|| format!("cannot import {}", image.name))?;
    Ok(true)
}

fn ctr(socket: &Path) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(socket).args(["--namespace", "k8s.io"]);
    command
}

/// The runtime lists an image by its name and by its id, each with the digest of the same manifest.
fn holds(listed: &str, image: &Archive) -> bool {
    let target = |reference: &str| {
        listed.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next()? == reference).then(|| words.nth(1))?
        })
    };
    target(&image.name).is_some_and(|digest| target(&image.id) == Some(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_there_when_name_and_id_mean_the_same_manifest() {
        let image = Archive { name: "docker.io/library/x:1".into(), file: "x".into(), id: "sha256:aa".into() };
        let same = "REF TYPE DIGEST\ndocker.io/library/x:1 t sha256:m1 1 B\nsha256:aa t sha256:m1 1 B\n";
        let moved = "REF TYPE DIGEST\ndocker.io/library/x:1 t sha256:m2 1 B\nsha256:aa t sha256:m1 1 B\n";
        assert!(holds(same, &image));
        assert!(!holds(moved, &image));
        assert!(!holds("", &image));
    }
}
