//! What the control plane adds to one store: all the time from POST to READY in which neither Helm runs nor the cluster
//! brings up what Helm asked for.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::{
    lab::{Lab, delete_all},
    watchers::{Children, Seen, Stream, Workloads},
};
use crate::{progress::say, server::Server};

/// The overhead is the control plane's own, whichever engine it is measured with.
pub(super) const ENGINE: &str = "medusa";
const PATIENCE: Duration = Duration::from_mins(20);

/// One store's times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Run {
    pub(super) post_to_ready: f64,
    pub(super) helm: f64,
    pub(super) workload: f64,
    pub(super) overhead: f64,
}

/// The moments that make a run.
#[derive(Debug, Clone, Copy)]
struct Moments {
    post: Instant,
    helm_start: Instant,
    helm_exit: Instant,
    workloads_ready: Instant,
    ready: Instant,
}

/// Creates one store, looks on, and deletes it.
pub(super) fn run(lab: &Lab, server: Server, number: u32) -> Result<Run> {
    let workloads = Workloads::of(&lab.cluster)?;
    let children = Children::of(server);
    let mut stream = Stream::of(server)?;
    let post = Instant::now();
    let id = create(server, &format!("overhead-{number}"), ENGINE)?;
    let ready = stream.until_ready(&id, PATIENCE)?;
    let namespace = format!("store-{id}");
    let workloads_ready = workloads.ready(&namespace, ready).context("READY before its workloads were")?;
    let (helm_start, helm_exit) = install(&children.finish(), &namespace)?;
    let run = Run::of(Moments { post, helm_start, helm_exit, workloads_ready, ready });
    say(format!(
        "run {number}: POST to READY {:.0} ms, Helm {:.0} ms, workloads {:.0} ms, overhead {:.0} ms",
        run.post_to_ready, run.helm, run.workload, run.overhead
    ));
    delete_all(server)?;
    Ok(run)
}

impl Run {
    fn of(moments: Moments) -> Self {
        let Moments { post, helm_start, helm_exit, workloads_ready, ready } = moments;
        let ms = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64() * 1000.0;
        let (total, helm, workload) = (ms(post, ready), ms(helm_start, helm_exit), ms(helm_exit, workloads_ready));
        Self { post_to_ready: total, helm, workload, overhead: total - helm - workload }
    }
}

/// The one `helm install` of the release.
fn install(seen: &[Seen], release: &str) -> Result<(Instant, Instant)> {
    let has = |entry: &Seen, word: &str| entry.arguments.iter().any(|argument| argument == word);
    let installs: Vec<&Seen> = seen.iter().filter(|entry| has(entry, "install") && has(entry, release)).collect();
    match installs.as_slice() {
        [install] => Ok((install.from, install.until.context("Helm still runs")?)),
        _ => bail!("expected one helm install of {release}, saw {}", installs.len()),
    }
}

/// Asks for a store; gives its id.
pub(super) fn create(server: Server, name: &str, engine: &str) -> Result<String> {
    let request = json!({
        "name": name, "engine": engine, "admin_username": "bench",
        "admin_email": "bench@example.com", "admin_password": "not-a-secret-1",
    });
    let store = server.api().create(&request)?;
    Ok(store["id"].as_str().context("a store without an id")?.to_owned())
}

/// Waits until a store is READY, asking once a second.
pub(super) fn wait_until_ready(server: Server, id: &str) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        let store = server.api().store(id)?;
        match store["status"].as_str() {
            Some("READY") => return Ok(()),
            Some("PROVISIONING") => std::thread::sleep(Duration::from_secs(1)),
            _ => bail!("{} is {}: {}", store["name"], store["status"], store["failure_reason"]),
        }
    }
    bail!("the store {id} is not READY after {} s", PATIENCE.as_secs())
}

/// The middle one of some measurements; of an even number, the mean of the two in the middle.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_what_neither_helm_nor_the_cluster_took() {
        let post = Instant::now();
        let at = |ms: u64| post + Duration::from_millis(ms);
        let moments =
            Moments { post, helm_start: at(100), helm_exit: at(400), workloads_ready: at(900), ready: at(950) };
        let run = Run::of(moments);
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.001;
        assert!(near(run.overhead, 150.0) && near(run.helm, 300.0) && near(run.workload, 500.0), "{run:?}");
        // Workloads that were ready before Helm ended took no time of their own.
        let quick = Run::of(Moments { workloads_ready: at(300), ready: at(450), ..moments });
        assert!(near(quick.workload, 0.0) && near(quick.overhead, 150.0), "{quick:?}");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median([3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median([4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
    }
}
