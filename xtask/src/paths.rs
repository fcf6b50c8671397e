//! Where things are kept outside the checkout, after the XDG base directory specification.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

const APPLICATION: &str = "store-platform";

/// The workspace's root directory.
pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The directory for what can be built again: programs, image archives, layers.
pub(crate) fn cache() -> Result<PathBuf> {
    base("XDG_CACHE_HOME", ".cache")
}

/// The directory for what lives between two runs: the cluster's data.
pub(crate) fn state() -> Result<PathBuf> {
    base("XDG_STATE_HOME", ".local/state")
}

fn base(variable: &str, below_home: &str) -> Result<PathBuf> {
    // The specification: relative paths in these variables are invalid and are ignored.
    if let Some(path) = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(path.join(APPLICATION));
    }
    let home = env::home_dir().with_context(|| format!("neither {variable} nor HOME is set"))?;
    Ok(home.join(below_home).join(APPLICATION))
}

/// The first directory of `PATH`, or of the usual system directories, that holds `program`.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}
