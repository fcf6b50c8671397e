//! What can be configured: from flags, the environment and a `.env` file, in this order of precedence.
//!
//! The library reads no environment by itself: binaries hand theirs in. All that is wrong is named at once, each with
//! the variable, its value and what is allowed.

mod addresses;
mod database;
mod dotenv;
mod http;
mod lookup;
mod moving;
mod sections;
mod settings;
mod simulated;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

pub use addresses::AddressSettings;
pub use database::DatabaseSettings;
pub use dotenv::DotenvError;
pub use http::{AllowedHost, HttpSettings};
pub use moving::MovingSettings;
pub use sections::{ClusterSettings, HelmSettings, LogFormat, LoggingSettings, ProvisioningSettings};
pub use settings::{Concern, MOVING_SETTINGS, SETTINGS, Setting};

pub(crate) use database::beside;
use lookup::Lookup;

/// Where values come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// Values of flags, by the variable that they stand for; they win over everything.
    pub flags: BTreeMap<&'static str, String>,
    /// The process's environment; it wins over the `.env` file.
    pub environment: BTreeMap<OsString, OsString>,
    /// The `.env` file.
    pub env_file: EnvFile,
    /// The working directory, absolute.
    pub directory: PathBuf,
}

/// Which `.env` file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvFile {
    /// `.env` in the working directory, if there is one.
    Default,
    /// This one; it must be there.
    Named(PathBuf),
    /// None.
    None,
}

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The `.env` file cannot be used.
    #[error(transparent)]
    EnvFile(#[from] DotenvError),
    /// These values are wrong; one line for each.
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
}

/// The whole configuration.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The database and the credentials at rest.
    pub database: DatabaseSettings,
    /// Helm and the chart.
    pub helm: HelmSettings,
    /// The cluster.
    pub cluster: ClusterSettings,
    /// How stores are brought up.
    pub provisioning: ProvisioningSettings,
    /// What stores are called and where they are reached.
    pub addresses: AddressSettings,
    /// Where the platform keeps its own files; absolute.
    pub state_dir: PathBuf,
    /// Logs.
    pub logging: LoggingSettings,
    /// The HTTP server.
    pub http: HttpSettings,
    /// The environment for Helm and credential plugins, `.env` included; they get only what is allowed.
    pub environment: BTreeMap<OsString, OsString>,
    /// What is odd but no error; to be logged at start.
    pub warnings: Vec<String>,
}

impl Configuration {
    /// Reads the configuration.
    pub fn load(sources: Sources) -> Result<Self, ConfigurationError> {
        Self::read(Lookup::new(sources)?)
    }

    /// Reads the configuration of a platform on a simulated cluster, in memory. Settings of a database, a cluster or
    /// Helm are refused: whoever gives one believes that it is used.
    pub fn load_simulated(sources: Sources) -> Result<Self, ConfigurationError> {
        let mut lookup = Lookup::new(sources)?;
        simulated::refuse_real(&mut lookup);
        Self::read(lookup)
    }

    fn read(mut lookup: Lookup) -> Result<Self, ConfigurationError> {
        let state_dir = sections::state_dir(&mut lookup);
        let database = DatabaseSettings::read(&mut lookup, &state_dir);
        let helm = HelmSettings::read(&mut lookup);
        let cluster = ClusterSettings::read(&mut lookup);
        let provisioning = ProvisioningSettings::read(&mut lookup);
        let addresses = AddressSettings::read(&mut lookup);
        let logging = LoggingSettings::read(&mut lookup);
        let http = HttpSettings::read(&mut lookup);
        sections::warn_of_unknown(&mut lookup);
        let environment = ClusterSettings::environment(&mut lookup);
        let warnings = lookup.finish()?;
        Ok(Self { database, helm, cluster, provisioning, addresses, state_dir, logging, http, environment, warnings })
    }
}
