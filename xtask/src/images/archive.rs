//! Image archives: a file with an image, its full name and its id; and two tiny images that need no builder.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::{cluster::PAUSE_IMAGE, digest, exec, paths};

/// An image in a file that container runtimes can import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    /// Full name with registry and tag, such as `docker.io/library/busybox:latest`.
    pub(crate) name: String,
    /// In the format of `docker save`.
    pub(crate) file: PathBuf,
    /// Digest of the image's configuration: the image's id.
    pub(crate) id: String,
}

impl Archive {
    /// The archive in `file`; its id is read from the manifest inside.
    pub(crate) fn open(name: &str, file: PathBuf) -> Result<Self> {
        let sidecar = file.with_extension("id");
        let id = if let Ok(id) = fs::read_to_string(&sidecar) {
            id
        } else {
            let id = read_id(&file)?;
            fs::write(&sidecar, &id)?;
            id
        };
        Ok(Self { name: name.to_owned(), file, id })
    }
}

/// The configuration's file name is its digest, in the archives of buildah, Podman, Docker and of this module.
fn read_id(archive: &Path) -> Result<String> {
    let text = exec::capture(Command::new("tar").arg("-xOf").arg(archive).arg("manifest.json"))?;
    let manifest: Value = serde_json::from_str(&text)?;
    let config = manifest[0]["Config"].as_str().context("the archive's manifest names no configuration")?;
    let name = config.rsplit('/').next().unwrap_or(config);
    Ok(format!("sha256:{}", name.trim_end_matches(".json")))
}

/// The image that holds a pod's namespaces: one static program.
pub(crate) fn pause(bin: &Path, cache: &Path) -> Result<Archive> {
    let program = fs::read(bin.join("pause")).context("the cluster's programs lack pause")?;
    let file = cache.join(format!("pause-{}.tar", short_digest(&program)));
    pack(PAUSE_IMAGE, &file, &json!({"Entrypoint": ["/pause"], "User": "65535:65535"}), |root| {
        put_program(&root.join("pause"), &program)
    })
}

/// A shell for the helper pods that make and remove volumes.
pub(crate) fn busybox(cache: &Path) -> Result<Archive> {
    let path = paths::find_program("busybox").context("busybox is missing (Debian package busybox-static)")?;
    if exec::succeeds(Command::new("ldd").arg(&path)) {
        bail!("{} is not static: install the Debian package busybox-static", path.display());
    }
    let program = fs::read(&path)?;
    let file = cache.join(format!("busybox-{}.tar", short_digest(&program)));
    let config = json!({"Cmd": ["sh"], "Env": ["PATH=/bin"]});
    pack("docker.io/library/busybox:latest", &file, &config, |root| {
        fs::create_dir_all(root.join("bin"))?;
        fs::create_dir_all(root.join("tmp"))?;
        put_program(&root.join("bin/busybox"), &program)?;
        let applets = exec::capture(Command::new(&path).arg("--list"))?;
        // Its own name is in the list too: a link to itself would replace the program.
        for applet in applets.lines().filter(|applet| *applet != "busybox") {
            symlink("busybox", root.join("bin").join(applet))?;
        }
        Ok(())
    })
}

fn put_program(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes)?;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

/// Makes an archive with one layer, unless it is there; `put_files` puts them into the layer's root.
fn pack(name: &str, file: &Path, config: &Value, put_files: impl FnOnce(&Path) -> Result<()>) -> Result<Archive> {
    if !file.exists() {
        let work = file.with_extension("work");
        let _ = fs::remove_dir_all(&work);
        let (root, parts) = (work.join("root"), work.join("parts"));
        fs::create_dir_all(&root)?;
        fs::create_dir_all(&parts)?;
        put_files(&root)?;
        tar(&root, &parts.join("layer.tar"))?;
        let layer = digest::of(&fs::read(parts.join("layer.tar"))?);
        let image = json!({
            "architecture": architecture(), "os": "linux", "config": config,
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{layer}")]},
        });
        let image = serde_json::to_vec(&image)?;
        let config_file = format!("{}.json", digest::of(&image));
        fs::write(parts.join(&config_file), &image)?;
        let manifest = json!([{"Config": config_file, "RepoTags": [name], "Layers": ["layer.tar"]}]);
        fs::write(parts.join("manifest.json"), serde_json::to_vec(&manifest)?)?;
        let partial = work.join("archive.tar");
        tar(&parts, &partial)?;
        fs::rename(partial, file)?;
        fs::remove_dir_all(&work)?;
    }
    Archive::open(name, file.to_owned())
}

/// Packs a directory so that the same content gives the same bytes.
fn tar(directory: &Path, to: &Path) -> Result<()> {
    let mut command = Command::new("tar");
    command.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C"]);
    command.arg(directory).arg("-cf").arg(to).env("LC_ALL", "C");
    // By name: with `.` the members would be called `./manifest.json`, which no reader looks for.
    let names: Result<Vec<_>, _> = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect();
    let mut names = names?;
    names.sort();
    exec::capture(command.args(names)).map(drop)
}

/// The machine's architecture in the words of container images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn short_digest(bytes: &[u8]) -> String {
    digest::of(bytes)[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_content_is_the_same_image() {
        let work = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let put_files = |root: &Path| Ok(fs::write(root.join("a"), "content")?);
            pack("docker.io/library/x:1", &work.path().join(name), &json!({}), put_files).unwrap()
        };
        let (one, other) = (make("one.tar"), make("other.tar"));
        assert_eq!(one.id, other.id);
        assert_eq!(one.id.len(), "sha256:".len() + 64);
        assert_eq!(read_id(&one.file).unwrap(), one.id);
    }
}
