//! Whether the cluster may be touched at all: it can be reached, and it is the one this installation is bound to.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::planted::{Bug, planted};
use crate::ports::{Clock, HealthProbe, PortError, StoreRepository};

/// How often the cluster's identity is checked.
const CHECK_EVERY: Duration = Duration::from_secs(10);
/// How often while it cannot be used.
const CHECK_EVERY_WHILE_CLOSED: Duration = Duration::from_secs(2);
/// One check takes at most this long.
const CHECK_DEADLINE: Duration = Duration::from_secs(5);

/// What is known of the cluster as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClusterState {
    /// Not asked yet.
    #[default]
    Unchecked,
    /// It is ours and it answers.
    Open {
        /// Its version.
        version: String,
    },
    /// It cannot be reached: all work is parked, reads go on.
    Unreachable {
        /// What came back.
        reason: String,
    },
    /// It is not the cluster that this database belongs to: all work is parked, reads go on.
    OtherCluster {
        /// UID of the cluster the database is bound to.
        bound_to: String,
        /// UID of the one that answered.
        found: String,
    },
}

impl ClusterState {
    /// Whether work may go on.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }

    /// Why work is parked, if it is.
    pub fn parked_reason(&self) -> Option<String> {
        match self {
            Self::Open { .. } => None,
            Self::Unchecked => Some("the cluster has not been asked yet".to_owned()),
            Self::Unreachable { reason } => Some(format!("the cluster cannot be reached: {reason}")),
            Self::OtherCluster { bound_to, found } => Some(format!(
                "this database belongs to the cluster {bound_to}, but the kubeconfig leads to {found}; \
                 point it at the right cluster"
            )),
        }
    }
}

/// Asks once.
pub(crate) async fn check(
    repository: &dyn StoreRepository,
    probe: &dyn HealthProbe,
    clock: &dyn Clock,
) -> Result<ClusterState, PortError> {
    let identity = tokio::select! {
        biased;
        answer = probe.cluster() => answer,
        () = clock.sleep(CHECK_DEADLINE) => Err(PortError::transient("no answer within 5 s")),
    };
    let identity = match identity {
        Ok(identity) => identity,
        Err(error) => return Ok(ClusterState::Unreachable { reason: error.to_string() }),
    };
    let installation = repository.bind_cluster(&identity.uid).await?;
    Ok(match installation.cluster_uid {
        Some(bound_to) if bound_to != identity.uid && !planted(Bug::ClusterNotChecked) => {
            ClusterState::OtherCluster { bound_to, found: identity.uid }
        }
        _ => ClusterState::Open { version: identity.version },
    })
}

/// Asks again and again until `stop`, and publishes each change.
pub(super) async fn keep_checking(
    repository: Arc<dyn StoreRepository>,
    probe: Arc<dyn HealthProbe>,
    clock: Arc<dyn Clock>,
    state: watch::Sender<ClusterState>,
    stop: CancellationToken,
) {
    loop {
        let checked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            checked = check(&*repository, &*probe, &*clock) => checked,
        };
        match checked {
            Ok(seen) => publish(&state, seen),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot compare the cluster with the database"
                );
            }
        }
        let pause = if state.borrow().is_open() { CHECK_EVERY } else { CHECK_EVERY_WHILE_CLOSED };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = clock.sleep(pause) => {}
        }
    }
}

fn publish(state: &watch::Sender<ClusterState>, seen: ClusterState) {
    state.send_if_modified(|known| {
        if *known == seen {
            return false;
        }
        if let Some(reason) = seen.parked_reason() {
            tracing::warn!(reason, "all work is parked");
        } else {
            tracing::info!("the cluster is in sight");
        }
        *known = seen;
        true
    });
}
