//! What is measured, as Prometheus has it: `GET /metrics`.
//!
//! Everything is recorded through the facade of the crate `metrics`, so that no other part of the platform knows who
//! reads it. A program installs one recorder ([`recorder`]); without one, nothing is recorded and `/metrics` is not
//! there. Labels are routes, statuses, engines, gates and their like: sets that the code itself closes.

mod census;
mod requests;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use store_core::StoreService;
use tokio::time::Instant;

use crate::app::ReconcilerRole;

pub(crate) use census::Census;
pub(crate) use requests::Measured;

const STORES: &str = "store_platform_stores";
const QUEUE: &str = "store_platform_queue_length";
const GATE: &str = "store_platform_gate_seconds";
const READY: &str = "store_platform_ready_seconds";
const EVENTS: &str = "store_platform_events_total";
const ACTION: &str = "store_platform_action_seconds";
const DATABASE: &str = "store_platform_database_up";
const DATABASE_CHECK: &str = "store_platform_database_check_seconds";
const CLUSTER: &str = "store_platform_cluster_up";
const WORKING: &str = "store_platform_working";
const BUILD: &str = "store_platform_build_info";
const REQUESTS: &str = "http_requests_total";
const REQUEST: &str = "http_request_duration_seconds";

/// Bounds of what takes milliseconds.
const QUICK: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Bounds of what takes seconds and minutes.
const SLOW: [f64; 13] = [0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];

/// Reads what a recorder has.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

/// A recorder, to be installed (`metrics::set_global_recorder`), and what reads it.
pub fn recorder() -> (PrometheusRecorder, Metrics) {
    let slow = [GATE, READY, ACTION].map(|name| (name, SLOW.as_slice()));
    let quick = [REQUEST, DATABASE_CHECK].map(|name| (name, QUICK.as_slice()));
    let builder = slow.into_iter().chain(quick).fold(PrometheusBuilder::new(), |builder, (name, bounds)| {
        #[expect(clippy::expect_used, reason = "only a list without bounds is refused")]
        builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds).expect("bounds")
    });
    let recorder = builder.build_recorder();
    metrics::with_local_recorder(&recorder, describe);
    let metrics = Metrics(recorder.handle());
    (recorder, metrics)
}

fn describe() {
    describe_gauge!(STORES, "Stores by status, but deleted ones: those of the whole database");
    describe_gauge!(QUEUE, "Stores that wait for a place among those that are brought up");
    describe_histogram!(GATE, Unit::Seconds, "How long stores took for each gate, once they are READY or FAILED");
    describe_histogram!(READY, Unit::Seconds, "How long attempts took from their beginning to READY");
    describe_counter!(EVENTS, "Events of stores, as this server saw them: those of the whole database");
    describe_histogram!(ACTION, Unit::Seconds, "Actions of this server on the cluster, Helm's among them");
    describe_gauge!(DATABASE, "Whether the database answers");
    describe_histogram!(DATABASE_CHECK, Unit::Seconds, "How long the database took to answer when this was read");
    describe_gauge!(CLUSTER, "Whether this server sees the cluster, and it is the one of the database");
    describe_gauge!(WORKING, "Whether this server works on the stores, not another one on its database");
    describe_gauge!(BUILD, "The version that runs");
    describe_counter!(REQUESTS, "Requests that were answered");
    describe_histogram!(REQUEST, Unit::Seconds, "How long answers took to begin");
}

impl Metrics {
    /// Everything as text, after a look at database and cluster.
    pub(crate) async fn render(&self, service: &StoreService, role: &ReconcilerRole) -> String {
        let begun = Instant::now();
        let is_up = service.check_database().await.is_ok();
        histogram!(DATABASE_CHECK).record(begun.elapsed());
        gauge!(DATABASE).set(f64::from(is_up));
        gauge!(CLUSTER).set(f64::from(service.cluster().is_open()));
        gauge!(WORKING).set(f64::from(*role == ReconcilerRole::Working));
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        self.0.render()
    }

    /// Puts aside what was recorded, so that it does not pile up where nobody reads.
    pub(crate) fn upkeep(&self) {
        self.0.run_upkeep();
    }
}
