//! `cargo xtask images`: builds the container images and brings them to a cluster or a registry.

mod archive;
mod import;

use anyhow::Result;
use clap::Args;

use crate::{cluster::Cluster, paths};

/// Arguments of `cargo xtask images`.
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {}

/// Runs the command.
pub(crate) fn run(_args: &ImagesArgs) -> Result<()> {
    Ok(())
}

/// The images that the cluster itself needs, made without any builder: `pause` and `busybox`.
pub(crate) fn ensure_built_in(cluster: &Cluster) -> Result<()> {
    let cache = paths::cache()?.join("images");
    for image in [archive::pause(&cluster.bin_dir, &cache)?, archive::busybox(&cache)?] {
        import::into_containerd(&cluster.containerd_socket, &image)?;
    }
    Ok(())
}
