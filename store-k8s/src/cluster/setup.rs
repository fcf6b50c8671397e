//! The setup job: how far it is, what it reported, and why it gave up. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use serde::Deserialize;
use store_core::lifecycle::{Failure, FailureCode, ObjectRef};
use store_core::ports::{SetupReport, SetupSeen};

use super::diagnosis::is_out_of_room;
use super::error::shorten;
use super::facts::{JobFact, LastWords, PodFact};

/// What a setup job reports.
pub(crate) type Details = BTreeMap<String, String>;

/// The init container that fills the database.
const SETUP: &str = "setup";
/// The container that looks at the shop and reports.
const VERIFY: &str = "verify";

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    details: BTreeMap<String, serde_json::Value>,
}

/// Whether the shop's data and the admin account are in the database.
pub(crate) fn is_initialised(pod: &Pod) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    ended(statuses, SETUP).is_some_and(|end| end.exit_code == 0)
}

/// The details that the job's last container left as its termination message: one line of JSON.
pub(crate) fn report(pod: &Pod) -> Option<Details> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let message = ended(statuses, VERIFY).filter(|end| end.exit_code == 0)?.message.clone()?;
    let report: Report = message.lines().rev().find_map(|line| serde_json::from_str(line).ok())?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Some(report.details.into_iter().map(|(key, value)| (key, text(value))).collect())
}

fn ended<'a>(
    mut statuses: impl Iterator<Item = &'a ContainerStatus>,
    name: &str,
) -> Option<&'a ContainerStateTerminated> {
    statuses.find(|status| status.name == name)?.state.as_ref()?.terminated.as_ref()
}

/// What the container that failed last had to say.
pub(crate) fn last_words(pod: &Pod) -> Option<LastWords> {
    let status = pod.status.as_ref()?;
    let all = status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    all.filter_map(|container| {
        let both = [container.state.as_ref(), container.last_state.as_ref()];
        let end = both.into_iter().flatten().find_map(|state| state.terminated.as_ref())?;
        (end.exit_code != 0)
            .then(|| LastWords { at: end.finished_at.as_ref().map(|time| time.0), text: words(&container.name, end) })
    })
    .max_by_key(|words| words.at)
}

fn words(container: &str, end: &ContainerStateTerminated) -> String {
    let said = end.message.as_deref().map(shorten).filter(|message| !message.is_empty());
    match (said, end.reason.as_deref()) {
        (Some(message), _) => message,
        (None, Some("OOMKilled")) => format!("container {container} was killed for using more memory than its limit"),
        (None, _) => format!("container {container} ended with exit code {}", end.exit_code),
    }
}

/// How far the job of one attempt is. `pods` are those of this job, and `kept` is what one of them reported that may
/// be gone.
pub(crate) fn seen(name: &str, job: Option<&JobFact>, pods: &[&PodFact], kept: Option<&Details>) -> SetupSeen {
    let Some(job) = job else { return SetupSeen::Absent };
    if let Some((reason, message)) = &job.failed {
        return SetupSeen::Failed(failure(name, job, reason, message, pods));
    }
    // Job and pods are watched apart: the job's end may be known before its pod's.
    let all_pods_ended = pods.iter().all(|pod| pod.ended.is_some());
    if job.complete && all_pods_ended {
        let succeeded = || pods.iter().filter(|pod| pod.ended == Some(true));
        let details = succeeded().find_map(|pod| pod.report.as_ref()).or(kept);
        if details.is_none() && succeeded().next().is_none() {
            return SetupSeen::Failed(report_gone(name));
        }
        return SetupSeen::Succeeded(SetupReport { details: details.cloned().unwrap_or_default() });
    }
    if job.complete || pods.iter().any(|pod| pod.initialised) { SetupSeen::Initialised } else { SetupSeen::Waiting }
}

/// Without its report the shop would be READY but lack what it tells for ever; another attempt's job tells it again,
/// and finds the shop's data as it is.
fn report_gone(name: &str) -> Failure {
    Failure::new(
        FailureCode::SetupFailed,
        "Setup job did not complete: its report is gone",
        "Its pod was removed before it was read; retry the store, what is in its database stays",
    )
    .blaming(ObjectRef::new("Job", name))
}

fn failure(name: &str, job: &JobFact, reason: &str, message: &str, pods: &[&PodFact]) -> Failure {
    let what = match reason {
        "BackoffLimitExceeded" => format!("it failed {}", times(job.failures)),
        "DeadlineExceeded" => "its time was over".to_owned(),
        // It ended with an exit code that says that another try would not help.
        "PodFailurePolicy" => "it cannot succeed".to_owned(),
        other => format!("it ended with {other}"),
    };
    let last = pods.iter().filter_map(|pod| pod.last_words.as_ref()).max_by_key(|words| words.at);
    let said = last.map_or(message, |words| &words.text);
    let (code, hint) = if is_out_of_room(said) {
        (FailureCode::VolumeFull, "Make room on the volume, or give the store a larger one, then retry")
    } else {
        (FailureCode::SetupFailed, "Look at the setup job's logs, then retry the store; what is in its database stays")
    };
    Failure::new(code, format!("Setup job did not complete: {what}"), hint)
        .blaming(ObjectRef::new("Job", name))
        .quoting(said)
}

fn times(count: u32) -> String {
    match count {
        0 => "again and again".to_owned(),
        1 => "once".to_owned(),
        more => format!("{more} times"),
    }
}

#[cfg(test)]
#[path = "setup_tests.rs"]
mod tests;
