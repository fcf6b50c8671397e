//! Which kubeconfig and which context: resolved once at start, so that the client and every Helm use the same ones.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use kube::config::{Kubeconfig, KubeconfigError};

/// Where to look for the cluster. The environment is the program's, handed in by it.
#[derive(Debug, Clone, Default)]
pub struct ClusterConfig {
    /// An explicitly named kubeconfig; wins over everything.
    pub kubeconfig: Option<PathBuf>,
    /// The context to use; the kubeconfig's current one otherwise.
    pub context: Option<String>,
    /// `KUBECONFIG` (a list of files, like kubectl's), `HOME` and `KUBERNETES_SERVICE_HOST` are read from here.
    pub environment: BTreeMap<OsString, OsString>,
}

/// Why there is no cluster to talk to: always something that the operator has to change.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing is configured.
    #[error(
        "no cluster is configured: set KUBECONFIG or --kubeconfig, put a kubeconfig at {}, or run inside a cluster",
        .default.display()
    )]
    NothingConfigured {
        /// Where a kubeconfig would have been found.
        default: PathBuf,
    },
    /// A kubeconfig that was named is not there or cannot be read.
    #[error("the kubeconfig {} cannot be read", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// A kubeconfig that is not one. The parser's own words quote the file, and with it tokens and keys.
    #[error("the kubeconfig {} is malformed near line {line}", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where, counted from 1; 0 if it is not known.
        line: u64,
    },
    /// The kubeconfig has no current context, and none was named.
    #[error("the kubeconfig {files} has no current context; name one of its contexts: {known}")]
    NoContext {
        /// The file or files.
        files: String,
        /// The contexts there are.
        known: String,
    },
    /// The context is not in the kubeconfig.
    #[error("the kubeconfig {files} has no context {context:?}; it has: {known}")]
    UnknownContext {
        /// The file or files.
        files: String,
        /// The one that was asked for.
        context: String,
        /// The contexts there are.
        known: String,
    },
    /// A context needs a kubeconfig.
    #[error("the context {context:?} was named, but there is no kubeconfig: the cluster is the one we run in")]
    ContextWithoutKubeconfig {
        /// The one that was asked for.
        context: String,
    },
    /// The context's cluster or user cannot be used.
    #[error("the context {context:?} of the kubeconfig {files} cannot be used")]
    Unusable {
        /// The file or files.
        files: String,
        /// The context.
        context: String,
        /// Why.
        #[source]
        source: Box<KubeconfigError>,
    },
    /// We seem to run inside a cluster, but its service account cannot be read.
    #[error("the service account of this pod cannot be read")]
    InCluster(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The cluster that was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// A context of one or more kubeconfig files (absolute paths).
    Files {
        /// The files, first wins.
        files: Vec<PathBuf>,
        /// The context's name.
        context: String,
    },
    /// The cluster that this process runs in.
    InCluster,
}

impl Target {
    /// Resolves files and context, in the order: named file, `KUBECONFIG`, `~/.kube/config`, in-cluster.
    pub(crate) fn resolve(config: &ClusterConfig) -> Result<Self, ConnectError> {
        let variable = |name: &str| config.environment.get(OsStr::new(name)).filter(|value| !value.is_empty());
        let default = Path::new(variable("HOME").map_or(OsStr::new("/root"), OsString::as_os_str)).join(".kube/config");
        let files = if let Some(file) = &config.kubeconfig {
            vec![file.clone()]
        } else if let Some(list) = variable("KUBECONFIG") {
            listed(list)
        } else if default.exists() {
            vec![default.clone()]
        } else if variable("KUBERNETES_SERVICE_HOST").is_some() {
            return match &config.context {
                Some(context) => Err(ConnectError::ContextWithoutKubeconfig { context: context.clone() }),
                None => Ok(Self::InCluster),
            };
        } else {
            return Err(ConnectError::NothingConfigured { default });
        };
        Self::from_files(files, config.context.as_deref())
    }

    fn from_files(files: Vec<PathBuf>, context: Option<&str>) -> Result<Self, ConnectError> {
        let files: Vec<_> = files.into_iter().map(|file| std::path::absolute(&file).unwrap_or(file)).collect();
        let kubeconfig = read(&files)?;
        let known: Vec<_> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
        let known_names = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let wanted = context.or(kubeconfig.current_context.as_deref()).filter(|name| !name.is_empty());
        let Some(wanted) = wanted else {
            return Err(ConnectError::NoContext { files: names(&files), known: known_names });
        };
        if !known.contains(&wanted) {
            let context = wanted.to_owned();
            return Err(ConnectError::UnknownContext { files: names(&files), context, known: known_names });
        }
        Ok(Self::Files { context: wanted.to_owned(), files })
    }

    /// What Helm is told explicitly. A list of files can only be handed on by the variable.
    pub(crate) fn helm_arguments(&self) -> Vec<OsString> {
        match self {
            Self::Files { files, context } => {
                let mut arguments = Vec::new();
                if let [file] = files.as_slice() {
                    arguments.extend([OsString::from("--kubeconfig"), file.clone().into()]);
                }
                arguments.extend([OsString::from("--kube-context"), context.into()]);
                arguments
            }
            Self::InCluster => Vec::new(),
        }
    }

