//! Credential plugins, and an API server that is only a stub: what the client sends, and how errors are said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex as Lock;

use jiff::Timestamp;
use store_core::lifecycle::VolumeFate;
use store_core::ports::{ErrorClass, VolumeSeen};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::cluster::read::claimed_volumes;
use crate::cluster::sight::identify;
use crate::testing::{StillClock, store};

/// Answers each request with a status and a JSON body, by what the request's head holds.
async fn serve(answer: impl Fn(&str) -> (u16, &'static str) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(connection.read_u8().await?);
                }
                let (status, body) = answer(&String::from_utf8_lossy(&head));
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                     Connection: close\r\n\r\n{body}"
                );
                connection.write_all(answer.as_bytes()).await
            });
        }
    });
    format!("http://{address}")
}

/// A kubeconfig whose user is authenticated by this script.
fn kubeconfig(directory: &Path, server: &str, script: &str) -> PathBuf {
    let (plugin, file) = (directory.join("plugin"), directory.join("config"));
    std::fs::write(&plugin, script).unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers:\n- name: u\n  user:\n    exec:\n      \
         apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: Never\n      command: sh\n      \
         args: ['{}', argument-secret]\n      env: [{{name: PLUGIN_KEY, value: environment-secret}}]\n",
        plugin.display()
    );
    std::fs::write(&file, text).unwrap();
    file
}

async fn cluster(kubeconfig: PathBuf) -> Cluster {
    let config = ClusterConfig { kubeconfig: Some(kubeconfig), context: None, environment: BTreeMap::new() };
    Cluster::connect(&config, Arc::new(StillClock(Lock::new(Timestamp::UNIX_EPOCH)))).await.unwrap()
}

const TOKEN: &str =
    r#"echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"TOKEN"}}'"#;

fn namespace_or_version(head: &str) -> &'static str {
    if head.starts_with("GET /version") {
        r#"{"major":"1","minor":"33","gitVersion":"v1.33.2","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#
    } else {
        r#"{"apiVersion":"meta.k8s.io/v1","kind":"PartialObjectMetadata","metadata":{"name":"kube-system","uid":"the-uid"}}"#
    }
}

#[tokio::test]
async fn a_credential_plugin_is_run_again_when_its_token_was_refused() {
    const REFUSED: &str =
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":401,"message":"Unauthorized"}"#;
    let directory = tempfile::tempdir().unwrap();
    let server = serve(|head| {
        let is_second = head.to_lowercase().contains("authorization: bearer second");
        if is_second { (200, namespace_or_version(head)) } else { (401, REFUSED) }
    });
    let file = kubeconfig(directory.path(), &server.await, &TOKEN.replace("TOKEN", "first"));
    let cluster = cluster(file).await;
    let error = identify(&cluster, CALL).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Denied);
    assert!(error.to_string().contains("does not accept the credentials"), "{error}");

    std::fs::write(directory.path().join("plugin"), TOKEN.replace("TOKEN", "second")).unwrap();
    let identity = identify(&cluster, CALL).await.unwrap();
    assert_eq!((identity.uid.as_str(), identity.version.as_str()), ("the-uid", "v1.33.2"));
}

/// Everything that a log may show of an error: it, its whole chain, and their debug output.
fn everything_said(error: &PortError) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    chain.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("\n")
}

/// Runs once with a token that is over at once, so that the next request runs it again.
const SHORT_LIVED: &str = r#"if [ ! -e $0.ran ]; then touch $0.ran
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-secret",
"expirationTimestamp":"2020-01-01T00:00:00Z"}}'; exit 0; fi; "#;

