//! The pods of a simulated store, and what they say: plausible enough to show where logs are found.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use store_core::lifecycle::Store;
use store_core::ports::{Clock, LogRequest, LogStream, Observation, PodSeen, SetupSeen};
use store_core::store::{Component, Engine};

/// A simulated pod says something this often.
const SAYS_EVERY: Duration = Duration::from_secs(1);

/// The pods of what was seen of a store whose release was installed then, the newest first.
pub(crate) fn pods(store: &Store, seen: &Observation, installed_at: Timestamp) -> Vec<PodSeen> {
    let pod = |component, phase: &str, ready| {
        let mut pod = PodSeen::new(name(store, component), component);
        phase.clone_into(&mut pod.phase);
        pod.ready = ready;
        pod.started_at = Some(installed_at);
        pod
    };
    let mut setup = match &seen.setup {
        SetupSeen::Succeeded(_) => pod(Component::Setup, "Succeeded", false),
        SetupSeen::Failed(_) => pod(Component::Setup, "Failed", false),
        _ => pod(Component::Setup, "Running", true),
    };
    if let SetupSeen::Failed(failure) = &seen.setup {
        setup.message = Some(format!("Error: {}", failure.message));
    }
    let mut server = pod(Component::Server, "Running", seen.is_workload_ready(Component::Server));
    if let Some(suspicion) = seen.suspicions.first() {
        server.restarts = suspicion.times;
        server.message = suspicion.failure.event.as_ref().map(|said| format!("CrashLoopBackOff: {said}"));
    }
    vec![setup, server, pod(Component::Database, "Running", seen.is_workload_ready(Component::Database))]
}

pub(crate) fn name(store: &Store, component: Component) -> String {
    match component {
        Component::Setup => format!("{}-{}", store.id.setup_job(store.attempt()), &store.id.as_str()[..5]),
        Component::Server => format!("server-{}", &store.id.as_str()[..5]),
        _ => format!("{component}-0"),
    }
}

/// How a container ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// After the release was installed.
    pub(crate) after: Duration,
    pub(crate) last_words: &'static str,
}

/// One line for each second since the release was installed, and on from there if it is followed.
pub(crate) fn logs(
    store: &Store,
    installed_at: Timestamp,
    clock: Arc<dyn Clock>,
    request: LogRequest,
    end: Option<End>,
    is_there: impl Fn() -> bool + Send + 'static,
) -> LogStream {
    let LogRequest { component, tail, follow, .. } = request;
    let engine = store.engine;
    let age = u64::try_from(clock.now().duration_since(installed_at).as_secs()).unwrap_or_default();
    let last = end.map_or(u64::MAX, |end| end.after.as_secs().max(1));
    let line = move |count| match end {
        Some(end) if count == last => at(installed_at, count, end.last_words),
        _ => at(installed_at, count, &said(engine, component, count)),
    };
    let age = age.clamp(1, last);
    let so_far = (age.saturating_sub(u64::from(tail)) + 1..=age).map(line);
    let so_far = stream::iter(so_far.map(Ok));
    if !follow {
        return so_far.boxed();
    }
    let news = stream::unfold((age + 1, clock, is_there), move |(count, clock, is_there)| async move {
        if count > last {
            return None;
        }
        clock.sleep(SAYS_EVERY).await;
        is_there().then(|| (Ok(line(count)), (count + 1, clock, is_there)))
    });
    so_far.chain(news).boxed()
}

fn at(installed_at: Timestamp, count: u64, said: &str) -> String {
    let at = installed_at + SAYS_EVERY * u32::try_from(count).unwrap_or(u32::MAX);
    format!("{at:.0} simulated {said}")
}

fn said(engine: Engine, component: Component, count: u64) -> String {
    match (component, count % 4) {
        (Component::Database, 0) => format!("{}: checkpoint complete", engine.database_title()),
        (Component::Database, _) => format!("{}: connection authorized", engine.database_title()),
        (Component::Setup, _) => format!("setup of {}: step {count}", engine.title()),
        (_, 0) => format!("{}: GET /products 200", engine.title()),
        (_, _) => format!("{}: GET / 200", engine.title()),
    }
}
