//! Helm processes that are cut off leave what the record says, and nothing running.

use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim};
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use rstest::rstest;
use store_core::ports::{
    ActionContext, ActionInFlight, ActionKind, Deployer as _, ErrorClass, NamespaceSeen, PendingKind, PortError,
    ReleaseSeen, StopOutcome,
};

use crate::support::{Bench, Chart, Helm, context, on_bench};

/// A hook that never ends keeps Helm busy.
const ENDLESS: &str = r#"
apiVersion: batch/v1
kind: Job
metadata:
  name: endless
  annotations: { helm.sh/hook: "pre-install,pre-upgrade" }
spec:
  template:
    spec:
      {{- include "pod" . | nindent 6 }}
      restartPolicy: Never
      containers:
        - name: main
          image: busybox:latest
          command: [sleep, "3600"]
          {{- include "container" . | nindent 10 }}
"#;

async fn is_pending(bench: &Bench) -> bool {
    matches!(bench.fresh().await.release, ReleaseSeen::Pending { kind: PendingKind::Install, .. })
}

/// Begins an install that will not end by itself, and waits until its record is there.
async fn cut_off(bench: &Bench, given: ActionContext, cut: impl AsyncFnOnce()) -> PortError {
    let install = bench.deployer.install(&bench.store, &given);
    let cut = async {
        while !is_pending(bench).await {
            tokio::task::yield_now().await;
        }
        cut().await;
    };
    let (installed, ()) = futures::join!(install, cut);
    installed.unwrap_err()
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn an_install_that_is_stopped_is_not_pending_and_can_be_cleared(#[case] helm: Helm) {
    on_bench(Chart::Tiny(ENDLESS.into()), helm, async |bench: &Bench| {
        bench.prepare().await;
        let given = context(ActionKind::Install);
        let cancel = given.cancel.clone();
        let begun = Instant::now();
        let error = cut_off(bench, given.clone(), async || cancel.cancel()).await;
        assert_eq!(error.class(), ErrorClass::Cancelled, "{error}");
        println!("cancelled after {:?}", begun.elapsed());
        let left = bench.fresh().await.release;
        assert_eq!(left, ReleaseSeen::Failed { revisions: vec![1] }, "Helm wrote down that it gave up");
        let error = bench.install().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        bench.deployer.uninstall(&bench.store, &context(ActionKind::Uninstall)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn an_earlier_owners_helm_is_found_and_ended() {
    on_bench(Chart::Tiny(ENDLESS.into()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let given = context(ActionKind::Install);
        let (host, boot_id) = bench.deployer.host();
        let action = ActionInFlight { id: given.id, kind: ActionKind::Install, epoch: 1, host, boot_id };
        let elsewhere = ActionInFlight { boot_id: "another".into(), ..action.clone() };
        let error = cut_off(bench, given, async || {
            assert_eq!(bench.deployer.stop(&elsewhere).await.unwrap(), StopOutcome::MayStillRun);
            let begun = Instant::now();
            assert_eq!(bench.deployer.stop(&action).await.unwrap(), StopOutcome::Ended);
            println!("stopped after {:?}", begun.elapsed());
        })
        .await;
        println!("{error}");
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        assert_eq!(bench.deployer.stop(&action).await.unwrap(), StopOutcome::Ended);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_helm_that_hangs_is_ended_by_its_deadline() {
    on_bench(Chart::Tiny(ENDLESS.into()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let mut given = context(ActionKind::Install);
        given.deadline = Duration::from_secs(4);
        let begun = Instant::now();
        let error = bench.deployer.install(&bench.store, &given).await.unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        println!("{error}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_namespace_that_cannot_go_names_its_blocker() {
    on_bench(Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let maps = Api::<ConfigMap>::namespaced(bench.client.clone(), &bench.store.id.namespace());
        let metadata = ObjectMeta {
            name: Some("stuck".into()),
            finalizers: Some(vec!["nobody.example/never".into()]),
            ..ObjectMeta::default()
        };
        maps.create(&PostParams::default(), &ConfigMap { metadata, ..ConfigMap::default() }).await.unwrap();
        let uid = bench.namespace_uid().await;
        let given = context(ActionKind::DeleteNamespace);
        bench.deployer.delete_namespace(&bench.store, &uid, &given).await.unwrap();
        let blocked = |seen: &store_core::ports::Observation| {
            matches!(&seen.namespace, NamespaceSeen::Terminating { blocker: Some(blocker), .. }
                if blocker.message.contains("nobody.example/never"))
        };
        let seen = bench.wait("the blocker", 60, blocked).await;
        println!("{:?}", seen.namespace);
        // A store that is made anew must wait for the old namespace, never adopt it.
        let error = bench.deployer.ensure_namespace(&bench.store, &given).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        let release: Patch<serde_json::Value> = Patch::Merge(serde_json::json!({"metadata": {"finalizers": null}}));
        maps.patch("stuck", &PatchParams::default(), &release).await.unwrap();
        bench.wait("no namespace", 60, |seen| seen.namespace == NamespaceSeen::Absent).await;
    })
    .await;
}

/// A release with a claim, whose data must outlive everything but the namespace, and a hook of this kind that keeps
/// Helm busy until there is a `ConfigMap` named `go-on`.
fn busy_in(hook: &str) -> Chart {
    Chart::Tiny(format!(
        r#"
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  labels: {{{{ include "labels" (dict "root" . "component" "database") }}}}
  annotations: {{ helm.sh/resource-policy: keep }}
spec: {{ accessModes: [ReadWriteOnce], storageClassName: standard, resources: {{ requests: {{ storage: 1Mi }} }} }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: busy
  annotations: {{ helm.sh/hook: "{hook}" }}
spec:
  template:
    spec:
      {{{{- include "pod" . | nindent 6 }}}}
      restartPolicy: Never
      containers:
        - name: main
          image: busybox:latest
          command: [sh, -c, "test -e /go-on/now || sleep 3600"]
          volumeMounts: [{{ name: go-on, mountPath: /go-on }}]
          {{{{- include "container" . | nindent 10 }}}}
      volumes: [{{ name: go-on, configMap: {{ name: go-on, optional: true }} }}]
"#
    ))
}

/// Begins something that will not end by itself, waits until its hook runs and its record is as `expected`, and kills its
/// Helm.
async fn killed(
    bench: &Bench,
    given: &ActionContext,
    doing: impl Future<Output = Result<(), PortError>>,
    kind: ActionKind,
    expected: &ReleaseSeen,
) {
    let (host, boot_id) = bench.deployer.host();
    let action = ActionInFlight { id: given.id, kind, epoch: 1, host, boot_id };
    let hooks = Api::<Job>::namespaced(bench.client.clone(), &bench.store.id.namespace());
    let kill = async {
        let begun = Instant::now();
        // Before the hook runs, what was asked for may not be made yet.
        while hooks.get_opt("busy").await.unwrap().is_none() || bench.fresh().await.release != *expected {
            assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", bench.fresh().await.release);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(bench.deployer.stop(&action).await.unwrap(), StopOutcome::Ended);
    };
    let (done, ()) = futures::join!(doing, kill);
    let error = done.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Transient, "{error}");
    assert_eq!(bench.fresh().await.release, *expected, "what a killed Helm left");
}

/// From now on hooks end by themselves.
async fn let_hooks_end(bench: &Bench) {
    let maps = Api::<ConfigMap>::namespaced(bench.client.clone(), &bench.store.id.namespace());
    let metadata = ObjectMeta { name: Some("go-on".into()), ..ObjectMeta::default() };
    let data = Some([("now".to_owned(), String::new())].into());
    maps.create(&PostParams::default(), &ConfigMap { metadata, data, ..ConfigMap::default() }).await.unwrap();
}

/// The UID of the claim: another one would be another database.
async fn claim(bench: &Bench) -> String {
    let claims = Api::<PersistentVolumeClaim>::namespaced(bench.client.clone(), &bench.store.id.namespace());
    let claim = claims.get("data").await.unwrap();
    assert_eq!(claim.metadata.deletion_timestamp, None);
    claim.metadata.uid.unwrap()
}

fn pending(kind: PendingKind, revisions: &[u32], last_deployed: Option<u32>) -> ReleaseSeen {
    ReleaseSeen::Pending { kind, revisions: revisions.into(), last_deployed }
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_helm_killed_in_an_install_leaves_what_an_uninstall_clears(#[case] helm: Helm) {
    on_bench(busy_in("post-install"), helm, async |bench: &Bench| {
        bench.prepare().await;
        let given = context(ActionKind::Install);
        let install = bench.deployer.install(&bench.store, &given);
        killed(bench, &given, install, ActionKind::Install, &pending(PendingKind::Install, &[1], None)).await;
        let before = claim(bench).await;
        bench.deployer.uninstall(&bench.store, &context(ActionKind::Uninstall)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
        let_hooks_end(bench).await;
        bench.install().await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1] });
        assert_eq!(claim(bench).await, before, "the claim was made anew");
    })
    .await;
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_helm_killed_in_an_upgrade_leaves_what_a_rollback_mends_with_the_data_kept(#[case] helm: Helm) {
    on_bench(busy_in("pre-upgrade"), helm, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let before = claim(bench).await;
        let given = context(ActionKind::Upgrade);
        let upgrade = bench.deployer.upgrade(&bench.store, &given);
        killed(bench, &given, upgrade, ActionKind::Upgrade, &pending(PendingKind::Upgrade, &[1, 2], Some(1))).await;
        let error = bench.deployer.upgrade(&bench.store, &context(ActionKind::Upgrade)).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        bench.deployer.rollback(&bench.store, 1, &context(ActionKind::Rollback)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1, 2, 3] });
        assert_eq!(claim(bench).await, before);
        let_hooks_end(bench).await;
        bench.deployer.upgrade(&bench.store, &context(ActionKind::Upgrade)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1, 2, 3, 4] });
    })
    .await;
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_helm_killed_in_a_rollback_leaves_what_another_rollback_mends_with_the_data_kept(#[case] helm: Helm) {
    on_bench(busy_in("pre-rollback"), helm, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let before = claim(bench).await;
        bench.deployer.upgrade(&bench.store, &context(ActionKind::Upgrade)).await.unwrap();
        let given = context(ActionKind::Rollback);
        let rollback = bench.deployer.rollback(&bench.store, 1, &given);
        let left = pending(PendingKind::Rollback, &[1, 2, 3], Some(2));
        killed(bench, &given, rollback, ActionKind::Rollback, &left).await;
        let_hooks_end(bench).await;
        bench.deployer.rollback(&bench.store, 2, &context(ActionKind::Rollback)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1, 2, 3, 4] });
        assert_eq!(claim(bench).await, before);
    })
    .await;
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_helm_killed_in_an_uninstall_leaves_what_another_uninstall_ends(#[case] helm: Helm) {
    on_bench(busy_in("pre-delete"), helm, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let given = context(ActionKind::Uninstall);
        let uninstall = bench.deployer.uninstall(&bench.store, &given);
        let left = ReleaseSeen::Uninstalling { revisions: vec![1] };
        killed(bench, &given, uninstall, ActionKind::Uninstall, &left).await;
        assert!(bench.install().await.is_err(), "nothing can be installed over it");
        assert!(bench.deployer.upgrade(&bench.store, &context(ActionKind::Upgrade)).await.is_err());
        assert_eq!(bench.fresh().await.release, left, "and trying changes nothing");
        let_hooks_end(bench).await;
        bench.deployer.uninstall(&bench.store, &context(ActionKind::Uninstall)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
    })
    .await;
}