#[rstest::rstest]
#[case::at_first("", "echo output-secret; echo error-secret >&2; exit 3", "failed with exit status: 3")]
#[case::when_it_is_renewed(
    SHORT_LIVED,
    "echo output-secret; echo error-secret >&2; exit 3",
    "failed with exit status: 3"
)]
#[case::no_credentials("", "echo 'output-secret: ['", "did not answer with credentials")]
#[case::no_credentials_when_renewed(SHORT_LIVED, "echo 'output-secret: ['", "did not answer with credentials")]
#[tokio::test]
async fn a_plugin_that_fails_is_named_and_nothing_of_it_is_told(
    #[case] first: &str,
    #[case] then: &str,
    #[case] expected: &str,
) {
    let directory = tempfile::tempdir().unwrap();
    let file = kubeconfig(directory.path(), "http://127.0.0.1:1", &format!("{first}{then}"));
    // Resolving the cluster runs nothing, so a server starts.
    let cluster = cluster(file).await;
    let error = identify(&cluster, CALL).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Denied);
    let text = error.to_string();
    assert!(text.contains(&format!("the kubeconfig's credential plugin sh {expected}")), "{text}");
    let said = everything_said(&error);
    assert!(!said.contains("secret"), "{said}");
}

#[tokio::test]
async fn a_plugin_that_hangs_meets_the_deadline_and_is_not_run_twice() {
    let directory = tempfile::tempdir().unwrap();
    let script = format!("echo run >> {}/runs; exec sleep 3", directory.path().display());
    let cluster = cluster(kubeconfig(directory.path(), "http://127.0.0.1:1", &script)).await;
    for _ in 0..3 {
        let error = identify(&cluster, Duration::from_millis(300)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient);
    }
    assert_eq!(std::fs::read_to_string(directory.path().join("runs")).unwrap(), "run\n");
}

#[tokio::test]
async fn a_cluster_that_is_away_is_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = kubeconfig(directory.path(), "http://127.0.0.1:1", &TOKEN.replace("TOKEN", "t"));
    let error = identify(&cluster(file).await, CALL).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient);
    let text = error.to_string();
    assert!(text.starts_with("cannot identify the cluster: the cluster cannot be reached ("), "{text}");
}

#[tokio::test]
async fn every_volume_that_is_claimed_from_a_stores_namespace_is_found_on_whatever_page() {
    const FIRST: &str = r#"{"apiVersion":"v1","kind":"PersistentVolumeList","metadata":{"continue":"next"},"items":[
        {"metadata":{"name":"pv-1"},"spec":{"persistentVolumeReclaimPolicy":"Delete",
            "claimRef":{"namespace":"store-abcdefghij","name":"data"}}},
        {"metadata":{"name":"pv-2"},"spec":{"claimRef":{"namespace":"store-abcdefghik","name":"data"}}},
        {"metadata":{"name":"pv-3"},"spec":{}}]}"#;
    const SECOND: &str = r#"{"apiVersion":"v1","kind":"PersistentVolumeList","metadata":{},"items":[
        {"metadata":{"name":"pv-4"},"spec":{"persistentVolumeReclaimPolicy":"Retain",
            "claimRef":{"namespace":"store-abcdefghij","name":"more"}}}]}"#;
    let directory = tempfile::tempdir().unwrap();
    let server = serve(|head| match head.split(' ').nth(1).unwrap_or_default() {
        path if !path.starts_with("/api/v1/persistentvolumes?") => (404, "{}"),
        path if path.contains("continue=next") => (200, SECOND),
        _ => (200, FIRST),
    });
    let cluster = cluster(kubeconfig(directory.path(), &server.await, &TOKEN.replace("TOKEN", "t"))).await;
    let seen = |name: &str, claim: &str, policy: &str, fate| {
        let reclaim_policy = Some(policy.to_owned());
        VolumeSeen { name: name.into(), claim: claim.into(), reclaim_policy, fate }
    };
    let expected =
        [seen("pv-1", "data", "Delete", VolumeFate::Deleted), seen("pv-4", "more", "Retain", VolumeFate::Retained)];
    assert_eq!(claimed_volumes(&cluster, &store().id).await.unwrap(), expected);
}
