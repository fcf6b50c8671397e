//! What a Helm that failed said, in our classes. Helm has no error codes, so this is the one place that reads its
//! sentences; the release record, not this, tells what really happened.

use store_core::lifecycle::ObjectRef;
use store_core::ports::{ErrorClass, PortError};

use crate::cluster::error::{is_missing_right, shorten};

/// Sentences that mean "later", looked for first: some of them quote sentences of the other kinds.
const TRANSIENT: &[&str] = &[
    "another operation (install/upgrade/rollback) is in progress",
    // Our own release, as another Helm of ours left it or is writing it: the release record tells.
    "a name that is still in use",
    "cluster unreachable",
    "failed calling webhook",
    "connection refused",
    "i/o timeout",
    "context deadline exceeded",
    "tls handshake timeout",
    "too many requests",
    "etcdserver: leader changed",
    "etcdserver: request timed out",
    "etcdserver: too many requests",
    "etcdserver: no leader",
    "unexpected eof",
    "because it is being terminated",
    "the server is currently unable",
];

/// Something there belongs to somebody else.
const CONFLICT: &[&str] = &[
    "cannot be imported into the current release",
    "invalid ownership metadata",
    "conflict occurred while applying object",
    "conflicts with",
    "apply failed with",
];

/// The same call fails until somebody changes chart, values or cluster.
const PERMANENT: &[&str] = &[
    "values don't meet the specifications of the schema",
    "error converting yaml to json",
    "yaml parse error",
    "error unmarshaling json",
    "failed to parse",
    "parse error at",
    "execution error at",
    "error calling ",
    "nil pointer evaluating",
    "template: ",
    "chart.yaml file is missing",
    "chart.metadata",
    "chart requires kubeversion",
    "no matches for kind",
    "unable to build kubernetes objects from",
    "denied the request",
    " is invalid: ",
    "request entity too large",
    // A release record beyond what the API server or etcd takes; its chart has to shrink.
    "request is too large",
    "too long: may not be more than",
    "too long: must have at most",
    "must have at most 1048576",
    "no such file or directory",
];

/// The error of a Helm that failed. `doing` completes "cannot …".
pub(crate) fn classify(doing: &str, stderr: &[u8]) -> PortError {
    let text = String::from_utf8_lossy(stderr);
    let sentence = sentence(&text);
    PortError::new(class_of(&sentence), format!("cannot {doing}: {}", shorten(&sentence))).blaming(object(&sentence))
}

/// The object that a sentence such as `Service "web" in namespace "x" exists and cannot be imported` names.
fn object(sentence: &str) -> Option<ObjectRef> {
    let (before, _) = sentence.split_once("\" in namespace \"")?;
    let (kind, name) = before.rsplit_once(" \"")?;
    let kind = kind.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().filter(|kind| !kind.is_empty())?;
    Some(ObjectRef::new(kind, name))
}

/// The credentials are not accepted; what a missing right looks like the API's own errors know.
const UNAUTHORIZED: &str = "the server has asked for the client to provide credentials";

fn class_of(sentence: &str) -> ErrorClass {
    if is_missing_right(sentence) || sentence.contains(UNAUTHORIZED) {
        return ErrorClass::Denied;
    }
    let sentence = sentence.to_lowercase();
    let says = |patterns: &[&str]| patterns.iter().any(|pattern| sentence.contains(pattern));
    if says(TRANSIENT) {
        ErrorClass::Transient
    } else if says(CONFLICT) {
        ErrorClass::Conflict
    } else if says(PERMANENT) {
        ErrorClass::Permanent
    } else if sentence.contains("release: not found") {
        ErrorClass::NotFound
    } else {
        ErrorClass::Transient
    }
}

