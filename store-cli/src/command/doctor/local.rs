//! What is on this machine: settings, database, key, Helm and chart; then the cluster.

use std::path::Path;
use std::sync::Arc;

use store_core::ports::{ListQuery, StoreRepository};
use store_core::service::StoreDocument;
use store_db::{DatabaseRepository, OpenMode, ReconcilerLock};
use store_k8s::{ChartSource, Cluster, ClusterConfig, HelmConfig, HelmDeployer, HelmVersion};
use store_platform::credentials_key::CredentialsKeyError;
use store_platform::{Access, Configuration, CredentialsKeyFile, Platform, SystemClock};
use uuid::Uuid;

use super::report::Report;
use super::values::Wanted;
use super::{cluster, names};
use crate::args::SettingFlags;
use crate::{door, text};

/// What the database says.
pub(super) struct Known {
    /// Whose objects are ours.
    pub(super) installation: Uuid,
    /// The cluster that it belongs to.
    pub(super) cluster_uid: Option<String>,
    /// Its stores, deleted ones left out.
    pub(super) stores: Vec<StoreDocument>,
}

/// Looks at everything, from near to far. What cannot be looked at because of something nearer is left out.
pub(super) async fn examine(flags: &SettingFlags, report: &mut Report) {
    let configuration = match door::configuration(flags) {
        Ok(configuration) => configuration,
        Err(failure) => return report.fail("settings", failure.message(), "correct them in the environment or .env"),
    };
    match configuration.warnings.as_slice() {
        [] => report.ok("settings", "understood"),
        warnings => report.warn("settings", warnings.join("\n"), "correct them in the environment or .env"),
    }
    let known = database(&configuration, report).await;
    key(&configuration, report);
    let Some(cluster) = connect(&configuration, report).await else {
        // Helm needs no cluster to say its version.
        let detected = HelmVersion::detect(&helm_config(&configuration)).await;
        return match detected {
            Ok(version) => helm_version(&version, report),
            Err(error) => report.broken("Helm", &error),
        };
    };
    let wanted = helm(&configuration, &cluster, report).await;
    let address = cluster::examine(&cluster, known.as_ref(), &wanted, report).await;
    names::examine(known.as_ref().map_or(&[], |known| &known.stores), address.as_deref(), report).await;
}

/// Reads the kubeconfig; asks the cluster nothing.
async fn connect(configuration: &Configuration, report: &mut Report) -> Option<Cluster> {
    let config = ClusterConfig {
        kubeconfig: configuration.cluster.kubeconfig.clone(),
        context: configuration.cluster.context.clone(),
        environment: configuration.environment.clone(),
    };
    match Cluster::connect(&config, Arc::new(SystemClock)).await {
        Ok(cluster) => {
            report.ok("kubeconfig", cluster.to_string());
            Some(cluster)
        }
        Err(error) => {
            report.broken("kubeconfig", &error);
            None
        }
    }
}

/// Never makes one.
async fn database(configuration: &Configuration, report: &mut Report) -> Option<Known> {
    let database = &configuration.database.url;
    let file = configuration.database.file();
    if file.is_some_and(|file| !file.exists()) {
        report.ok("database", format!("none yet at {database}; the first store makes it"));
        return None;
    }
    match read(configuration).await {
        Ok(known) => {
            let stores = text::count(known.stores.len(), "store");
            report.ok("database", format!("{database}, {stores}"));
            match file.map(ReconcilerLock::holder) {
                Some(Some(process)) => report.ok("reconciler", format!("process {process} works on the stores")),
                Some(None) => report.ok("reconciler", "none runs: stores move only while a command waits for them"),
                None => report.ok("reconciler", "every process on this database works on the stores"),
            }
            Some(known)
        }
        Err(error) => {
            report.broken("database", &*error);
            None
        }
    }
}

async fn read(configuration: &Configuration) -> Result<Known, Box<dyn std::error::Error>> {
    let repository = DatabaseRepository::open(&configuration.database.url, OpenMode::Existing).await?;
    let installation = repository.installation().await?;
    repository.close().await;
    let platform = Platform::open(configuration, Access::Read).await?;
    let list = platform.service().list(&ListQuery { limit: 10_000, ..ListQuery::default() }).await;
    platform.close().await;
    Ok(Known { installation: installation.id, cluster_uid: installation.cluster_uid, stores: list?.stores })
}

fn key(configuration: &Configuration, report: &mut Report) {
    let Some(file) = configuration.database.key_file() else {
        report.broken("credentials key", &CredentialsKeyError::Unnamed);
        return;
    };
    if !file.exists() && configuration.database.credentials_key_file.is_none() {
        if configuration.database.file().is_some_and(Path::exists) {
            let found = format!("{} is missing", file.display());
            report.warn("credentials key", found, "put a copy of it back; without one, a new key is made");
        }
        return;
    }
    match CredentialsKeyFile::read(&file) {
        Ok(_) => report.ok("credentials key", file.display().to_string()),
        Err(error) => report.broken("credentials key", &error),
    }
}

fn helm_config(configuration: &Configuration) -> HelmConfig {
    HelmConfig {
        binary: configuration.helm.binary.clone(),
        state_dir: configuration.state_dir.clone(),
        chart: configuration.helm.chart.clone().map_or(ChartSource::Embedded, ChartSource::Directory),
        values_files: configuration.helm.values_files.clone(),
        environment: configuration.environment.clone(),
        passthrough: configuration.helm.passthrough.clone(),
    }
}

fn helm_version(version: &HelmVersion, report: &mut Report) {
    report.ok("Helm", format!("{} at {}", version.text, version.binary.display()));
}

/// Helm, the chart, and what its values ask of a cluster.
async fn helm(configuration: &Configuration, cluster: &Cluster, report: &mut Report) -> Wanted {
    let deployer = match HelmDeployer::new(cluster.clone(), helm_config(configuration), Uuid::nil()).await {
        Ok(deployer) => deployer,
        Err(error) => {
            report.broken("Helm", &error);
            return Wanted::default();
        }
    };
    helm_version(deployer.version(), report);
    let directory = match (&configuration.helm.chart, deployer.digests().await) {
        (Some(directory), _) => directory.clone(),
        // The embedded chart is written to a directory that its digest names.
        (None, Ok(digests)) => configuration.state_dir.join("charts").join(digests.chart),
        (None, Err(error)) => {
            report.broken("chart", &error);
            return Wanted::default();
        }
    };
    let files: Vec<_> = configuration.helm.values_files.iter().map(|file| directory.join(file)).collect();
    let names: Vec<_> = configuration.helm.values_files.iter().map(|file| file.display().to_string()).collect();
    let chart =
        configuration.helm.chart.as_ref().map_or("the built-in one".into(), |chart| chart.display().to_string());
    let with = if names.is_empty() { String::new() } else { format!(" with {}", names.join(", ")) };
    report.ok("chart", format!("{chart}{with}"));
    Wanted::read(&directory, &files)
}
