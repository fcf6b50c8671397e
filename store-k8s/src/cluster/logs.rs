//! Pods as people want to see them, and their logs: read when asked for, never watched.

use std::io;

use futures::io::{AsyncBufRead, AsyncBufReadExt as _};
use futures::stream::{self, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use kube::api::{Api, ListParams, LogParams};
use store_core::lifecycle::Store;
use store_core::ports::{ErrorClass, LogRequest, LogStream, PodSeen, PortError};
use store_core::store::Component;
use uuid::Uuid;

use super::connect::{CALL, Cluster, within};
use super::error::shorten;
use crate::labels;

/// What stands for the rest of a line that was cut.
const CUT: &str = "…";

/// The store's pods, the newest first, read now.
pub(super) async fn pods(cluster: &Cluster, installation: Uuid, store: &Store) -> Result<Vec<PodSeen>, PortError> {
    let pods = list(cluster, installation, store).await?;
    Ok(pods.iter().filter_map(seen).collect())
}

/// The log of the newest pod of a component; `None` if there is none that has said anything yet.
pub(super) async fn logs(
    cluster: &Cluster,
    installation: Uuid,
    store: &Store,
    request: LogRequest,
) -> Result<Option<LogStream>, PortError> {
    let pods = list(cluster, installation, store).await?;
    let Some(pod) = pods.iter().find(|pod| component(pod) == Some(request.component)) else { return Ok(None) };
    let (Some(name), Some(container)) = (&pod.metadata.name, speaker(pod.status.as_ref())) else { return Ok(None) };
    let parameters = LogParams {
        container: Some(container),
        follow: request.follow,
        tail_lines: Some(request.tail.into()),
        ..LogParams::default()
    };
    let doing = format!("read the log of pod {name}");
    let client = cluster.client().await?;
    let pods = Api::<Pod>::namespaced(client, &store.id.namespace());
    match within(CALL, &doing, pods.log_stream(name, &parameters)).await? {
        Ok(reader) => {
            let broke_off = move |cause| PortError::transient(format!("cannot {doing}: it broke off")).because(cause);
            Ok(Some(Box::pin(lines(reader).map(move |line| line.map_err(&broke_off)))))
        }
        Err(cause) => {
            let error = cluster.classify(&doing, cause);
            // It went meanwhile, or its container has not begun after all.
            let is_silent = matches!(error.class(), ErrorClass::NotFound | ErrorClass::Permanent);
            if is_silent { Ok(None) } else { Err(error) }
        }
    }
}

async fn list(cluster: &Cluster, installation: Uuid, store: &Store) -> Result<Vec<Pod>, PortError> {
    let (namespace, labels) = (store.id.namespace(), labels::select_store(installation, &store.id));
    let parameters = ListParams::default().labels(&labels);
    let request = |client| async move { Api::<Pod>::namespaced(client, &namespace).list(&parameters).await };
    let mut pods = cluster.call("list the store's pods", request).await?.items;
    pods.sort_by(|one, other| other.metadata.creation_timestamp.cmp(&one.metadata.creation_timestamp));
    Ok(pods)
}

fn component(pod: &Pod) -> Option<Component> {
    Component::from_label(pod.metadata.labels.as_ref()?.get(labels::COMPONENT)?)
}

fn seen(pod: &Pod) -> Option<PodSeen> {
    let mut seen = PodSeen::new(pod.metadata.name.clone()?, component(pod)?);
    let Some(status) = &pod.status else { return Some(seen) };
    if let Some(phase) = &status.phase {
        seen.phase.clone_from(phase);
    }
    let conditions = status.conditions.iter().flatten();
    seen.ready = conditions.clone().any(|condition| condition.type_ == "Ready" && condition.status == "True");
    seen.restarts = containers(status).map(|container| u32::try_from(container.restart_count).unwrap_or(0)).sum();
    seen.started_at = status.start_time.as_ref().map(|time| time.0);
    seen.message = if seen.ready { None } else { message(status) };
    Some(seen)
}

/// Init containers first, as they run.
fn containers(status: &PodStatus) -> impl Iterator<Item = &ContainerStatus> {
    status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten())
}

