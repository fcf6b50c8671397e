//! Bringing image archives into container runtimes.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use super::{Target, archive::Archive, cache};
use crate::{
    exec,
    progress::{Stopwatch, say},
};

/// Imports an archive into a cluster; whether it was not there yet, as far as the cluster's tool tells.
pub(crate) fn into_target(target: &Target, image: &Archive) -> Result<bool> {
    let clock = Stopwatch::start();
    let new = match target {
        Target::Local(cluster) => into_containerd(&cluster.containerd_socket, image)?,
        Target::Kind(name) => {
            tool(Command::new("kind").args(["load", "image-archive", "--name", name]).arg(&image.file), image)?
        }
        Target::Minikube(profile) => {
            tool(Command::new("minikube").args(["image", "load", "--profile", profile]).arg(&image.file), image)?
        }
        Target::K3s => tool(Command::new("k3s").args(["ctr", "images", "import"]).arg(&image.file), image)?,
    };
    if new {
        say(format!("imported {} in {} s", image.name, clock.seconds()));
    }
    Ok(new)
}

/// These tools skip what is there themselves, or import it again.
fn tool(command: &mut Command, image: &Archive) -> Result<bool> {
    exec::logged(command, &format!("importing {}", image.name), &cache()?.join("import.log"), String::new)?;
    Ok(true)
}

/// Imports an archive into the cluster's containerd, unless this very image is there under this name.
pub(crate) fn into_containerd(socket: &Path, image: &Archive) -> Result<bool> {
    let listed = exec::capture(ctr(socket).args(["images", "list"]))?;
    if holds(&listed, image) {
        return Ok(false);
    }
    let mut import = ctr(socket);
    import.args(["images", "import"]).arg(&image.file);
    exec::logged(&mut import, &format!("importing {}", image.name), &cache()?.join("import.log"), String::new)
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
