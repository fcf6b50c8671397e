//! What is kept of each Kubernetes object: the few facts that a store's record is made of. Pure; objects are folded on
//! arrival and dropped.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod};
use k8s_openapi::api::networking::v1::Ingress;
use kube::Resource;
use store_core::lifecycle::Blocker;
use store_core::store::Component;

use super::diagnosis::{self, Trouble};
use super::setup::{self, Details};
use crate::labels;

/// Set by the scheduler on a claim that waits for its first consumer, once it has found a node.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Kinds of objects that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Namespace,
    StatefulSet,
    Deployment,
    Job,
    Pod,
    Claim,
    Ingress,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 7] =
        [Self::Namespace, Self::StatefulSet, Self::Deployment, Self::Job, Self::Pod, Self::Claim, Self::Ingress];

    /// The kind as people write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
            Self::Job => "Job",
            Self::Pod => "Pod",
            Self::Claim => "PersistentVolumeClaim",
            Self::Ingress => "Ingress",
        }
    }
}

impl Kind {
    /// The resource's name in the API.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::StatefulSet => "statefulsets",
            Self::Deployment => "deployments",
            Self::Job => "jobs",
            Self::Pod => "pods",
            Self::Claim => "persistentvolumeclaims",
            Self::Ingress => "ingresses",
        }
    }
}

/// What is kept of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fact {
    Namespace(NamespaceFact),
    Workload(WorkloadFact),
    Job(JobFact),
    Pod(PodFact),
    Claim(ClaimFact),
    Ingress(IngressFact),
}

/// The store's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamespaceFact {
    pub(crate) uid: String,
    pub(crate) terminating: bool,
    pub(crate) blocker: Option<Blocker>,
}

/// A `StatefulSet` or `Deployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WorkloadFact {
    pub(crate) uid: String,
    pub(crate) component: Component,
    pub(crate) ready: bool,
    /// It wants pods and has none at all: its events say why.
    pub(crate) mute: bool,
    pub(crate) trouble: Option<Trouble>,
}

/// A setup job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobFact {
    pub(crate) uid: String,
    pub(crate) complete: bool,
    /// Reason and message of its condition `Failed`.
    pub(crate) failed: Option<(String, String)>,
    /// How many of its pods failed.
    pub(crate) failures: u32,
    /// It wants a pod and never had one: its events say why.
    pub(crate) mute: bool,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PodFact {
    pub(crate) uid: String,
    /// The Job that it belongs to.
    pub(crate) job: Option<String>,
    /// That Job's UID.
    pub(crate) job_uid: Option<String>,
    /// Whether it succeeded, once it has ended.
    pub(crate) ended: Option<bool>,
    /// The init container `setup` has done its work.
    pub(crate) initialised: bool,
    /// What the container `verify` reported.
    pub(crate) report: Option<Details>,
    /// What its container that failed last had to say.
    pub(crate) last_words: Option<LastWords>,
    pub(crate) troubles: Vec<Trouble>,
    /// The claims that wait for it while no node can take it.
    pub(crate) holds_up: Vec<String>,
}

/// The end of a container that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastWords {
    pub(crate) at: Option<Timestamp>,
    pub(crate) text: String,
}

/// A volume claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClaimFact {
    pub(crate) uid: String,
    pub(crate) component: Component,
    /// The `PersistentVolume` that it is bound to.
    pub(crate) volume: Option<String>,
    /// It is not bound: its events may say why.
    pub(crate) pending: bool,
    /// Its pod's node is chosen, and a provisioner is at work for it.
    pub(crate) node_chosen: bool,
    pub(crate) trouble: Option<Trouble>,
}

/// An ingress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IngressFact {
    /// A controller has given it an address.
    pub(crate) addressed: bool,
    /// Its class, if it names one.
    pub(crate) class: Option<String>,
}

/// An object that is folded into a record.
pub(crate) trait Fold: Resource<DynamicType = ()> {
    /// Its kind.
    const KIND: Kind;

    /// What is kept of it.
    fn fact(&self) -> Fact;

    /// Which part of the store it is, by its label.
    fn component(&self) -> Option<Component> {
        self.meta().labels.as_ref()?.get(labels::COMPONENT).and_then(|label| Component::from_label(label))
    }

    /// Its UID.
    fn uid(&self) -> String {
        self.meta().uid.clone().unwrap_or_default()
    }

    /// Its name.
    fn name(&self) -> String {
        self.meta().name.clone().unwrap_or_default()
    }

    /// Whether it is being deleted.
    fn is_going(&self) -> bool {
        self.meta().deletion_timestamp.is_some()
    }
}

impl Fold for Namespace {
    const KIND: Kind = Kind::Namespace;

