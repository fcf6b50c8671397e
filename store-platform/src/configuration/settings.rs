//! Every setting: its variable, its flag, and what it is for. Binaries make their flags and their help from this table.

/// One setting of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// The flag, without the dashes. Settings that may hold a secret have none.
    pub flag: Option<&'static str>,
    /// What stands for the value in the help.
    pub value: &'static str,
    /// What it does, with its default.
    pub help: &'static str,
    /// Which part of the platform it concerns.
    pub concern: Concern,
}

/// Which part of the platform a setting concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// The database and the credentials at rest.
    Database,
    /// Helm and the chart.
    Helm,
    /// The cluster.
    Cluster,
    /// How stores are brought up.
    Provisioning,
    /// What stores are called and where they are reached.
    Addresses,
    /// Where the platform keeps its own files.
    State,
    /// Logs.
    Logging,
    /// The HTTP server.
    Http,
}

const fn setting(
    concern: Concern,
    variable: &'static str,
    flag: &'static str,
    value: &'static str,
    help: &'static str,
) -> Setting {
    Setting { variable, flag: Some(flag), value, help, concern }
}

/// Every setting, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    Setting {
        variable: "DATABASE_URL",
        flag: None,
        value: "URL",
        help: "sqlite:///file.db (relative), sqlite:////absolute/file.db or a plain path; or \
               postgres://user:password@host:5432/database [default: store_platform.db in STATE_DIR]",
        concern: Concern::Database,
    },
    setting(
        Concern::Database,
        "DATABASE_URL_FILE",
        "database-url-file",
        "FILE",
        "File that holds the database URL, instead of DATABASE_URL",
    ),
    setting(
        Concern::Database,
        "DATABASE_CONNECTIONS",
        "database-connections",
        "NUMBER",
        "How many connections to PostgreSQL this process has, and one more [default: 8]",
    ),
    setting(
        Concern::Database,
        "CREDENTIALS_KEY_FILE",
        "credentials-key-file",
        "FILE",
        "Keys for credentials at rest, mode 0600; with PostgreSQL needed, and the same for every process \
         [default: made beside a SQLite file]",
    ),
    setting(Concern::Helm, "HELM_BINARY", "helm-binary", "PROGRAM", "The Helm program [default: helm in PATH]"),
    setting(Concern::Helm, "HELM_CHART_PATH", "helm-chart-path", "DIR", "The chart [default: the built-in one]"),
    setting(
        Concern::Helm,
        "HELM_VALUES_FILE",
        "helm-values-file",
        "FILE",
        "Values on top of the chart's own; relative ones within the chart",
    ),
    setting(
        Concern::Helm,
        "HELM_ENV_VALUES_FILE",
        "helm-env-values-file",
        "FILE",
        "Values of this environment, on top of HELM_VALUES_FILE; relative ones within the chart",
    ),
    setting(
        Concern::Helm,
        "HELM_ENV_PASSTHROUGH",
        "helm-env-passthrough",
        "NAMES",
        "More environment variables that Helm gets, separated by commas; one that ends in * is a prefix",
    ),
    setting(
        Concern::Cluster,
        "KUBECONFIG",
        "kubeconfig",
        "FILE",
        "The kubeconfig [default: ~/.kube/config, or the cluster we run in]",
    ),
    setting(Concern::Cluster, "KUBE_CONTEXT", "context", "NAME", "The context [default: the kubeconfig's current one]"),
    setting(
        Concern::Provisioning,
        "PROVISIONING_TIMEOUT_SECONDS",
        "provisioning-timeout-seconds",
        "SECONDS",
        "How long a store may take to become READY while the cluster can be seen [default: 600]",
    ),
    setting(
        Concern::Provisioning,
        "PROVISIONING_POLL_INTERVAL_SECONDS",
        "provisioning-poll-interval-seconds",
        "SECONDS",
        "How often a moving store is looked at when nothing reports a change [default: 5]",
    ),
    setting(
        Concern::Provisioning,
        "PROVISIONING_MAX_WORKERS",
        "provisioning-max-workers",
        "NUMBER",
        "How many actions on the cluster run at once [default: 5]",
    ),
    setting(
        Concern::Provisioning,
        "PROVISIONING_MAX_IN_PROGRESS",
        "provisioning-max-in-progress",
        "NUMBER",
        "How many stores are brought up at once; the others wait [default: ten times PROVISIONING_MAX_WORKERS]",
    ),
    setting(
        Concern::Addresses,
        "BASE_DOMAIN",
        "base-domain",
        "DOMAIN",
        "Stores are reached at NAME.DOMAIN [default: localhost]",
    ),
    setting(
        Concern::Addresses,
        "PUBLIC_URL_TEMPLATE",
        "public-url-template",
        "TEMPLATE",
        "What new stores' URLs look like [default: http://{name}.BASE_DOMAIN]",
    ),
    setting(
        Concern::Addresses,
        "RESERVED_NAMES",
        "reserved-names",
        "NAMES",
        "Names that no store may take, separated by commas [default: www, api, admin and the like]",
    ),
    setting(
        Concern::State,
        "STATE_DIR",
        "state-dir",
        "DIR",
        "Where the platform keeps its own files [default: store-platform in the XDG state directory]",
    ),
    setting(Concern::Logging, "LOG_DIR", "log-dir", "DIR", "Directory for log files, rotated daily [default: none]"),
    setting(
        Concern::Logging,
        "LOG_FILE",
        "log-file",
        "NAME",
        "Name of the log file in LOG_DIR [default: store_platform.log]",
    ),
    setting(Concern::Logging, "LOG_FORMAT", "log-format", "FORMAT", "text or json [default: text]"),
    setting(
        Concern::Logging,
        "RUST_LOG",
        "log-filter",
        "FILTER",
        "What to log, such as info or store_core=debug,info [default: info]",
    ),
    setting(
        Concern::Http,
        "HTTP_HOST",
        "http-host",
        "ADDRESS",
        "Address to listen on; FLASK_HOST is an alias [default: 127.0.0.1]",
    ),
    setting(
        Concern::Http,
        "HTTP_PORT",
        "http-port",
        "PORT",
        "Port to listen on, 0 for any free one; FLASK_PORT is an alias [default: 5000]",
    ),
    setting(
        Concern::Http,
        "ALLOWED_HOSTS",
        "allowed-hosts",
        "HOSTS",
        "Host names that requests may name beside loopback ones, separated by commas; *.example.com for subdomains",
    ),
    setting(
        Concern::Http,
        "API_TOKENS_FILE",
        "api-tokens-file",
        "FILE",
        "The tokens that requests must carry, mode 0600, made by the command token new [default: none is asked for]",
    ),
    setting(
        Concern::Http,
        "ALLOW_UNAUTHENTICATED",
        "allow-unauthenticated",
        "true|false",
        "Whether anybody who reaches the address may do everything; needed to listen beyond loopback [default: false]",
    ),
];

/// What moving an installation needs, in the order of the help.
pub const MOVING_SETTINGS: &[Setting] = &[
    setting(Concern::Database, "MIGRATE_FROM_URL", "from", "URL", "The SQLite file to move, as in DATABASE_URL"),
    setting(Concern::Database, "MIGRATE_FROM_URL_FILE", "from-file", "FILE", "File that holds that URL, instead"),
    setting(
        Concern::Database,
        "MIGRATE_TO_URL",
        "to",
        "URL",
        "The PostgreSQL database to move it to, which must be empty; with a password only as variable or file",
    ),
    setting(Concern::Database, "MIGRATE_TO_URL_FILE", "to-file", "FILE", "File that holds that URL, instead"),
];

/// The setting with this variable.
pub(super) fn find(variable: &str) -> Option<&'static Setting> {
    SETTINGS.iter().chain(MOVING_SETTINGS).find(|setting| setting.variable == variable)
}
