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
    let before = list(socket)?;
    if before.holds(image) {
        return Ok(false);
    }
    let mut import = ctr(socket);
    import.args(["images", "import"]).arg(&image.file);
    exec::logged(&mut import, &format!("importing {}", image.name), &cache()?.join("import.log"), String::new)
        .with_context(|| format!("cannot import {}", image.name))?;
    if !list(socket)?.holds(image) {
        // The runtime gives an image its id by itself only under a new name, not under one that moved.
        exec::capture(ctr(socket).args(["images", "tag", "--force", &image.name, &image.id]))?;
    }
    for id in before.ids_to_drop(image) {
        exec::capture(ctr(socket).args(["images", "remove", id]))?;
    }
    Ok(true)
}

fn ctr(socket: &Path) -> Command {
    let mut command = Command::new("ctr");
    command.arg("--address").arg(socket).args(["--namespace", "k8s.io"]);
    command
}

fn list(socket: &Path) -> Result<Listing> {
    exec::capture(ctr(socket).args(["images", "list"])).map(|text| Listing::parse(&text))
}

/// What the runtime lists: each image by its names and by its id, all with the digest of the same manifest.
struct Listing(Vec<(String, String)>);

impl Listing {
    fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(1)?.to_owned()))
        };
        Self(text.lines().skip(1).filter_map(entry).collect())
    }

    fn manifest(&self, reference: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == reference).map(|(_, manifest)| manifest.as_str())
    }

    /// Whether this very image is there under its name.
    fn holds(&self, image: &Archive) -> bool {
        self.manifest(&image.name).is_some_and(|manifest| self.manifest(&image.id) == Some(manifest))
    }

    /// Ids of what had the image's name and no other; they would keep its layers forever.
    fn ids_to_drop(&self, image: &Archive) -> Vec<&str> {
        let Some(old) = self.manifest(&image.name) else { return Vec::new() };
        let (ids, names): (Vec<_>, Vec<_>) =
            self.0.iter().filter(|(_, manifest)| manifest == old).partition(|(name, _)| name.starts_with("sha256:"));
        if names.len() > 1 {
            return Vec::new();
        }
        ids.into_iter().map(|(id, _)| id.as_str()).filter(|id| *id != image.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Archive {
        Archive { name: "docker.io/library/x:1".into(), file: "x".into(), id: "sha256:aa".into() }
    }

    #[test]
    fn an_image_is_there_when_name_and_id_mean_the_same_manifest() {
        let same = "REF TYPE DIGEST\ndocker.io/library/x:1 t sha256:m1 1 B\nsha256:aa t sha256:m1 1 B\n";
        let moved = "REF TYPE DIGEST\ndocker.io/library/x:1 t sha256:m2 1 B\nsha256:aa t sha256:m1 1 B\n";
        assert!(Listing::parse(same).holds(&image()));
        assert!(!Listing::parse(moved).holds(&image()));
        assert!(!Listing::parse("").holds(&image()));
    }

    #[test]
    fn the_id_of_the_image_before_is_dropped_unless_another_name_has_it() {
        let old = "REF TYPE DIGEST\ndocker.io/library/x:1 t sha256:m1 1 B\nsha256:bb t sha256:m1 1 B\n";
        assert_eq!(Listing::parse(old).ids_to_drop(&image()), ["sha256:bb"]);
        let shared = format!("{old}docker.io/library/y:1 t sha256:m1 1 B\n");
        assert!(Listing::parse(&shared).ids_to_drop(&image()).is_empty());
    }
}
