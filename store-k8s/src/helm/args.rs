//! The one place that knows Helm's command line. Pure: the table tests below are its specification.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What Helm is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Install,
    Upgrade,
    Rollback { revision: u32 },
    Uninstall,
}

/// Everything that a command line is made of.
pub(crate) struct Invocation<'a> {
    /// The release, and the namespace of the same name.
    pub(crate) release: &'a str,
    /// An absolute path.
    pub(crate) chart: &'a Path,
    /// Values files by rising precedence, absolute, without commas; the platform's document comes after them.
    pub(crate) values_files: &'a [PathBuf],
    /// `--kubeconfig` and `--kube-context`.
    pub(crate) connection: &'a [OsString],
}

/// How long Helm itself waits for a single Kubernetes operation; the hard deadline around the process is ours.
const TIMEOUT: &str = "60s";
/// Uninstalling is best effort and has less time.
const UNINSTALL_TIMEOUT: &str = "25s";

/// The arguments of one Helm process.
///
/// Never `--wait`, `--atomic` or `--set`: Helm stays short-lived, readiness is watched through the API, and values
/// are only given on standard input. All flags here are the same in Helm 3.13+ and Helm 4 (whose default without
/// `--wait` is to wait for hooks only, which our chart does not have); where they ever differ, this function is told
/// the major.
pub(crate) fn arguments(operation: Operation, invocation: &Invocation<'_>) -> Vec<OsString> {
    let mut line: Vec<OsString> = match operation {
        Operation::Install => vec!["install".into(), invocation.release.into(), invocation.chart.into()],
        Operation::Upgrade => vec!["upgrade".into(), invocation.release.into(), invocation.chart.into()],
        Operation::Rollback { revision } => {
            vec!["rollback".into(), invocation.release.into(), revision.to_string().into()]
        }
        Operation::Uninstall => vec!["uninstall".into(), invocation.release.into()],
    };
    line.extend(["--namespace".into(), invocation.release.into()]);
    line.extend(invocation.connection.iter().cloned());
    match operation {
        Operation::Install => line.extend(rendering(invocation)),
        Operation::Upgrade => {
            line.extend(rendering(invocation));
            // What we give is everything: nothing of an earlier revision's values is carried along.
            line.push("--reset-values".into());
        }
        Operation::Rollback { .. } => {}
        Operation::Uninstall => line.push("--ignore-not-found".into()),
    }
    let timeout = if operation == Operation::Uninstall { UNINSTALL_TIMEOUT } else { TIMEOUT };
    line.extend(["--timeout", timeout].map(OsString::from));
    line
}

fn rendering(invocation: &Invocation<'_>) -> Vec<OsString> {
    let mut line = Vec::new();
    for file in invocation.values_files {
        line.extend(["-f".into(), file.into()]);
    }
    // The API server validates anyway, and this halves the time of an install.
    line.extend(["-f", "-", "--disable-openapi-validation"].map(OsString::from));
    line
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use rstest::rstest;

    use super::*;

    const INSTALL: &str = "install store-x /charts/store --namespace store-x --kubeconfig /k --kube-context c \
        -f /v/values.yaml -f /v/prod.yaml -f - --disable-openapi-validation --timeout 60s";
    const UPGRADE: &str = "upgrade store-x /charts/store --namespace store-x --kubeconfig /k --kube-context c \
        -f /v/values.yaml -f /v/prod.yaml -f - --disable-openapi-validation --reset-values --timeout 60s";
    const ROLLBACK: &str = "rollback store-x 3 --namespace store-x --kubeconfig /k --kube-context c --timeout 60s";
    const UNINSTALL: &str = "uninstall store-x --namespace store-x --kubeconfig /k --kube-context c \
        --ignore-not-found --timeout 25s";

    #[rstest]
    #[case(Operation::Install, INSTALL)]
    #[case(Operation::Upgrade, UPGRADE)]
    #[case(Operation::Rollback { revision: 3 }, ROLLBACK)]
    #[case(Operation::Uninstall, UNINSTALL)]
    fn lines_are_as_both_majors_understand_them(#[case] operation: Operation, #[case] expected: &str) {
        let connection = ["--kubeconfig", "/k", "--kube-context", "c"].map(OsString::from);
        let values_files = [PathBuf::from("/v/values.yaml"), PathBuf::from("/v/prod.yaml")];
        let line = arguments(
            operation,
            &Invocation {
                release: "store-x",
                chart: Path::new("/charts/store"),
                values_files: &values_files,
                connection: &connection,
            },
        );
        let words: Vec<_> = line.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words.join(" "), expected);
    }

    #[test]
    fn in_a_cluster_nothing_is_said_about_the_connection() {
        let invocation = Invocation { release: "store-x", chart: Path::new("/c"), values_files: &[], connection: &[] };
        let line = arguments(Operation::Install, &invocation);
        assert!(!line.iter().any(|word| word.to_string_lossy().starts_with("--kube")));
    }
}
