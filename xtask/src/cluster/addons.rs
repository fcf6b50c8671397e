//! The objects that a fresh cluster needs before it can run stores: rights of the host programs, storage classes, the
//! ingress class.

use anyhow::{Context, Result};

use super::{
    Cluster,
    layout::{Layout, Settings},
};
use crate::exec;

/// Applies the objects; a second time changes nothing.
pub(crate) fn apply(layout: &Layout, settings: &Settings) -> Result<()> {
    let objects = OBJECTS.replace("{volumes}", &layout.volumes().display().to_string());
    let mut kubectl = Cluster::new(layout, settings).kubectl();
    kubectl.args(["apply", "--server-side", "--force-conflicts", "--field-manager=store-platform-xtask", "-f", "-"]);
    exec::feed(&mut kubectl, &objects).map(drop).context("cannot apply the objects of a fresh cluster")
}

const OBJECTS: &str = include_str!("addons.yaml");
