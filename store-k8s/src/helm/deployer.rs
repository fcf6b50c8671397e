//! [`HelmDeployer`]: the port that changes the cluster, by the API for what must exist before Helm, by Helm for the rest.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use store_core::lifecycle::Store;
use store_core::ports::{ActionContext, ActionInFlight, Deployer, ErrorClass, PortError, StopOutcome};
use store_core::store::StoreCredentials;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::args::{Invocation, Operation, arguments};
use super::chart::{Chart, ChartError, ChartSource, Digests};
use super::environment::{self, Environment};
use super::run::{End, Ended, run};
use super::spawn::{Program, Spawner, host, is_here};
use super::version::{self, HelmVersion, HelmVersionError};
use super::{classify, stop, values};
use crate::cluster::connect::Cluster;
use crate::cluster::{namespace, secret};

/// Covers writing the action down, starting the process, and its end after SIGKILL.
const MARGIN: Duration = Duration::from_secs(10);
const VERSION_DEADLINE: Duration = Duration::from_secs(10);

/// How Helm is run. The environment is the program's, handed in by it.
#[derive(Debug, Clone)]
pub struct HelmConfig {
    /// `HELM_BINARY`: a path, or a name that is looked up in `PATH`.
    pub binary: PathBuf,
    /// Where the embedded chart and Helm's own directories are written.
    pub state_dir: PathBuf,
    /// Which chart.
    pub chart: ChartSource,
    /// `HELM_VALUES_FILE`, then `HELM_ENV_VALUES_FILE`; relative ones are within the chart.
    pub values_files: Vec<PathBuf>,
    /// Our environment, of which Helm gets a documented part.
    pub environment: BTreeMap<OsString, OsString>,
    /// `HELM_ENV_PASSTHROUGH`: more variables for Helm; a name that ends in `*` is a prefix.
    pub passthrough: Vec<String>,
}

