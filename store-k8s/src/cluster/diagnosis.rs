//! What looks wrong with a pod, a workload or a claim, and how it is said: a closed set of troubles, each with its
//! culprit and what to do. Pure.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};
use kube::ResourceExt;
use store_core::lifecycle::{Blocker, Failure, FailureCode, Gate, ObjectRef};
use store_core::store::{Component, Engine};

use super::error::shorten;
use super::facts::Kind;

/// Something that looks wrong with one object; the engine's words come in when it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) code: FailureCode,
    pub(crate) component: Component,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// What happened, completing "PostgreSQL pod not ready: …".
    pub(crate) what: String,
    /// What Kubernetes itself said.
    pub(crate) said: String,
    /// How often it happened.
    pub(crate) times: u32,
    /// Since when, where Kubernetes says so; otherwise it counts from when it was first seen.
    pub(crate) since: Option<Timestamp>,
}

impl Trouble {
    /// The failure that it would be.
    pub(crate) fn failure(&self, engine: Engine) -> Failure {
        let subject = match self.component {
            Component::Database => format!("{} pod not ready", engine.database_title()),
            Component::Setup => "Setup job did not complete".to_owned(),
            _ => format!("{} pod not ready", engine.title()),
        };
        Failure::new(self.code, format!("{subject}: {}", self.what), hint(self.code))
            .blaming(ObjectRef::new(self.kind.as_str(), &self.name))
            .quoting(&self.said)
    }

    /// The gate that it holds up.
    pub(crate) fn gate(&self) -> Gate {
        match self.component {
            Component::Database => Gate::Database,
            Component::Setup => Gate::Setup,
            _ => Gate::Application,
        }
    }
}

fn hint(code: FailureCode) -> &'static str {
    match code {
        FailureCode::ImagePull => {
            "Check the image's name, that the registry can be reached from the nodes, and `imagePullSecrets`"
        }
        FailureCode::CrashLoop => "Look at the container's logs for why it ends",
        FailureCode::OutOfMemory => "Give the store a larger plan, or raise the memory limit in the chart's values",
        FailureCode::ContainerConfig => "A Secret or ConfigMap that the container names is missing or lacks a key",
        FailureCode::Unschedulable => "Add nodes or free resources, or choose a smaller plan",
        FailureCode::PodsRefused => "Raise the quota, or change the policy that refuses the pods",
        FailureCode::ProbeFailing => "Look at the container's logs for why it does not answer",
        FailureCode::VolumeClaim => "Check that the storage class exists, has a provisioner, and has room",
        FailureCode::VolumeFull => "Make room on the volume, or give the store a larger one in the chart's values",
        FailureCode::WebhookDown => {
            "Repair the webhook's service, or remove its configuration (`kubectl get \
             validatingwebhookconfigurations,mutatingwebhookconfigurations`)"
        }
        _ => "Look at the object's events",
    }
}

/// What looks wrong with a pod. Nothing for one that has ended (its Job tells) or is going away, and nothing for one
/// that only waits.
pub(crate) fn of_pod(pod: &Pod, component: Option<Component>) -> Vec<Trouble> {
    let (Some(component), Some(status)) = (component, pod.status.as_ref()) else { return Vec::new() };
    if pod.metadata.deletion_timestamp.is_some() {
        return Vec::new();
    }
    let trouble = |(code, what, said, times): Finding| Trouble {
        code,
        component,
        kind: Kind::Pod,
        name: pod.name_any(),
        what,
        said,
        times,
        since: None,
    };
    if matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")) {
        return evicted(status).map(trouble).into_iter().collect();
    }
    let init = status.init_container_statuses.iter().flatten().filter_map(of_container);
    let main = status.container_statuses.iter().flatten().filter_map(|container| {
        // An init container is never ready before it has ended.
        of_container(container).or_else(|| without_passing_probe(container))
    });
    init.chain(main).chain(unschedulable(pod)).map(trouble).collect()
}

/// A pod that was thrown out because it filled a volume of its own.
fn evicted(status: &PodStatus) -> Option<Finding> {
    let said = status.message.as_deref().unwrap_or_default();
    let is_full = said.contains("EmptyDir") || said.contains("ephemeral");
    let is_evicted = status.reason.as_deref() == Some("Evicted") && is_full;
    is_evicted.then(|| (FailureCode::VolumeFull, "it filled its volume and was evicted".to_owned(), said.to_owned(), 1))
}

/// A container that runs and never failed, but is not ready.
fn without_passing_probe(container: &ContainerStatus) -> Option<Finding> {
    container.state.as_ref()?.running.as_ref()?;
    if container.ready {
        return None;
    }
    let probe = if container.started == Some(false) { "startup" } else { "readiness" };
    let what = format!("its container {} runs but does not pass its {probe} probe", container.name);
    Some((FailureCode::ProbeFailing, what, String::new(), 1))
}

