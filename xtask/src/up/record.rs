//! What an earlier `up` made, so that a second one goes on with it and `down` takes away exactly that.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{destination::Destination, own_cluster::OwnCluster};
use crate::paths;

/// The file with the record.
const FILE: &str = "up.json";

/// Which cluster `up` worked on, and where the API listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    cluster: Recorded,
    pub(crate) port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Recorded {
    Local,
    Own { kubeconfig: String, context: String },
}

impl Record {
    pub(super) fn new(destination: &Destination, port: u16) -> Self {
        let cluster = match destination {
            Destination::Local => Recorded::Local,
            Destination::Own(cluster) => Recorded::Own {
                kubeconfig: cluster.kubeconfig.to_string_lossy().into_owned(),
                context: cluster.context.clone(),
            },
        };
        Self { cluster, port }
    }

    /// What an earlier `up` recorded, if there was one.
    pub(crate) fn load() -> Result<Option<Self>> {
        let file = directory()?.join(FILE);
        match fs::read(&file) {
            Ok(text) => {
                Ok(Some(serde_json::from_slice(&text).with_context(|| format!("cannot read {}", file.display()))?))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.display())),
        }
    }

    /// Writes it down before anything is made; refuses to leave the stores of another cluster behind.
    pub(super) fn claim(&self, directory: &Path) -> Result<()> {
        if let Some(earlier) = Self::load()?
            && earlier.cluster != self.cluster
        {
            bail!("an earlier `cargo xtask up` worked on {}: run `cargo xtask down` first", earlier.name());
        }
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let file = directory.join(FILE);
        fs::write(&file, serde_json::to_vec_pretty(self)?).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Whether it was the local cluster.
    pub(crate) fn is_local(&self) -> bool {
        self.cluster == Recorded::Local
    }

    /// The cluster's name for messages.
    pub(crate) fn name(&self) -> String {
        match &self.cluster {
            Recorded::Local => "the local cluster".to_owned(),
            Recorded::Own { context, .. } => format!("the cluster of the context {context}"),
        }
    }

    /// The cluster, unless it was the local one.
    pub(super) fn own_cluster(&self) -> Result<Option<OwnCluster>> {
        match &self.cluster {
            Recorded::Local => Ok(None),
            Recorded::Own { kubeconfig, context } => {
                OwnCluster::new(OsString::from(kubeconfig), Some(context)).map(Some)
            }
        }
    }
}

/// Where the server's database, key, log and record are.
pub(crate) fn directory() -> Result<PathBuf> {
    Ok(paths::state()?.join("up"))
}
