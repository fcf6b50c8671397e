//! From nothing to a running release and back, with both majors of Helm.

use std::time::Instant;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use rstest::rstest;
use store_core::lifecycle::{Progress, Provisioning, Published, VolumeFate};
use store_core::ports::{
    ActionKind, CredentialsSeen, Deployer as _, HealthProbe as _, NamespaceSeen, ReleaseSeen, SetupSeen,
};
use store_core::store::Component;

use crate::support::{Bench, CANARY, Chart, Helm, context, on_bench, setup_job, sleeping, workload};

const REPORT: &str = r#"echo '{"details":{"publishable_api_key":"pk_test"},"products":4}' > /dev/termination-log"#;
const CLAIM_AND_INGRESS: &str = r#"---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: data, labels: {{ include "labels" (dict "root" . "component" "server") }} }
spec: { accessModes: [ReadWriteOnce], storageClassName: standard, resources: { requests: { storage: 1Mi } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: storefront, labels: {{ include "labels" (dict "root" . "component" "server") }} }
spec:
  ingressClassName: nobody
  rules:
    - host: {{ .Values.platform.host }}
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: x, port: { number: 80 } } } }] }
"#;

fn whole_chart() -> Chart {
    let with_volume = format!(
        "{}\n          volumeMounts: [{{ name: data, mountPath: /data }}]\n      volumes: [{{ name: data, \
         persistentVolumeClaim: {{ claimName: data }} }}]",
        sleeping()
    );
    Chart::Tiny(
        [
            workload("StatefulSet", "database", &sleeping()),
            workload("Deployment", "server", &with_volume),
            setup_job("true", REPORT),
            CLAIM_AND_INGRESS.to_owned(),
        ]
        .concat(),
    )
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_release_comes_changes_and_goes(#[case] helm: Helm) {
    on_bench(whole_chart(), helm, async |bench: &Bench| {
        nothing_is_there(bench).await;
        bench.prepare().await;
        bench.prepare().await; // twice is the same as once
        let begun = Instant::now();
        bench.install().await.unwrap();
        println!("install with {}: {:?}", bench.deployer.version().text, begun.elapsed());
        everything_is_there(bench).await;
        revisions_are_counted(bench).await;
        everything_goes(bench).await;
    })
    .await;
}

async fn nothing_is_there(bench: &Bench) {
    let seen = bench.fresh().await;
    assert_eq!(seen.namespace, NamespaceSeen::Absent);
    assert_eq!(seen.credentials, CredentialsSeen::Absent);
    assert_eq!(seen.release, ReleaseSeen::Absent);
    assert_eq!((seen.leftovers, seen.setup), (0, SetupSeen::Absent));
}

async fn everything_is_there(bench: &Bench) {
    let begun = Instant::now();
    let is_whole = |seen: &store_core::ports::Observation| {
        matches!(seen.setup, SetupSeen::Succeeded(_))
            && [Component::Database, Component::Server].into_iter().all(|component| seen.is_workload_ready(component))
    };
    let cached = bench.wait("a whole release", 120, is_whole).await;
    println!("ready after {:?}", begun.elapsed());
    let begun = Instant::now();
    let fresh = bench.fresh().await;
    println!("a fresh read: {:?}", begun.elapsed());
    let SetupSeen::Succeeded(report) = &fresh.setup else { panic!("{:?}", fresh.setup) };
    assert_eq!(report.details["publishable_api_key"], "pk_test");
    assert_eq!(fresh.release, ReleaseSeen::Deployed { revisions: vec![1] });
    assert_eq!(fresh.credentials, CredentialsSeen::Ours);
    assert_eq!(fresh.published, Published::No);
    assert_eq!(fresh.suspicions, []);
    let [volume] = fresh.volumes.as_slice() else { panic!("{:?}", fresh.volumes) };
    assert_eq!((volume.claim.as_str(), volume.fate), ("data", VolumeFate::Deleted));
    // Three workload objects and three pods.
    assert_eq!(fresh.leftovers, 6);
    assert_eq!(cached.workloads, fresh.workloads, "the watches and a fresh read fold the same");
    assert_eq!(bench.cached().await, fresh);
    let own = (bench.store.id.to_string(), bench.store.id.namespace());
    assert_eq!(bench.probe.namespaces().await.unwrap(), [own]);
}

async fn revisions_are_counted(bench: &Bench) {
    let given = context(ActionKind::Upgrade);
    bench.deployer.upgrade(&bench.store, &given).await.unwrap();
    assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1, 2] });
    bench.deployer.rollback(&bench.store, 1, &given).await.unwrap();
    assert_eq!(bench.fresh().await.release, ReleaseSeen::Deployed { revisions: vec![1, 2, 3] });
}

