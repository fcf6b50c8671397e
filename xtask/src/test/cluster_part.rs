//! The local cluster for the parts after this one: up, with the images, and of one mind with the chart.

use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::json;

use super::{chart, outcome::Outcome, session::Session};
use crate::{
    cluster::Cluster,
    exec,
    images::{self, Target},
};

/// Starts the cluster, brings the images and lets the API server judge the chart's objects.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let cluster = session.start_cluster(deadline)?;
    let mut outcome = Outcome::passed(1);
    let images = images::ensure(&Target::Local(cluster.clone()), session.given_plugin.as_deref());
    let images = images.map(|plugin| session.plugin = plugin);
    outcome.check("the images are built and imported", images);
    outcome.check("the API server accepts the chart's objects", accepted(&cluster));
    Ok(outcome)
}

/// A server-side dry run: nothing is created but the namespace that it needs.
fn accepted(cluster: &Cluster) -> Result<()> {
    let objects = chart::sample_objects(&cluster.bin_dir.join("helm"))?;
    let namespace = format!("{}-dry-run", chart::RELEASE);
    let ensure = || {
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        exec::feed(cluster.kubectl().args(["apply", "-f", "-"]), &object.to_string())
    };
    ensure()?;
    let items: Vec<_> = objects
        .into_iter()
        .map(|mut object| {
            object["metadata"]["namespace"] = json!(namespace);
            object
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    let mut apply = cluster.kubectl();
    apply.args(["apply", "--dry-run=server", "--validate=strict", "-f", "-"]);
    let result = exec::feed(&mut apply, &list.to_string());
    exec::capture(cluster.kubectl().args(["delete", "namespace", &namespace, "--wait=false"]))?;
    let answered = result?.lines().count();
    if answered < items.len() {
        bail!("{} objects, {answered} answers", items.len());
    }
    Ok(())
}