/// What holds the pod up, or how it ended. That an init container is still to come, or is done, says nothing.
fn message(status: &PodStatus) -> Option<String> {
    let said = |reason: Option<&String>, message: Option<&String>| {
        let words: Vec<_> = reason.into_iter().chain(message).map(String::as_str).collect();
        (!words.is_empty()).then(|| shorten(&words.join(": ")))
    };
    let of_container = |container: &ContainerStatus| {
        let state = container.state.as_ref()?;
        if let Some(waiting) = &state.waiting {
            let is_turn_to_come = waiting.reason.as_deref().is_none_or(|reason| reason == "PodInitializing");
            return if is_turn_to_come { None } else { said(waiting.reason.as_ref(), waiting.message.as_ref()) };
        }
        let ended = state.terminated.as_ref().filter(|ended| ended.exit_code != 0)?;
        said(ended.reason.as_ref(), ended.message.as_ref())
    };
    let unscheduled = || {
        let mut conditions = status.conditions.iter().flatten();
        let refused = conditions.find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
        said(refused.reason.as_ref(), refused.message.as_ref())
    };
    containers(status)
        .find_map(of_container)
        .or_else(|| said(status.reason.as_ref(), status.message.as_ref()))
        .or_else(unscheduled)
}

/// The container whose log is of interest: one that failed, else one that runs, else the last one that began.
fn speaker(status: Option<&PodStatus>) -> Option<String> {
    let began = |container: &&ContainerStatus| {
        let is_on = |state: Option<&k8s_openapi::api::core::v1::ContainerState>| {
            state.is_some_and(|state| state.running.is_some() || state.terminated.is_some())
        };
        is_on(container.state.as_ref()) || is_on(container.last_state.as_ref())
    };
    let failed = |container: &&&ContainerStatus| {
        let ended = container.state.as_ref().and_then(|state| state.terminated.as_ref());
        ended.is_some_and(|ended| ended.exit_code != 0)
    };
    let runs = |container: &&&ContainerStatus| container.state.as_ref().is_some_and(|state| state.running.is_some());
    let spoke: Vec<_> = containers(status?).filter(began).collect();
    let chosen = spoke.iter().find(failed).or_else(|| spoke.iter().find(runs)).or(spoke.last());
    chosen.map(|container| container.name.clone())
}

/// The lines of a reader, cut where they are too long: a log may be one endless line.
fn lines(reader: impl AsyncBufRead + Send + Unpin) -> impl Stream<Item = io::Result<String>> + Send {
    stream::try_unfold(reader, |mut reader| async move {
        let mut line = Vec::new();
        let (mut is_cut, mut is_there) = (false, false);
        loop {
            let chunk = reader.fill_buf().await?;
            if chunk.is_empty() {
                break;
            }
            is_there = true;
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = LogRequest::LINE_MAX - CUT.len() - line.len();
            line.extend_from_slice(&part[..part.len().min(room)]);
            is_cut |= part.len() > room;
            let used = end.map_or(chunk.len(), |end| end + 1);
            reader.consume_unpin(used);
            if end.is_some() {
                break;
            }
        }
        Ok(is_there.then(|| (text(&line, is_cut), reader)))
    })
}

fn text(line: &[u8], is_cut: bool) -> String {
    const ROOM: usize = LogRequest::LINE_MAX - CUT.len();
    let mut text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
    // What is no UTF-8 grows when it is replaced.
    if is_cut || text.len() > ROOM {
        text.truncate(text.floor_char_boundary(ROOM));
        // A character that was cut in two is none.
        let whole = text.trim_end_matches(char::REPLACEMENT_CHARACTER).len();
        text.truncate(whole);
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
#[path = "logs_tests.rs"]
mod tests;
