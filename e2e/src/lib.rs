//! What the end-to-end tests share: the laboratory (cluster, programs), the server as a process, the API, the cluster
//! seen from outside, charts in which one thing is wrong, customers and shopkeepers, a browser, and the search for leaked
//! secrets.
//!
//! The tests are ignored unless a part of `cargo xtask test` runs them: they need a cluster, and are
//! told where everything is by variables named `STORE_TEST_…`.

#![expect(clippy::expect_used, reason = "in tests, what is missing ends the test with its name")]

mod api;
mod browser;
mod canaries;
mod charts;
mod containerd;
mod customer;
mod database;
mod demo;
mod kubectl;
mod lab;
mod nginx;
mod server;
mod simulated;
mod site;
mod skip;
mod watch;
mod wordpress;

pub use api::{Api, Stream, password, request, request_of};
pub use browser::{run_script, see_order_in_admin};
pub use canaries::{ArgumentWatch, Canaries};
pub use charts::{REST, SmallChart, labels, listening};
pub use containerd::Containerd;
pub use customer::{Customer, Order};
pub use database::{sealed_password, sealed_passwords};
pub use demo::{Demo, new_token};
pub use kubectl::{Kubectl, VolumeWatch, helm_processes};
pub use lab::Lab;
pub use nginx::Nginx;
pub use server::{Server, free_port};
pub use simulated::{Outage, SimulatedCluster};
pub use site::Site;
pub use skip::{NO_PLUGIN, skip, skip_test};
pub use watch::{Watch, now};
pub use wordpress::Shopkeeper;

use std::time::{Duration, Instant};

use serde_json::Value;

/// A value that must be a text.
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("expected a text, got {value}")).to_owned()
}

/// A name of this run's own: what a run that was cut off left behind may still have the host of the same name.
pub fn own_name(word: &str) -> String {
    format!("{word}-{}", std::process::id())
}

/// Calls `look` until it gives a value, or ends the test saying `what` did not happen, with the last thing seen.
pub async fn until<T, F>(what: &str, deadline: Duration, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let began = Instant::now();
    loop {
        match look().await {
            Ok(value) => return value,
            Err(last) => assert!(began.elapsed() < deadline, "{what}: not within {deadline:?}; last seen: {last}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
