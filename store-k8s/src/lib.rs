//! Kubernetes and Helm behind the ports of `store-core`.
//!
//! ```no_run
//! # use std::{collections::BTreeMap, path::PathBuf, sync::Arc};
//! # use store_core::ports::Clock;
//! # async fn example(clock: Arc<dyn Clock>, installation: uuid::Uuid) -> Result<(), Box<dyn std::error::Error>> {
//! use store_k8s::{ChartSource, Cluster, ClusterConfig, HelmConfig, HelmDeployer, KubeProbe};
//!
//! // Libraries read no environment: the program hands its own in.
//! let environment: BTreeMap<_, _> = std::env::vars_os().collect();
//! let config = ClusterConfig { kubeconfig: None, context: None, environment: environment.clone() };
//! let cluster = Cluster::connect(&config, clock).await?; // reads the kubeconfig, asks the cluster nothing
//! let helm = HelmConfig {
//!     binary: PathBuf::from("helm"),
//!     state_dir: PathBuf::from("/var/lib/store-platform"),
//!     chart: ChartSource::Embedded,
//!     values_files: vec![PathBuf::from("values-local.yaml")],
//!     environment,
//!     passthrough: Vec::new(),
//! };
//! let deployer = HelmDeployer::new(cluster.clone(), helm, installation).await?; // impl Deployer
//! let probe = KubeProbe::start(cluster, installation); // impl HealthProbe; watches until it is dropped
//! # Ok(()) }
//! ```
//!
//! # Rights
//! `charts/platform/role.yaml` lists everything that the control plane and its Helm need; [`doctor`] asks for each of it.
//!
//! The watches cost one list and one watch for each kind, however many stores there are; a cached look costs nothing.
//! Only an object that stays without pods or volume is asked for its events, less and less often while it does; a claim
//! that waits for a pod that no node can take is not asked at all.
//!
//! # Environment
//! Helm, and the credential plugins that it runs, get from our environment: `PATH`, `HOME`, `USER`, `LANG`, `LC_ALL`,
//! `TMPDIR`, `KUBERNETES_SERVICE_HOST` and `_PORT`, the proxy variables in both cases, `SSL_CERT_FILE`, `SSL_CERT_DIR`,
//! and everything that begins with `AWS_`, `GOOGLE_`, `CLOUDSDK_`, `AZURE_`, `AAD_`, `OCI_`, `DIGITALOCEAN_`,
//! `ALIBABA_CLOUD_` or `OS_`; [`HelmConfig::passthrough`] adds to that. `KUBECONFIG` is what was resolved at start. A
//! plugin that the client itself runs gets our whole environment, as with every Kubernetes client.
//!
//! # Logs
//! What this library says of a credential plugin is its program and how it ended. The client's own targets
//! (`kube_client`, `kube_runtime`) print errors whole at level `debug`, and with them what a plugin printed: a program
//! that lets people choose a filter holds these two at `info`.

mod cluster;
pub mod credentials;
pub mod doctor;
mod helm;
pub mod labels;
#[cfg(test)]
mod testing;

pub use cluster::connect::Cluster;
pub use cluster::kubeconfig::{ClusterConfig, ConnectError};
pub use cluster::probe::KubeProbe;
pub use helm::chart::{ChartError, ChartSource, Digests};
pub use helm::deployer::{HelmConfig, HelmDeployer, HelmSetupError};
pub use helm::version::{HelmVersion, HelmVersionError, Major};
