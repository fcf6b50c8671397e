//! Helm processes that are cut off leave what the record says, and nothing running.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use rstest::rstest;
use store_core::ports::{
    ActionContext, ActionInFlight, ActionKind, Deployer as _, ErrorClass, NamespaceSeen, PendingKind, ReleaseSeen,
    StopOutcome,
};

use crate::support::{Bench, Chart, Helm, context, on_bench};

/// A hook that never ends keeps Helm busy.
const ENDLESS: &str = r#"
apiVersion: v1
kind: Pod
metadata:
  name: endless
  annotations: { helm.sh/hook: "pre-install,pre-upgrade" }
spec:
  {{- include "pod" . | nindent 2 }}
  restartPolicy: Never
  containers:
    - name: main
      image: busybox:latest
      command: [sleep, "3600"]
      {{- include "container" . | nindent 6 }}
"#;

async fn is_pending(bench: &Bench) -> bool {
    matches!(bench.fresh().await.release, ReleaseSeen::Pending { kind: PendingKind::Install, .. })
}

/// Begins an install that will not end by itself, and waits until its record is there.
async fn cut_off(bench: &Bench, given: ActionContext, cut: impl AsyncFnOnce()) -> store_core::ports::PortError {
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
#[ignore = "needs a cluster: cargo xtask test --only cluster"]
async fn an_install_that_is_cut_off_is_pending_and_can_be_cleared(#[case] helm: Helm) {
    on_bench(Chart::Tiny(ENDLESS.into()), helm, async |bench: &Bench| {
        bench.prepare().await;
        let given = context(ActionKind::Install);
        let cancel = given.cancel.clone();
        let begun = Instant::now();
        let error = cut_off(bench, given.clone(), async || cancel.cancel()).await;
        assert_eq!(error.class(), ErrorClass::Cancelled, "{error}");
        println!("cancelled after {:?}", begun.elapsed());
        assert!(is_pending(bench).await);
        let error = bench.install().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Transient, "{error}");
        bench.deployer.uninstall(&bench.store, &context(ActionKind::Uninstall)).await.unwrap();
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only cluster"]
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
#[ignore = "needs a cluster: cargo xtask test --only cluster"]
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
#[ignore = "needs a cluster: cargo xtask test --only cluster"]
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
