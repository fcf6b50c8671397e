//! The objects that a fresh cluster needs before it can run stores: rights of the host programs, storage classes, the
//! ingress class.

use std::process::Command;

use anyhow::{Context, Result};

use super::layout::{Layout, Settings};
use crate::exec;

/// Applies the objects; a second time changes nothing.
pub(crate) fn apply(layout: &Layout, settings: &Settings) -> Result<()> {
    let objects = OBJECTS.replace("{volumes}", &layout.volumes().display().to_string());
    let mut kubectl = Command::new(settings.programs.join("kubectl"));
    kubectl.arg("--kubeconfig").arg(layout.admin_kubeconfig());
    kubectl.args(["apply", "--server-side", "--force-conflicts", "--field-manager=store-platform-xtask", "-f", "-"]);
    exec::feed(&mut kubectl, &objects).map(drop).context("cannot apply the objects of a fresh cluster")
}

const OBJECTS: &str = include_str!("addons.yaml");