/// Why Helm cannot be used: something that the operator has to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HelmSetupError {
    /// The program.
    #[error(transparent)]
    Version(#[from] HelmVersionError),
    /// The chart or the values files.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The state directory.
    #[error("the state directory {} cannot be used", .path.display())]
    StateDirectory {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The thread that starts processes.
    #[error("no thread can be started")]
    Thread(#[source] std::io::Error),
}

/// Changes the cluster: namespace and Secret through the API, everything else through Helm.
#[derive(Debug)]
pub struct HelmDeployer {
    cluster: Cluster,
    installation: Uuid,
    spawner: Spawner,
    helm: HelmVersion,
    chart: Chart,
    environment: Environment,
    directory: PathBuf,
}

impl HelmDeployer {
    /// Checks Helm, chart and values files, and starts the thread that starts processes. Asks the cluster nothing.
    pub async fn new(cluster: Cluster, config: HelmConfig, installation: Uuid) -> Result<Self, HelmSetupError> {
        let directory = std::path::absolute(&config.state_dir).unwrap_or(config.state_dir);
        let unusable = |source| HelmSetupError::StateDirectory { path: directory.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(unusable)?;
        let kubeconfig = cluster.kubeconfig_variable();
        let environment = environment::base(&config.environment, &config.passthrough, kubeconfig, &directory);
        let spawner = Spawner::start().map_err(HelmSetupError::Thread)?;
        let binary =
            version::find(&config.binary, config.environment.get(OsStr::new("PATH")).map(OsString::as_os_str))?;
        let helm = detect(&spawner, binary, &environment, &directory).await?;
        let chart = Chart::open(&config.chart, &directory, &config.values_files)?;
        Ok(Self { cluster, installation, spawner, helm, chart, environment, directory })
    }

    /// The Helm that was found.
    pub fn version(&self) -> &HelmVersion {
        &self.helm
    }

    /// The digests of chart and values as they would be installed now.
    pub async fn digests(&self) -> Result<Digests, ChartError> {
        let chart = self.chart.clone();
        blocking(move || chart.digests()).await
    }

    async fn helm(&self, operation: Operation, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        let (begun, allowed) = (Instant::now(), allowed(context.deadline));
        let release = store.id.release();
        let doing = format!("{} {release}", words(operation));
        if needs_chart(operation) {
            let chart = self.chart.clone();
            let checked = blocking(move || chart.check().and_then(|()| chart.check_size())).await;
            checked.map_err(|cause| PortError::permanent(cause.to_string()).because(cause))?;
        }
        let connection = self.cluster.helm_arguments();
        let invocation = Invocation {
            release: &release,
            chart: self.chart.directory(),
            values_files: self.chart.values_files(),
            connection: &connection,
        };
        let program = Program {
            binary: self.helm.binary.clone(),
            arguments: arguments(operation, &invocation),
            environment: environment::marked(self.environment.clone(), context.id),
            directory: self.directory.clone(),
        };
        let input = if needs_chart(operation) { values::document(self.installation, store) } else { Vec::new() };
        let prepared = begun.elapsed();
        if prepared >= context.start_within {
            let why = format!("cannot {doing}: it took {} s to begin, and another may be at it", prepared.as_secs());
            return Err(PortError::transient(why));
        }
        let remaining = allowed.saturating_sub(prepared);
        let ended = run(&self.spawner, program, input, remaining, &context.cancel).await.map_err(|cause| {
            PortError::transient(format!("cannot {doing}: Helm cannot be run ({cause})")).because(cause)
        })?;
        tracing::debug!(store = %store.id, ?operation, elapsed = ?begun.elapsed(), end = ?ended.end, "helm ended");
        judge(&doing, &ended, allowed)
    }

    /// Does something through the API, until the action's deadline or its cancellation.
    async fn api<T>(
        &self,
        context: &ActionContext,
        doing: &str,
        work: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, PortError> {
        tokio::select! {
            () = context.cancel.cancelled() => Err(cancelled(doing)),
            done = tokio::time::timeout(context.deadline, work) => done.unwrap_or_else(|elapsed| {
                let seconds = context.deadline.as_secs();
                Err(PortError::transient(format!("cannot {doing}: not done within {seconds} s")).because(elapsed))
            }),
        }
    }
}

#[async_trait]
impl Deployer for HelmDeployer {
    fn host(&self) -> (String, String) {
        host()
    }

    async fn provenance(&self) -> Option<String> {
        let Digests { chart, values } = self.digests().await.ok()?;
        Some(format!("chart sha256:{chart}, values sha256:{values}"))
    }

    async fn ensure_namespace(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        let work = namespace::ensure(&self.cluster, self.installation, store);
        self.api(context, "create the namespace", work).await
    }

    async fn ensure_credentials(
        &self,
        store: &Store,
        credentials: &StoreCredentials,
        context: &ActionContext,
    ) -> Result<(), PortError> {
        let work = secret::ensure(&self.cluster, self.installation, store, credentials);
        self.api(context, "create the Secret", work).await
    }

    async fn install(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.helm(Operation::Install, store, context).await
    }

    async fn upgrade(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        self.helm(Operation::Upgrade, store, context).await
    }

    async fn rollback(&self, store: &Store, revision: u32, context: &ActionContext) -> Result<(), PortError> {
        self.helm(Operation::Rollback { revision }, store, context).await
    }

    async fn uninstall(&self, store: &Store, context: &ActionContext) -> Result<(), PortError> {
        match self.helm(Operation::Uninstall, store, context).await {
            Err(error) if error.class() == ErrorClass::NotFound => Ok(()),
            done => done,
        }
    }

    async fn delete_namespace(&self, store: &Store, uid: &str, context: &ActionContext) -> Result<(), PortError> {
        let name = store.id.namespace();
        self.api(context, "delete the namespace", namespace::delete(&self.cluster, &name, uid)).await
    }

    async fn stop(&self, action: &ActionInFlight) -> Result<StopOutcome, PortError> {
        if is_here(&(action.host.clone(), action.boot_id.clone())) {
            stop::end_action(action.id).await
        } else {
            Ok(StopOutcome::MayStillRun)
        }
    }
}

impl HelmVersion {
    /// Finds Helm and asks its version, without anything else of a deployer; for `store doctor`.
    pub async fn detect(config: &HelmConfig) -> Result<Self, HelmSetupError> {
        let spawner = Spawner::start().map_err(HelmSetupError::Thread)?;
        let environment = environment::base(&config.environment, &config.passthrough, None, &config.state_dir);
        let binary =
            version::find(&config.binary, config.environment.get(OsStr::new("PATH")).map(OsString::as_os_str))?;
        Ok(detect(&spawner, binary, &environment, std::path::Path::new("/")).await?)
    }
}

async fn detect(
    spawner: &Spawner,
    binary: PathBuf,
    environment: &Environment,
    directory: &std::path::Path,
) -> Result<HelmVersion, HelmVersionError> {
    let program = Program {
        binary: binary.clone(),
        arguments: ["version", "--short"].map(OsString::from).into(),
        environment: environment.clone(),
        directory: directory.to_owned(),
    };
    let ended = run(spawner, program, Vec::new(), VERSION_DEADLINE, &CancellationToken::new())
        .await
        .map_err(|source| HelmVersionError::CannotRun { binary: binary.clone(), source })?;
    match ended.end {
        End::Exited(_) => version::parse(&binary, &String::from_utf8_lossy(&ended.stdout)),
        End::TimedOut | End::Cancelled => Err(HelmVersionError::Hangs { binary, seconds: VERSION_DEADLINE.as_secs() }),
    }
}

/// How long Helm may take. The deadline that others rely on was written down before we were called, so the process,
/// killed if need be, has to be gone some time before ours.
fn allowed(deadline: Duration) -> Duration {
    deadline.saturating_sub(MARGIN.min(deadline / 3))
}

fn judge(doing: &str, ended: &Ended, allowed: Duration) -> Result<(), PortError> {
    match ended.end {
        End::Exited(status) if status.success() => Ok(()),
        End::Exited(_) => Err(classify::classify(doing, &ended.stderr)),
        End::TimedOut => {
            let seconds = allowed.as_secs();
            Err(PortError::transient(format!("cannot {doing}: Helm did not end within {seconds} s and was stopped")))
        }
        End::Cancelled => Err(cancelled(doing)),
    }
}

fn cancelled(doing: &str) -> PortError {
    PortError::new(ErrorClass::Cancelled, format!("{doing}: stopped on request"))
}

/// Rollback and uninstall work from the release record alone, and so also when chart or values are broken.
fn needs_chart(operation: Operation) -> bool {
    match operation {
        Operation::Install | Operation::Upgrade => true,
        Operation::Rollback { .. } | Operation::Uninstall => false,
    }
}

fn words(operation: Operation) -> &'static str {
    match operation {
        Operation::Install => "install the release",
        Operation::Upgrade => "upgrade the release",
        Operation::Rollback { .. } => "roll back the release",
        Operation::Uninstall => "uninstall the release",
    }
}

/// Runs file work off the async threads; it only ends early when the runtime does.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChartError> + Send + 'static,
) -> Result<T, ChartError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|cause| Err(ChartError::Io { path: PathBuf::new(), source: std::io::Error::other(cause) }))
}