type Finding = (FailureCode, String, String, u32);

fn of_container(container: &ContainerStatus) -> Option<Finding> {
    let state = container.state.as_ref();
    let waiting = state.and_then(|state| state.waiting.as_ref());
    let said = waiting.and_then(|waiting| waiting.message.clone()).unwrap_or_default();
    let (image, name) = (&container.image, &container.name);
    match waiting.and_then(|waiting| waiting.reason.as_deref()) {
        Some("ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull") => {
            return Some((FailureCode::ImagePull, format!("its image {image} cannot be pulled"), said, 1));
        }
        Some("InvalidImageName") => {
            return Some((FailureCode::ImagePull, format!("{image:?} is not the name of an image"), said, 1));
        }
        Some("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
            return Some((FailureCode::ContainerConfig, format!("its container {name} cannot be started"), said, 1));
        }
        _ => {}
    }
    let restarts = u32::try_from(container.restart_count).unwrap_or_default();
    let backs_off = waiting.is_some_and(|waiting| waiting.reason.as_deref() == Some("CrashLoopBackOff"));
    let end = [state, container.last_state.as_ref()].into_iter().flatten().find_map(|state| state.terminated.as_ref());
    // One that never failed only waits or starts; one that is ready (or ended well, as init containers do) recovered.
    let never_failed = restarts == 0 && !backs_off && end.is_none_or(|end| end.exit_code == 0);
    if container.ready || never_failed {
        return None;
    }
    // A restart follows each crash but one that it still waits for.
    let is_down = state.is_none_or(|state| state.running.is_none());
    let crashes = (restarts + u32::from(is_down)).max(1);
    if is_out_of_room(&crash_words(container)) {
        let what = format!("its container {name} ends because a volume is full");
        return Some((FailureCode::VolumeFull, what, crash_words(container), crashes));
    }
    if end.is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")) {
        let what = format!("its container {name} is killed for using more memory than its limit");
        return Some((FailureCode::OutOfMemory, what, crash_words(container), crashes));
    }
    Some((FailureCode::CrashLoop, format!("its container {name} keeps crashing"), crash_words(container), crashes))
}

fn crash_words(container: &ContainerStatus) -> String {
    let ends = [container.state.as_ref(), container.last_state.as_ref()];
    let end = ends.into_iter().flatten().find_map(|state| state.terminated.as_ref());
    let Some(end) = end else { return String::new() };
    let said = end.message.as_deref().map(shorten).filter(|message| !message.is_empty());
    let reason = end.reason.as_deref().unwrap_or("Error");
    said.unwrap_or_else(|| format!("{reason}, exit code {}", end.exit_code))
}

/// Whether a program said that its disk is full: by the text of `ENOSPC` (POSIX, `strerror`), its number as MariaDB
/// prints it, or the C name.
pub(crate) fn is_out_of_room(said: &str) -> bool {
    ["No space left on device", "errno: 28", "Errcode: 28", "ENOSPC"].iter().any(|text| said.contains(text))
}

fn unschedulable(pod: &Pod) -> Option<Finding> {
    let said = unschedulable_words(pod)?.to_owned();
    Some((FailureCode::Unschedulable, "no node can take it".to_owned(), said, 1))
}

fn unschedulable_words(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let condition = conditions
        .filter(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
        .find(|condition| condition.reason.as_deref() == Some("Unschedulable"))?;
    Some(condition.message.as_deref().unwrap_or_default())
}

/// The claims of a pod that no node can take, unless it is they that hold it up: they are bound once it has a node,
/// and until then have nothing to say.
pub(crate) fn held_up(pod: &Pod) -> Vec<String> {
    let Some(said) = unschedulable_words(pod).map(str::to_lowercase) else { return Vec::new() };
    if said.contains("persistentvolumeclaim") || said.contains("storageclass") {
        return Vec::new();
    }
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone())).collect()
}

/// A workload whose pods the cluster refuses to create.
pub(crate) fn refused(component: Component, kind: Kind, name: &str, said: &str) -> Trouble {
    // The API server's sentence for a webhook that it cannot reach and may not ignore.
    let (code, what) = if said.contains("failed calling webhook") {
        (FailureCode::WebhookDown, "an admission webhook does not answer")
    } else {
        (FailureCode::PodsRefused, "the cluster refuses to create it")
    };
    let (name, what, said) = (name.to_owned(), what.to_owned(), said.to_owned());
    Trouble { code, component, kind, name, what, said, times: 1, since: None }
}

/// A pod whose container is ended again and again because it fails a probe, or does not get ready for that reason.
pub(crate) fn failing_probe(component: Component, pod: &str, said: &str) -> Trouble {
    let what = "a container does not pass its probe".to_owned();
    let (code, kind, name) = (FailureCode::ProbeFailing, Kind::Pod, pod.to_owned());
    Trouble { code, component, kind, name, what, said: said.to_owned(), times: 1, since: None }
}

