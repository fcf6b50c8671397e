//! The smaller parts of the configuration, one struct for each concern.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lookup::{Lookup, Origin};
use super::settings;

/// Helm and the chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmSettings {
    /// The program: a path, or a name that is looked up in PATH.
    pub binary: PathBuf,
    /// The chart's directory; the built-in chart if absent.
    pub chart: Option<PathBuf>,
    /// Values files by rising precedence; relative ones within the chart.
    pub values_files: Vec<PathBuf>,
    /// More variables that Helm gets; one that ends in `*` is a prefix.
    pub passthrough: Vec<String>,
}

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// A kubeconfig named by a flag; wins over `KUBECONFIG`.
    pub kubeconfig: Option<PathBuf>,
    /// The context; the kubeconfig's current one if absent.
    pub context: Option<String>,
}

/// How stores are brought up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvisioningSettings {
    /// How long a store may take to become READY while the cluster can be seen.
    pub timeout: Duration,
    /// How often a moving store is looked at when nothing reports a change.
    pub poll_interval: Duration,
    /// How many actions on the cluster run at once.
    pub max_workers: usize,
    /// How many stores are brought up at once.
    pub max_in_progress: usize,
}

/// Logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggingSettings {
    /// The log file's directory and name; standard error alone if absent.
    pub file: Option<(PathBuf, String)>,
    /// How lines on standard error look.
    pub format: LogFormat,
    /// What to log, in the syntax of `RUST_LOG`.
    pub filter: Option<String>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl HelmSettings {
    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let values_files = ["HELM_VALUES_FILE", "HELM_ENV_VALUES_FILE"];
        let binary = lookup.find("HELM_BINARY").map_or_else(
            || PathBuf::from("helm"),
            |found| {
                // A bare name is looked up in PATH; anything with a slash is a path.
                if found.text.contains('/') { lookup.base(found.origin).join(found.text) } else { found.text.into() }
            },
        );
        Self {
            binary,
            chart: lookup.path("HELM_CHART_PATH"),
            values_files: values_files
                .into_iter()
                .filter_map(|variable| lookup.find(variable))
                .map(|found| PathBuf::from(found.text))
                .collect(),
            passthrough: lookup.list("HELM_ENV_PASSTHROUGH").unwrap_or_default(),
        }
    }
}

impl ClusterSettings {
    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let flag = lookup.find("KUBECONFIG").filter(|found| found.origin == Origin::Flag);
        Self {
            kubeconfig: flag.map(|found| lookup.base(Origin::Flag).join(found.text)),
            context: lookup.find("KUBE_CONTEXT").map(|found| found.text),
        }
    }

    /// The environment for the cluster and for Helm, with the files of a `KUBECONFIG` in `.env` made absolute.
    pub(super) fn environment(lookup: &mut Lookup) -> BTreeMap<OsString, OsString> {
        let mut environment = lookup.environment();
        if let Some(found) = lookup.find("KUBECONFIG").filter(|found| found.origin != Origin::Flag) {
            let base = lookup.base(found.origin);
            let files = std::env::split_paths(&found.text).filter(|file| !file.as_os_str().is_empty());
            if let Ok(joined) = std::env::join_paths(files.map(|file| base.join(file))) {
                environment.insert("KUBECONFIG".into(), joined);
            }
        }
        environment
    }
}

impl ProvisioningSettings {
    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let timeout = lookup.number("PROVISIONING_TIMEOUT_SECONDS", 600, 1..=86_400);
        let poll_interval = lookup.number("PROVISIONING_POLL_INTERVAL_SECONDS", 5, 1..=3_600);
        let max_workers = lookup.number("PROVISIONING_MAX_WORKERS", 5, 1..=100);
        let max_in_progress = lookup.number("PROVISIONING_MAX_IN_PROGRESS", max_workers * 10, 1..=10_000);
        Self {
            timeout: Duration::from_secs(timeout),
            poll_interval: Duration::from_secs(poll_interval),
            max_workers: usize::try_from(max_workers).unwrap_or(usize::MAX),
            max_in_progress: usize::try_from(max_in_progress).unwrap_or(usize::MAX),
        }
    }
}

impl LoggingSettings {
    const DEFAULT_FILE: &'static str = "store_platform.log";

    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let directory = lookup.path("LOG_DIR");
        let name = lookup.optional("LOG_FILE", |text| {
            let is_plain = Path::new(text).file_name().is_some_and(|name| name == OsStr::new(text));
            if is_plain { Ok(text.to_owned()) } else { Err("a plain file name; its directory is LOG_DIR".to_owned()) }
        });
        let file = match (directory, name) {
            (Some(directory), name) => Some((directory, name.unwrap_or_else(|| Self::DEFAULT_FILE.to_owned()))),
            (None, Some(name)) => Some((lookup.base(Origin::Environment).join("logs"), name)),
            (None, None) => None,
        };
        let format = lookup.parsed("LOG_FORMAT", LogFormat::Text, |text| match text {
            "text" => Ok(LogFormat::Text),
            "json" => Ok(LogFormat::Json),
            _ => Err("text or json".to_owned()),
        });
        Self { file, format, filter: lookup.find("RUST_LOG").map(|found| found.text) }
    }
}

/// `STATE_DIR`, or the directory of the XDG Base Directory Specification.
pub(super) fn state_dir(lookup: &mut Lookup) -> PathBuf {
    if let Some(directory) = lookup.path("STATE_DIR") {
        return directory;
    }
    let absolute = |path: PathBuf| Some(path).filter(|path| path.is_absolute());
    let xdg = lookup.find("XDG_STATE_HOME").and_then(|found| absolute(found.text.into()));
    let home = || Some(absolute(lookup.find("HOME")?.text.into())?.join(".local/state"));
    if let Some(state) = xdg.or_else(home) {
        return state.join("store-platform");
    }
    lookup.problem(
        "STATE_DIR is not set, and neither is HOME: allowed is a directory for the platform's own files".into(),
    );
    PathBuf::new()
}

/// Names what looks like a setting of ours but is none.
pub(super) fn warn_of_unknown(lookup: &mut Lookup) {
    const UNUSED: [&str; 2] = ["FLASK_ENV", "FLASK_DEBUG"];
    const ALIASES: [&str; 2] = ["FLASK_HOST", "FLASK_PORT"];
    let flask = lookup.names("FLASK_");
    let (unused, unknown): (Vec<_>, Vec<_>) = flask
        .into_iter()
        .filter(|name| !ALIASES.contains(&name.as_str()))
        .partition(|name| UNUSED.contains(&name.as_str()));
    if !unused.is_empty() {
        let have = if unused.len() == 1 { "has" } else { "have" };
        lookup.warn(format!(
            "{} {have} no effect here: there is no Flask to set up; remove at will",
            unused.join(" and ")
        ));
    }
    if !unknown.is_empty() {
        lookup.warn(format!("not known and not used: {}; known are FLASK_HOST and FLASK_PORT", unknown.join(", ")));
    }
    let ours = |name: &String| settings::find(name).is_none();
    let mistyped: Vec<_> = lookup.names("PROVISIONING_").into_iter().filter(ours).collect();
    if !mistyped.is_empty() {
        lookup.warn(format!("not known and not used: {}", mistyped.join(", ")));
    }
}
