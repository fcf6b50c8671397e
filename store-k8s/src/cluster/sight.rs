//! Whether the cluster can be seen. A watch that breaks is only a doubt; a small read decides.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use store_core::ports::{ClusterIdentity, PortError};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::connect::{Cluster, within};
use super::error;

const LOOK: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What is known about the view of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Sight {
    lost: Mutex<Option<String>>,
    doubt: Notify,
}

impl Sight {
    /// Something failed that should not: have a look.
    pub(crate) fn doubt(&self, error: &(dyn std::error::Error + 'static)) {
        // The look says what is wrong with the credentials; the error itself prints what their plugin said.
        let error = error::auth_error(error).is_none().then_some(error);
        tracing::debug!(error, "a watch is interrupted; having a look");
        self.doubt.notify_one();
    }

    /// An error if the cluster cannot be seen at present.
    pub(crate) fn check(&self) -> Result<(), PortError> {
        match self.lost.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            Some(why) => Err(PortError::transient(format!("the cluster cannot be seen: {why}"))),
            None => Ok(()),
        }
    }

    fn set(&self, why: Option<String>) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match (lost.is_some(), &why) {
            (false, Some(why)) => tracing::warn!(why, "the cluster is out of sight"),
            (true, None) => tracing::info!("the cluster is in sight again"),
            _ => {}
        }
        *lost = why;
    }

    /// Clears up doubts until the task is dropped.
    pub(crate) async fn keep(&self, cluster: &Cluster) {
        loop {
            self.doubt.notified().await;
            let mut pause = FIRST_PAUSE;
            while let Err(error) = identify(cluster, LOOK).await {
                self.set(Some(error.to_string()));
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            self.set(None);
        }
    }
}

/// Which cluster it is, asked now.
pub(crate) async fn identify(cluster: &Cluster, deadline: Duration) -> Result<ClusterIdentity, PortError> {
    let doing = "identify the cluster";
    let read = cluster.call(doing, |client| async move {
        let namespaces = Api::<Namespace>::all(client.clone());
        tokio::try_join!(namespaces.get_metadata("kube-system"), client.apiserver_version())
    });
    let (system, version) = within(deadline, doing, read).await??;
    let uid = system.metadata.uid.ok_or_else(|| PortError::transient("the namespace kube-system has no UID"))?;
    Ok(ClusterIdentity { uid, version: version.git_version })
}
