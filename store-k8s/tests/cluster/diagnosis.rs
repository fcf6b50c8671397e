//! What goes wrong on a real cluster is named with its culprit.

use std::time::Duration;

use store_core::lifecycle::FailureCode;
use store_core::ports::{Observation, SetupSeen, Suspicion};

use crate::support::{Bench, Chart, Helm, container, on_bench, setup_job, sleeping, workload};

fn suspicion(seen: &Observation, code: FailureCode) -> Option<&Suspicion> {
    seen.suspicions.iter().find(|suspicion| suspicion.failure.code == code)
}

/// Installs the objects and waits until each of these codes is suspected; returns the reasons.
async fn reasons(objects: String, codes: &[FailureCode]) -> Vec<String> {
    let mut reasons = Vec::new();
    on_bench(Chart::Tiny(objects), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let all = |seen: &Observation| codes.iter().all(|code| suspicion(seen, *code).is_some());
        let seen = bench.wait(&format!("{codes:?}"), 90, all).await;
        reasons = codes.iter().filter_map(|code| Some(suspicion(&seen, *code)?.failure.reason())).collect();
        println!("{reasons:#?}");
        // A fresh read says the same, with the same beginning. A container that keeps crashing runs now and then.
        let until = tokio::time::Instant::now() + Duration::from_secs(30);
        let mut fresh = bench.fresh().await;
        while !all(&fresh) && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(250)).await;
            fresh = bench.fresh().await;
        }
        for code in codes {
            assert_eq!(suspicion(&fresh, *code).map(|s| s.since), suspicion(&seen, *code).map(|s| s.since));
        }
    })
    .await;
    reasons
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn pods_that_cannot_start_say_why() {
    let no_image = container(&["image: nobody.invalid/nothing:1"]);
    let crashing = container(&[
        "image: busybox:latest",
        "command: [sh, -c, 'echo the disk is on fire > /dev/termination-log; exit 3']",
    ]);
    let objects = workload("StatefulSet", "database", &no_image) + &workload("Deployment", "server", &crashing);
    let said = reasons(objects, &[FailureCode::ImagePull, FailureCode::CrashLoop]).await;
    assert!(said[0].starts_with("PostgreSQL pod not ready: its image nobody.invalid/nothing:1 cannot be pulled"));
    assert!(said[0].contains("[Pod database-0]"));
    assert!(said[1].starts_with("Medusa pod not ready: its container main keeps crashing: the disk is on fire"));
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn pods_without_room_or_configuration_say_why() {
    let greedy = container(&["image: busybox:latest", "resources: { requests: { cpu: '1000' } }"]);
    let lost = container(&[
        "image: busybox:latest",
        "env: [{ name: A, valueFrom: { secretKeyRef: { name: nothing, key: a } } }]",
    ]);
    let objects = workload("StatefulSet", "database", &greedy) + &workload("Deployment", "server", &lost);
    let said = reasons(objects, &[FailureCode::Unschedulable, FailureCode::ContainerConfig]).await;
    assert!(said[0].contains("Insufficient cpu"), "{said:?}");
    assert!(said[1].contains("secret \"nothing\" not found"), "{said:?}");
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_container_that_needs_too_much_memory_says_so() {
    let hungry = container(&[
        "image: busybox:latest",
        "command: [sh, -c, 'sleep 1; x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done']",
        "resources: { limits: { memory: 12Mi } }",
    ]);
    let said = reasons(workload("Deployment", "server", &hungry), &[FailureCode::OutOfMemory]).await;
    assert!(
        said[0].starts_with("Medusa pod not ready: its container main is killed for using more memory"),
        "{said:?}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn objects_that_stay_without_pods_or_volume_say_why() {
    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: { name: none }\nspec: { hard: { pods: '0' } }\n";
    let claim = r#"---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: uploads, labels: {{ include "labels" (dict "root" . "component" "server") }} }
spec: { accessModes: [ReadWriteOnce], storageClassName: nothing, resources: { requests: { storage: 1Mi } } }
"#;
    let objects = [
        quota,
        &workload("StatefulSet", "database", &sleeping()),
        &workload("Deployment", "server", &sleeping()),
        &setup_job("true", "true"),
        claim,
    ]
    .concat();
    on_bench(Chart::Tiny(objects), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let refused = |seen: &Observation, object: &str, said: &str| {
            let mut failures = seen.suspicions.iter().map(|suspicion| suspicion.failure.reason());
            failures.any(|reason| reason.contains(object) && reason.contains(said))
        };
        // A Deployment says so itself; the others only by their events.
        let everything = |seen: &Observation| {
            ["[StatefulSet database]", "[Deployment server]", "[Job "]
                .iter()
                .all(|object| refused(seen, object, "exceeded quota: none"))
                && refused(seen, "[PersistentVolumeClaim uploads]", "\"nothing\" not found")
        };
        let seen = bench.wait("everything refused", 60, everything).await;
        let codes = [FailureCode::PodsRefused, FailureCode::VolumeClaim];
        assert!(seen.suspicions.iter().all(|suspicion| codes.contains(&suspicion.failure.code)));
        assert!(everything(&bench.fresh().await));
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_setup_job_that_gives_up_is_quoted() {
    let objects = setup_job("echo 'no such table' > /dev/termination-log; exit 1", "true");
    on_bench(Chart::Tiny(objects), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let seen = bench.wait("a failed job", 90, |seen| matches!(seen.setup, SetupSeen::Failed(_))).await;
        let SetupSeen::Failed(failure) = seen.setup else { unreachable!() };
        println!("{}", failure.reason());
        assert_eq!(failure.message, "Setup job did not complete: it failed 2 times");
        assert_eq!(failure.event.as_deref(), Some("no such table"));
    })
    .await;
}
