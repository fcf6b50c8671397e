//! Pods and logs of a store on a real cluster, read with the platform's own account.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use store_core::ports::{HealthProbe as _, LogRequest};
use store_core::store::Component;

use crate::support::{Bench, Chart, Helm, container, on_bench, workload};

/// Says what it counts, for as long as it lives.
fn counting() -> String {
    let script = "command: [sh, -c, 'i=0; while true; do i=$((i+1)); echo line $i; sleep 0.2; done']";
    workload("Deployment", "server", &container(&["image: busybox:latest", script]))
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_log_is_read_and_followed() {
    on_bench(Chart::Tiny(counting()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        assert_eq!(bench.probe.pods(&bench.store).await.unwrap(), [], "nothing was installed yet");
        let request = LogRequest::of(Component::Server).tail(5);
        assert!(bench.probe.logs(&bench.store, request).await.unwrap().is_none());

        bench.install().await.unwrap();
        bench.wait("the server runs", 60, |seen| seen.is_workload_ready(Component::Server)).await;
        let pods = bench.probe.pods(&bench.store).await.unwrap();
        let [pod] = pods.as_slice() else { panic!("{pods:?}") };
        assert_eq!((pod.component, pod.phase.as_str(), pod.restarts), (Component::Server, "Running", 0));
        assert!(pod.ready && pod.started_at.is_some(), "{pod:?}");

        let followed = bench.probe.logs(&bench.store, request.following(true)).await.unwrap().expect("a log");
        let numbers = followed.take(10).map_ok(|line| line.strip_prefix("line ").unwrap().parse::<u32>().unwrap());
        let numbers = tokio::time::timeout(Duration::from_secs(30), numbers.try_collect::<Vec<_>>());
        let numbers = numbers.await.expect("ten lines in time").unwrap();
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");

        let told = bench.probe.logs(&bench.store, request).await.unwrap().expect("a log");
        let told: Vec<_> = told.try_collect().await.unwrap();
        assert_eq!(told.len(), 5, "{told:?}");
        assert!(bench.probe.logs(&bench.store, LogRequest::of(Component::Setup)).await.unwrap().is_none());
    })
    .await;
}