    fn fact(&self) -> Fact {
        let conditions = self.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let blocker = diagnosis::blocker(
            conditions
                .filter(|c| c.status == "True")
                .map(|c| (c.type_.as_str(), c.message.as_deref().unwrap_or_default())),
        );
        Fact::Namespace(NamespaceFact { uid: self.uid(), terminating: self.is_going(), blocker })
    }
}

impl Fold for StatefulSet {
    const KIND: Kind = Kind::StatefulSet;

    fn fact(&self) -> Fact {
        let desired = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = self.status.clone().unwrap_or_default();
        let current = status.observed_generation == self.metadata.generation && !self.is_going();
        Fact::Workload(WorkloadFact {
            uid: self.uid(),
            component: self.component().unwrap_or(Component::Database),
            ready: current
                && desired > 0
                && status.ready_replicas == Some(desired)
                && status.updated_replicas == Some(desired),
            mute: current && desired > 0 && status.replicas == 0,
            trouble: None,
        })
    }
}

impl Fold for Deployment {
    const KIND: Kind = Kind::Deployment;

    fn fact(&self) -> Fact {
        let desired = self.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let status = self.status.clone().unwrap_or_default();
        let current = status.observed_generation == self.metadata.generation && !self.is_going();
        let component = self.component().unwrap_or(Component::Server);
        let refusal = status.conditions.iter().flatten().find(|c| c.type_ == "ReplicaFailure" && c.status == "True");
        Fact::Workload(WorkloadFact {
            uid: self.uid(),
            component,
            ready: current
                && desired > 0
                && status.ready_replicas == Some(desired)
                && status.updated_replicas == Some(desired),
            mute: current && desired > 0 && status.replicas.unwrap_or_default() == 0 && refusal.is_none(),
            trouble: refusal.map(|condition| {
                diagnosis::refused(
                    component,
                    Kind::Deployment,
                    &self.name(),
                    condition.message.as_deref().unwrap_or_default(),
                )
            }),
        })
    }
}

impl Fold for Job {
    const KIND: Kind = Kind::Job;

    fn fact(&self) -> Fact {
        let status = self.status.clone().unwrap_or_default();
        let conditions = || status.conditions.iter().flatten().filter(|condition| condition.status == "True");
        let failed = conditions().find(|condition| condition.type_ == "Failed");
        let counts = [status.active, status.succeeded, status.failed];
        let finished = failed.is_some() || conditions().any(|condition| condition.type_ == "Complete");
        Fact::Job(JobFact {
            uid: self.uid(),
            complete: conditions().any(|condition| condition.type_ == "Complete"),
            failed: failed.map(|condition| {
                (condition.reason.clone().unwrap_or_default(), condition.message.clone().unwrap_or_default())
            }),
            failures: status.failed.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
            mute: !finished && counts.iter().all(|count| count.unwrap_or_default() == 0),
        })
    }
}

impl Fold for Pod {
    const KIND: Kind = Kind::Pod;

    fn fact(&self) -> Fact {
        let labels = self.metadata.labels.clone().unwrap_or_default();
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        let owners = self.metadata.owner_references.iter().flatten();
        Fact::Pod(PodFact {
            uid: self.uid(),
            job_uid: owners.filter(|owner| owner.kind == "Job").map(|owner| owner.uid.clone()).next(),
            job: labels.get(labels::JOB_NAME).or_else(|| labels.get("job-name")).cloned(),
            ended: match phase {
                Some("Succeeded") => Some(true),
                Some("Failed") => Some(false),
                _ => None,
            },
            initialised: setup::is_initialised(self),
            report: setup::report(self),
            last_words: setup::last_words(self),
            troubles: diagnosis::of_pod(self, self.component()),
            holds_up: diagnosis::held_up(self),
        })
    }
}

impl Fold for PersistentVolumeClaim {
    const KIND: Kind = Kind::Claim;

    fn fact(&self) -> Fact {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending");
        // Claims of a StatefulSet may carry no labels but those of its template.
        let component = self.component().unwrap_or(Component::Database);
        let annotations = self.metadata.annotations.as_ref();
        Fact::Claim(ClaimFact {
            uid: self.uid(),
            component,
            volume: self.spec.as_ref().and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty()),
            pending: phase == "Pending" && !self.is_going(),
            node_chosen: annotations.is_some_and(|all| all.contains_key(SELECTED_NODE)),
            trouble: (phase == "Lost").then(|| diagnosis::claim_lost(component, &self.name())),
        })
    }
}

impl Fold for Ingress {
    const KIND: Kind = Kind::Ingress;

    fn fact(&self) -> Fact {
        let balancer = self.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let addresses = balancer.and_then(|balancer| balancer.ingress.as_ref());
        Fact::Ingress(IngressFact {
            addressed: addresses.is_some_and(|addresses| !addresses.is_empty()),
            class: self.spec.as_ref().and_then(|spec| spec.ingress_class_name.clone()),
        })
    }
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
