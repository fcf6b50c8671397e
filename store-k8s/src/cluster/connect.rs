//! The connection to the cluster: made on first use, made anew when its credentials were refused or ran out.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use kube::config::KubeConfigOptions;
use kube::{Client, Config};
use store_core::ports::{Clock, PortError};
use tokio::sync::Mutex;

use super::error;
use super::kubeconfig::{self, ClusterConfig, ConnectError, Target};

/// How long one request that is not a watch may take, retries included.
pub(crate) const CALL: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);

/// A cluster that was resolved from configuration. Cheap to clone; making one asks nobody, so that a server starts
/// while its cluster is down.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    target: Target,
    /// The program of the kubeconfig's credential plugin, to name it when it fails.
    plugin: Option<String>,
    clock: Arc<dyn Clock>,
    client: Mutex<Option<Connection>>,
}

/// A client that is there, or is being made. Making one may run a credential plugin: it is shared by all who wait, and
/// goes on when they give up, so that a plugin that hangs is not started again and again.
type Connection = Shared<BoxFuture<'static, Result<Client, Arc<PortError>>>>;

impl Cluster {
    /// Resolves kubeconfig and context, and reads them once so that mistakes are known at start.
    pub async fn connect(config: &ClusterConfig, clock: Arc<dyn Clock>) -> Result<Self, ConnectError> {
        let target = Target::resolve(config)?;
        let plugin = configuration(&target).await?.auth_info.exec.and_then(|exec| exec.command);
        Ok(Self { inner: Arc::new(Inner { target, plugin, clock, client: Mutex::new(None) }) })
    }

    /// What Helm has to be told to reach the same cluster.
    pub(crate) fn helm_arguments(&self) -> Vec<OsString> {
        self.inner.target.helm_arguments()
    }

    /// `KUBECONFIG` for Helm.
    pub(crate) fn kubeconfig_variable(&self) -> Option<OsString> {
        self.inner.target.kubeconfig_variable()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// The client, made on first use.
    pub(crate) async fn client(&self) -> Result<Client, PortError> {
        let mut slot = self.inner.client.lock().await;
        let connection =
            slot.take().filter(|connection| self.is_usable(connection)).unwrap_or_else(|| self.connection());
        *slot = Some(connection.clone());
        drop(slot);
        match within(CALL, "connect to the cluster", connection).await? {
            Ok(client) => Ok(client),
            Err(error) => Err(PortError::new(error.class(), error.to_string()).because(error)),
        }
    }

    fn is_usable(&self, connection: &Connection) -> bool {
        match connection.peek() {
            None => true,
            Some(Ok(client)) => client.valid_until().is_none_or(|end| self.inner.clock.now() < end),
            Some(Err(_)) => false,
        }
    }

    fn connection(&self) -> Connection {
        let inner = self.inner.clone();
        let task = tokio::spawn(async move { build(&inner).await });
        let connection = async move {
            task.await.unwrap_or_else(|cause| {
                Err(PortError::transient("cannot connect to the cluster: the attempt was cut off").because(cause))
            })
        };
        connection.map(|result| result.map_err(Arc::new)).boxed().shared()
    }

    /// What an error of a request means. `doing` completes "cannot …".
    pub(crate) fn classify(&self, doing: &str, cause: kube::Error) -> PortError {
        error::classify(doing, self.inner.plugin.as_deref(), cause)
    }

    /// Forgets the client, so that the next call reads kubeconfig and credentials again.
    pub(crate) async fn forget_client(&self) {
        *self.inner.client.lock().await = None;
    }

    /// Makes one request with a deadline, and classifies its error. `doing` completes "cannot …".
    pub(crate) async fn call<T, F>(&self, doing: &str, request: impl FnOnce(Client) -> F) -> Result<T, PortError>
    where
        F: Future<Output = kube::Result<T>>,
    {
        let client = self.client().await?;
        match within(CALL, doing, request(client)).await? {
            Ok(value) => Ok(value),
            Err(cause) => {
                if error::is_unauthorized(&cause) {
                    self.forget_client().await;
                }
                Err(self.classify(doing, cause))
            }
        }
    }
}

impl std::fmt::Display for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.inner.target.fmt(f)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({})", self.inner.target)
    }
}

/// Puts a deadline around something that talks to the cluster.
pub(crate) async fn within<T>(deadline: Duration, doing: &str, work: impl Future<Output = T>) -> Result<T, PortError> {
    tokio::time::timeout(deadline, work).await.map_err(|elapsed| {
        PortError::transient(format!("cannot {doing}: no answer within {} s", deadline.as_secs())).because(elapsed)
    })
}

async fn build(inner: &Inner) -> Result<Client, PortError> {
    let config = configuration(&inner.target)
        .await
        .map_err(|cause| PortError::transient(format!("cannot connect to the cluster: {cause}")).because(cause))?;
    // `Client::try_from` runs credential plugins synchronously.
    tokio::task::spawn_blocking(move || Client::try_from(config))
        .await
        .map_err(|cause| PortError::transient("cannot connect to the cluster: the attempt was cut off").because(cause))?
        .map_err(|cause| error::classify("connect to the cluster", inner.plugin.as_deref(), cause))
}

async fn configuration(target: &Target) -> Result<Config, ConnectError> {
    let mut config = match target {
        Target::InCluster => Config::incluster().map_err(|cause| ConnectError::InCluster(cause.into()))?,
        Target::Files { files, context } => {
            let options = KubeConfigOptions { context: Some(context.clone()), ..KubeConfigOptions::default() };
            let merged = kubeconfig::read(files)?;
            Config::from_custom_kubeconfig(merged, &options).await.map_err(|source| ConnectError::Unusable {
                files: target.to_string(),
                context: context.clone(),
                source: Box::new(source),
            })?
        }
    };
    config.connect_timeout = Some(CONNECT);
    Ok(config)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