    /// The value of `KUBECONFIG` for Helm and its credential plugins.
    pub(crate) fn kubeconfig_variable(&self) -> Option<OsString> {
        match self {
            Self::Files { files, .. } => std::env::join_paths(files).ok(),
            Self::InCluster => None,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files { files, context } => write!(f, "context {context:?} of {}", names(files)),
            Self::InCluster => f.write_str("the cluster that this process runs in"),
        }
    }
}

/// Reads and merges kubeconfig files as kubectl does.
pub(crate) fn read(files: &[PathBuf]) -> Result<Kubeconfig, ConnectError> {
    let mut merged = Kubeconfig::default();
    for file in files {
        let next = Kubeconfig::read_from(file).and_then(|next| merged.merge(next));
        merged = next.map_err(|cause| unreadable(file, cause))?;
    }
    Ok(merged)
}

fn unreadable(file: &Path, cause: KubeconfigError) -> ConnectError {
    let file = file.to_owned();
    match cause {
        KubeconfigError::Parse(cause) => {
            ConnectError::Malformed { file, line: cause.location().map_or(0, |location| location.line()) }
        }
        source => ConnectError::Unreadable { file, source: Box::new(source) },
    }
}

/// Like kubectl, a list ignores files that are not there, as long as there is one.
fn listed(list: &OsStr) -> Vec<PathBuf> {
    let all: Vec<_> = std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
    let there: Vec<_> = all.iter().filter(|path| path.exists()).cloned().collect();
    if there.is_empty() { all } else { there }
}

fn names(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "apiVersion: v1\nkind: Config\ncurrent-context: one\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\nusers: [{name: u, user: {}}]\n\
        contexts: [{name: one, context: {cluster: c, user: u}}, {name: two, context: {cluster: c, user: u}}]\n";

    fn directory() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config");
        std::fs::write(&file, TWO).unwrap();
        (directory, file)
    }

    fn environment(pairs: &[(&str, &Path)]) -> BTreeMap<OsString, OsString> {
        pairs.iter().map(|(name, value)| ((*name).into(), value.as_os_str().to_owned())).collect()
    }

    #[test]
    fn the_named_file_wins_and_the_current_context_is_pinned() {
        let (_keep, file) = directory();
        let config = ClusterConfig {
            kubeconfig: Some(file.clone()),
            context: None,
            environment: environment(&[("KUBECONFIG", Path::new("/nowhere"))]),
        };
        let target = Target::resolve(&config).unwrap();
        let expected = ["--kubeconfig".into(), file.clone().into(), "--kube-context".into(), OsString::from("one")];
        assert_eq!(target.helm_arguments(), expected);
        assert_eq!(target.kubeconfig_variable(), Some(file.into()));
    }

    #[test]
    fn a_list_of_files_is_merged_and_missing_ones_are_ignored() {
        let (keep, file) = directory();
        let other = keep.path().join("other");
        std::fs::write(&other, TWO.replace("one", "three").replace("two", "four")).unwrap();
        let list = std::env::join_paths([Path::new("/nowhere"), &file, &other]).unwrap();
        let environment = [("KUBECONFIG".into(), list)].into();
        let config = ClusterConfig { context: Some("four".into()), environment, ..ClusterConfig::default() };
        let target = Target::resolve(&config).unwrap();
        assert_eq!(target, Target::Files { files: vec![file, other], context: "four".into() });
        assert_eq!(target.helm_arguments(), ["--kube-context", "four"]);
    }

    #[test]
    fn without_a_file_the_pod_counts() {
        let home = tempfile::tempdir().unwrap();
        let mut environment = environment(&[("HOME", home.path())]);
        let config = |environment| ClusterConfig { environment, ..ClusterConfig::default() };
        let error = Target::resolve(&config(environment.clone())).unwrap_err().to_string();
        assert!(error.starts_with("no cluster is configured: set KUBECONFIG"), "{error}");
        environment.insert("KUBERNETES_SERVICE_HOST".into(), "10.96.0.1".into());
        assert_eq!(Target::resolve(&config(environment)).unwrap(), Target::InCluster);
    }

    #[test]
    fn mistakes_name_file_and_contexts() {
        let (_keep, file) = directory();
        let config =
            ClusterConfig { kubeconfig: Some(file.clone()), context: Some("three".into()), ..ClusterConfig::default() };
        let error = Target::resolve(&config).unwrap_err().to_string();
        assert_eq!(error, format!("the kubeconfig {} has no context \"three\"; it has: one, two", file.display()));
        let config = ClusterConfig { kubeconfig: Some("/nowhere/config".into()), ..ClusterConfig::default() };
        let error = Target::resolve(&config).unwrap_err().to_string();
        assert_eq!(error, "the kubeconfig /nowhere/config cannot be read");
    }

    #[test]
    fn a_malformed_file_is_not_quoted() {
        let (_keep, file) = directory();
        std::fs::write(&file, "kind: Config\nusers:\n- name: u\n  user:\n    token: secret\n    exec: [secret]\n")
            .unwrap();
        let config = ClusterConfig { kubeconfig: Some(file.clone()), ..ClusterConfig::default() };
        let error = Target::resolve(&config).unwrap_err();
        assert_eq!(error.to_string(), format!("the kubeconfig {} is malformed near line 6", file.display()));
        assert!(!format!("{error:?}").contains("secret") && std::error::Error::source(&error).is_none());
    }
}