async fn everything_goes(bench: &Bench) {
    let volumes: Vec<String> = bench.fresh().await.volumes.into_iter().map(|volume| volume.name).collect();
    assert_eq!(bench.probe.existing_volumes(&volumes).await.unwrap(), volumes);
    let given = context(ActionKind::Uninstall);
    bench.deployer.uninstall(&bench.store, &given).await.unwrap();
    bench.deployer.uninstall(&bench.store, &given).await.unwrap();
    assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
    bench.wait("no pod or job", 60, |seen| seen.leftovers == 0).await;

    let uid = bench.namespace_uid().await;
    let given = context(ActionKind::DeleteNamespace);
    let wrong = bench.deployer.delete_namespace(&bench.store, "somebody-else", &given).await.unwrap_err();
    assert_eq!(wrong.class(), store_core::ports::ErrorClass::Conflict);
    bench.deployer.delete_namespace(&bench.store, &uid, &given).await.unwrap();
    bench.deployer.delete_namespace(&bench.store, &uid, &given).await.unwrap();
    bench.wait("no namespace", 60, |seen| seen.namespace == NamespaceSeen::Absent).await;
    bench.deployer.delete_namespace(&bench.store, &uid, &given).await.unwrap();
    let mut changes = bench.probe.changes();
    while bench.probe.existing_volumes(&volumes).await.unwrap() != Vec::<String>::new() {
        // Volumes go a moment after their claims, and nobody tells us.
        let _ =
            tokio::time::timeout(std::time::Duration::from_millis(200), futures::StreamExt::next(&mut changes)).await;
    }
    nothing_is_there(bench).await;
}

/// The chart that users get: the real shop, its setup job's report, and nothing secret where it does not belong.
#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn the_real_chart_becomes_a_shop(#[case] helm: Helm) {
    on_bench(Chart::Real, helm, async |bench: &Bench| {
        bench.prepare().await;
        let begun = Instant::now();
        bench.install().await.unwrap();
        println!("install with {}: {:?}", bench.deployer.version().text, begun.elapsed());
        let is_shop = |seen: &store_core::ports::Observation| {
            assert!(!matches!(seen.setup, SetupSeen::Failed(_)), "{seen:#?}");
            matches!(seen.setup, SetupSeen::Succeeded(_))
                && [Component::Database, Component::Server]
                    .into_iter()
                    .all(|component| seen.is_workload_ready(component))
        };
        bench.wait("a shop", 400, is_shop).await;
        println!("a shop after {:?}", begun.elapsed());
        let fresh = bench.fresh().await;
        let SetupSeen::Succeeded(report) = &fresh.setup else { panic!("{:?}", fresh.setup) };
        assert!(report.details["publishable_api_key"].starts_with("pk_"), "{report:?}");
        assert_eq!(fresh.suspicions, []);
        assert_eq!(fresh.volumes.len(), 2);
        no_secret_in_the_release(bench).await;
        another_attempt_keeps_the_data(bench).await;
    })
    .await;
}

async fn no_secret_in_the_release(bench: &Bench) {
    let secrets = Api::<Secret>::namespaced(bench.client.clone(), &bench.store.id.namespace());
    let record = secrets.get(&format!("sh.helm.release.v1.{}.v1", bench.store.id.release())).await.unwrap();
    let payload = record.data.unwrap().remove("release").unwrap().0;
    // Base64 once more, of gzip: as Helm writes it.
    let unpack = format!("base64 -d | gzip -d | grep -c -e '{CANARY}' -e 4711");
    let output = std::process::Command::new("sh")
        .args(["-c", &unpack])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            std::io::Write::write_all(child.stdin.as_mut().unwrap(), &payload)?;
            child.wait_with_output()
        })
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
}

async fn another_attempt_keeps_the_data(bench: &Bench) {
    let before = bench.fresh().await.volumes;
    bench.deployer.uninstall(&bench.store, &context(ActionKind::Uninstall)).await.unwrap();
    bench.wait("nothing left of the first attempt", 120, |seen| seen.leftovers == 0).await;
    let mut second = bench.store.clone();
    second.intent.attempt = 2;
    second.progress = Progress::Provisioning(Provisioning::begin(2));
    bench.deployer.install(&second, &context(ActionKind::Install)).await.unwrap();
    let seen = bench.probe.observe(&second, store_core::ports::Freshness::Fresh).await.unwrap();
    assert_eq!(seen.setup, SetupSeen::Waiting);
    let kept = |volumes: &[store_core::ports::VolumeSeen]| {
        let mut names: Vec<_> = volumes.iter().map(|volume| volume.name.clone()).collect();
        names.sort();
        names
    };
    assert_eq!(kept(&seen.volumes), kept(&before));
}
