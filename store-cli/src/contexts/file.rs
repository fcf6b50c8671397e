//! The file of contexts: read whole, written whole or not at all, for its owner only.

use std::io::{self, Write as _};
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Serializer;
use zeroize::Zeroizing;

use super::Contexts;
use crate::failure::Failure;

/// Where the contexts are.
pub(crate) struct ConfigFile(PathBuf);

impl ConfigFile {
    /// `store/config.yaml` in `$XDG_CONFIG_HOME`, else in `~/.config`; on Windows in `%APPDATA%`.
    pub(crate) fn locate() -> Option<Self> {
        // The XDG specification has relative ones ignored.
        let directory = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = directory("XDG_CONFIG_HOME")
            .or_else(|| directory("APPDATA").filter(|_| cfg!(windows)))
            .or_else(|| directory("HOME").map(|home| home.join(".config")))?;
        Some(Self(base.join("store").join("config.yaml")))
    }

    pub(crate) fn display(&self) -> String {
        self.0.display().to_string()
    }
}

/// The contexts; none where there is no file.
pub(crate) fn load() -> Result<Contexts, Failure> {
    let Some(file) = ConfigFile::locate() else { return Ok(Contexts::default()) };
    let text = match std::fs::read_to_string(&file.0) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contexts::default()),
        Err(error) => return Err(Failure::new(format!("cannot read {}: {error}", file.display()))),
    };
    refuse_what_others_can_read(&file)?;
    if text.trim().is_empty() {
        return Ok(Contexts::default());
    }
    // The error itself could quote the file, and with it a token.
    yaml_serde::from_str(&text).map_err(|error| {
        let line = error.location().map_or_else(String::new, |at| format!(", near line {}", at.line()));
        Failure::new(format!("{} is not what this program has written{line}", file.display()))
            .hint("Mend it, or remove it and log in again.")
    })
}

#[cfg(unix)]
fn refuse_what_others_can_read(file: &ConfigFile) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.0.metadata().map_or(0, |metadata| metadata.permissions().mode() & 0o777);
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    let name = file.display();
    Err(Failure::new(format!("{name} has mode {mode:04o}, so that others can use the tokens in it"))
        .hint(format!("Allowed is 0600: chmod 600 {name}")))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature everywhere")]
fn refuse_what_others_can_read(_: &ConfigFile) -> Result<(), Failure> {
    Ok(())
}

/// Writes the contexts, for the owner's eyes only.
pub(crate) fn save(contexts: &Contexts) -> Result<ConfigFile, Failure> {
    let file = ConfigFile::locate()
        .ok_or_else(|| Failure::new("there is no place for the configuration").hint("Set HOME or XDG_CONFIG_HOME."))?;
    let text = yaml_serde::to_string(contexts).map(Zeroizing::new);
    let text = text.map_err(|error| Failure::new(format!("cannot write the configuration: {error}")))?;
    write(&file.0, text.as_bytes())
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", file.display())))?;
    Ok(file)
}

fn write(file: &std::path::Path, text: &[u8]) -> io::Result<()> {
    let directory = file.parent().unwrap_or(file);
    std::fs::create_dir_all(directory)?;
    let temporary = directory.join(format!(".config.{}", uuid::Uuid::new_v4()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut opened| {
        opened.write_all(text)?;
        opened.sync_all()?;
        std::fs::rename(&temporary, file)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// The one place where a token is written down.
#[expect(clippy::ref_option, reason = "as serde wants it")]
pub(super) fn expose<S: Serializer>(token: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match token {
        Some(token) => serializer.serialize_some(token.expose_secret()),
        None => serializer.serialize_none(),
    }
}