/// Helm's own sentence: from its last `Error:` on, without warnings, log lines and control characters. The rest of
/// its output may hold values, and is never quoted.
fn sentence(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().collect();
    let Some(begin) = lines.iter().rposition(|line| line.starts_with("Error:")) else {
        return "Helm failed without saying why".to_owned();
    };
    let own = |line: &&&str| !line.starts_with("WARNING:") && !line.starts_with("level=") && !line.starts_with("time=");
    let text = lines[begin..].iter().filter(own).copied().collect::<Vec<_>>().join(" ");
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim_start_matches("Error:").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Error: INSTALLATION FAILED: cannot re-use a name that is still in use", ErrorClass::Transient)]
    #[case(
        "Error: INSTALLATION FAILED: release name check failed: cannot reuse a name that is still in use",
        ErrorClass::Transient
    )]
    #[case(
        "Error: INSTALLATION FAILED: Unable to continue with install: ConfigMap \"web\" in namespace \"store-x\" exists and \
         cannot be imported into the current release: invalid ownership metadata; label validation error",
        ErrorClass::Conflict
    )]
    #[case(
        "Error: INSTALLATION FAILED: conflict occurred while applying object store-x/web /v1, Kind=Service: Apply failed \
         with 1 conflict: conflict with \"kubectl\": .spec.ports",
        ErrorClass::Conflict
    )]
    #[case(
        "Error: INSTALLATION FAILED: values don't meet the specifications of the schema(s) in the following chart(s):\n\
         store:\n- at '/platform': missing property 'store'\n",
        ErrorClass::Permanent
    )]
    #[case(
        "Error: INSTALLATION FAILED: template: store/templates/ingress.yaml:3:4: executing \"x\" at <.Values.a.b>: nil \
         pointer evaluating interface {}.b",
        ErrorClass::Permanent
    )]
    #[case("Error: YAML parse error on store/templates/a.yaml: error converting YAML to JSON", ErrorClass::Permanent)]
    #[case("Error: Chart.yaml file is missing", ErrorClass::Permanent)]
    #[case(
        "Error: INSTALLATION FAILED: unable to build kubernetes objects from release manifest: resource mapping not \
         found for name: \"x\": no matches for kind \"Certificate\"",
        ErrorClass::Permanent
    )]
    #[case(
        "Error: INSTALLATION FAILED: create: failed to create: Request entity too large: limit is 3145728",
        ErrorClass::Permanent
    )]
    #[case(
        "Error: INSTALLATION FAILED: admission webhook \"validate.nginx.ingress.kubernetes.io\" denied the request: host \
         is already defined",
        ErrorClass::Permanent
    )]
    #[case(
        "Error: INSTALLATION FAILED: Internal error occurred: failed calling webhook \"v.example\": connection refused",
        ErrorClass::Transient
    )]
    #[case(
        "Error: INSTALLATION FAILED: Kubernetes cluster unreachable: Get \"https://127.0.0.1:1/version\": dial tcp \
         127.0.0.1:1: connect: connection refused",
        ErrorClass::Transient
    )]
    #[case(
        "Error: INSTALLATION FAILED: create: failed to create: Secret \"sh.helm.release.v1.x.v1\" is invalid: data: Too \
         long: may not be more than 1048576 bytes",
        ErrorClass::Permanent
    )]
    #[case(
        "Error: INSTALLATION FAILED: create: failed to create: etcdserver: request is too large",
        ErrorClass::Permanent
    )]
    #[case("Error: INSTALLATION FAILED: etcdserver: leader changed", ErrorClass::Transient)]
    #[case("Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress", ErrorClass::Transient)]
    #[case("Error: INSTALLATION FAILED: context deadline exceeded", ErrorClass::Transient)]
    #[case(
        "Error: INSTALLATION FAILED: services is forbidden: User \"x\" cannot create resource \"services\"",
        ErrorClass::Denied
    )]
    #[case(
        "Error: INSTALLATION FAILED: pods \"x\" is forbidden: exceeded quota: store, requested: pods=1",
        ErrorClass::Transient
    )]
    #[case(
        "Error: query: failed to query with labels: the server has asked for the client to provide credentials",
        ErrorClass::Denied
    )]
    #[case("Error: release: not found", ErrorClass::NotFound)]
    #[case("something nobody has seen before", ErrorClass::Transient)]
    #[case("", ErrorClass::Transient)]
    fn sentences_have_classes(#[case] stderr: &str, #[case] class: ErrorClass) {
        assert_eq!(classify("install the release", stderr.as_bytes()).class(), class);
    }

    #[rstest]
    #[case(
        "Error: INSTALLATION FAILED: Unable to continue with install: Service \"storefront\" in namespace \"store-x\" exists \
         and cannot be imported into the current release: invalid ownership metadata",
        Some(("Service", "storefront"))
    )]
    #[case("Error: INSTALLATION FAILED: context deadline exceeded", None)]
    fn the_object_that_is_named_is_to_blame(#[case] stderr: &str, #[case] expected: Option<(&str, &str)>) {
        let error = classify("install the release", stderr.as_bytes());
        assert_eq!(error.object().cloned(), expected.map(|(kind, name)| ObjectRef::new(kind, name)));
    }

    #[test]
    fn only_helms_own_sentence_is_quoted() {
        let stderr =
            b"level=DEBUG values=secret\nWARNING: readable\nError: INSTALLATION FAILED: it broke\n\x1b[31mhere\n";
        let error = classify("install the release store-x", stderr);
        assert_eq!(error.to_string(), "cannot install the release store-x: INSTALLATION FAILED: it broke [31mhere");
    }
}