/// A claim for which no volume is made.
pub(crate) fn claim_unbound(component: Component, name: &str, said: &str) -> Trouble {
    claim(component, name, format!("its volume claim {name} is not bound"), said)
}

/// A claim whose volume is gone.
pub(crate) fn claim_lost(component: Component, name: &str) -> Trouble {
    claim(component, name, format!("the volume of its claim {name} is gone"), "")
}

fn claim(component: Component, name: &str, what: String, said: &str) -> Trouble {
    let (code, kind) = (FailureCode::VolumeClaim, Kind::Claim);
    Trouble { code, component, kind, name: name.to_owned(), what, said: said.to_owned(), times: 1, since: None }
}

/// Why a public URL cannot answer: `class_exists` is whether the cluster has the ingress class, where that was asked.
pub(crate) fn unpublished(ingress: &str, class: Option<&str>, class_exists: Option<bool>) -> Failure {
    let ingress = ObjectRef::new(Kind::Ingress.as_str(), ingress);
    match class {
        Some(class) if class_exists == Some(false) => Failure::new(
            FailureCode::IngressClassMissing,
            format!("The cluster has no ingress class {class:?}"),
            "Install an ingress controller of that class, or name another one in the chart's value `ingress.className`",
        ),
        _ => Failure::new(
            FailureCode::IngressNoAddress,
            match class {
                Some(class) => {
                    format!("No ingress controller of class {class:?} has given the store's ingress an address")
                }
                None => "No ingress controller has given the store's ingress an address".to_owned(),
            },
            "See that the ingress controller runs and that its service has an address",
        ),
    }
    .blaming(ingress)
}

/// There is no ingress at all.
pub(crate) fn no_ingress() -> Failure {
    Failure::new(
        FailureCode::Drift,
        "The store's ingress is missing",
        "Somebody removed it by hand; `helm rollback` to the deployed revision brings it back (`helm history` lists it)",
    )
    .blaming(ObjectRef::new(Kind::Ingress.as_str(), "storefront"))
}

/// What holds up the removal of a namespace, by its own conditions (type and message of those that are true). The one
/// that causes the others is named first.
pub(crate) fn blocker<'a>(conditions: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Blocker> {
    const KNOWN: [(&str, &str, &str); 5] = [
        (
            "NamespaceDeletionDiscoveryFailure",
            "an API service of the cluster does not answer",
            "Repair or remove the APIService that is named (`kubectl get apiservices`)",
        ),
        (
            "NamespaceDeletionGroupVersionParsingFailure",
            "an API service of the cluster has a version that cannot be read",
            "Repair or remove the APIService that is named (`kubectl get apiservices`)",
        ),
        (
            "NamespaceDeletionContentFailure",
            "some of its objects cannot be deleted",
            "See why the objects that are named refuse to go (admission webhooks, missing rights)",
        ),
        (
            "NamespaceFinalizersRemaining",
            "objects in it wait for their finalizers",
            "Let the controller of that finalizer finish, or remove the finalizer if it is gone for good",
        ),
        (
            "NamespaceContentRemaining",
            "objects in it are still there",
            "They usually go by themselves; if not, look at the ones that are named",
        ),
    ];
    let there: Vec<_> = conditions.collect();
    KNOWN.iter().find_map(|(kind, what, hint)| {
        let (_, said) = there.iter().find(|(condition, _)| condition == kind)?;
        // A finalizer is named without the objects that have it: another condition lists those that are left.
        let left = there.iter().find(|(other, _)| *other == REMAINING && other != kind).map(|(_, left)| shorten(left));
        let left = left.map(|left| format!("; {left}")).unwrap_or_default();
        let message = format!("the namespace cannot go: {what} ({}{left})", shorten(said));
        Some(Blocker { message, object: culprit_of_namespace(said), hint: (*hint).to_owned() })
    })
}

/// Lists what is left in a namespace that goes.
const REMAINING: &str = "NamespaceContentRemaining";

/// The APIService or webhook that a condition of a namespace names. An APIService is called VERSION.GROUP.
fn culprit_of_namespace(said: &str) -> Option<ObjectRef> {
    if let Some((_, rest)) = said.split_once("webhook \"") {
        return Some(ObjectRef::new("Webhook", rest.split('"').next()?));
    }
    let (_, rest) = said.split_once("server APIs: ")?;
    let (group, version) = rest.split([':', ',']).next()?.split_once('/')?;
    Some(ObjectRef::new("APIService", format!("{version}.{group}")))
}

#[cfg(test)]
#[path = "diagnosis_tests.rs"]
mod tests;
