//! The local cluster for the parts after this one: up, with the images, and of one mind with the chart.

use std::time::Instant;

use anyhow::Result;

use super::{dry_run, outcome::Outcome, session::Session};
use crate::images::{self, Target};

/// Starts the cluster, brings the images and lets the API server judge the chart's objects.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let cluster = session.start_cluster(deadline)?;
    let mut outcome = Outcome::passed(1);
    let images = images::ensure(&Target::Local(cluster.clone()), session.given_plugin.as_deref());
    let images = images.map(|plugin| session.plugin = plugin);
    outcome.check("the images are built and imported", images);
    dry_run::check(&cluster, &mut outcome)?;
    Ok(outcome)
}
