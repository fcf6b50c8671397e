//! The key of an image: the digest of everything that it is made from and that can be read before building it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::digest;

/// What a developer's own runs of npm leave in a context; no Dockerfile copies it.
const IGNORED: &[&str] = &["node_modules", ".medusa", "dist", ".git"];

/// The key of a context directory with its Dockerfile, and of the `pins` that are not in it.
pub(crate) fn of(context: &Path, pins: &[&str]) -> Result<String> {
    let mut digest = Sha256::new();
    for pin in pins {
        digest.update(pin.as_bytes());
        digest.update([0]);
    }
    add_directory(&mut digest, context, "", IGNORED)?;
    Ok(digest::hex(&digest.finalize()[..12]))
}

/// The key of everything in a directory.
pub(crate) fn of_everything(directory: &Path) -> Result<String> {
    let mut digest = Sha256::new();
    add_directory(&mut digest, directory, "", &[])?;
    Ok(digest::hex(&digest.finalize()[..12]))
}

fn add_directory(digest: &mut Sha256, directory: &Path, prefix: &str, ignored: &[&str]) -> Result<()> {
    let listed = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut entries = listed.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ignored.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}/{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_directory(digest, &entry.path(), &path, ignored)?;
            continue;
        }
        digest.update(path.as_bytes());
        digest.update([0]);
        if kind.is_symlink() {
            digest.update(fs::read_link(entry.path())?.as_os_str().as_encoded_bytes());
        } else {
            let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
            digest.update([u8::from(executable)]);
            digest.update(Sha256::digest(fs::read(entry.path())?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_content_names_modes_and_pins() {
        let context = tempfile::tempdir().unwrap();
        let file = context.path().join("Dockerfile");
        fs::write(&file, "FROM scratch").unwrap();
        let key = |pins: &[&str]| of(context.path(), pins).unwrap();
        let first = key(&["1"]);
        assert_eq!(first, key(&["1"]));
        assert_ne!(first, key(&["2"]));
        fs::create_dir(context.path().join("node_modules")).unwrap();
        fs::write(context.path().join("node_modules/x"), "").unwrap();
        assert_eq!(first, key(&["1"]), "what no Dockerfile copies does not count");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(first, key(&["1"]));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        fs::rename(&file, context.path().join("Other")).unwrap();
        assert_ne!(first, key(&["1"]));
    }
}
