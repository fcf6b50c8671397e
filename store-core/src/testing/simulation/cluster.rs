//! What is really there in the simulated cluster, and how a look at it is described. Pure but for the time handed in.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::lifecycle::{Failure, FailureCode, Gate, ObjectRef, Published, Store, VolumeFate};
use crate::ports::{
    CredentialsSeen, NamespaceSeen, Observation, PendingKind, ReleaseSeen, SetupReport, SetupSeen, Suspicion,
    VolumeSeen, WorkloadSeen,
};
use crate::store::{Component, StoreId};
use crate::testing::milestones::milestone;

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) namespaces: BTreeMap<StoreId, Namespace>,
    pub(super) volumes: BTreeMap<String, Volume>,
    /// What keeps stores from becoming ready, as long as nobody mends it.
    pub(super) defects: BTreeMap<StoreId, Defect>,
    made: u32,
}

/// The namespace of a store, with what is in it.
#[derive(Debug, Clone, Default)]
pub(super) struct Namespace {
    pub(super) uid: String,
    /// It was created by a call that had long failed, when nobody wanted it any more.
    pub(super) is_late: bool,
    pub(super) is_going: bool,
    pub(super) has_secret: bool,
    /// The release, oldest revision first.
    pub(super) revisions: Vec<Revision>,
    pub(super) objects: Option<Objects>,
    /// Pods of an uninstalled release are gone by then.
    pub(super) pods_until: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Revision {
    pub(super) number: u32,
    pub(super) status: RevisionStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RevisionStatus {
    Pending(PendingKind),
    Deployed,
    Superseded,
    Uninstalling,
}

/// What a release brought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objects {
    /// Since when they do their work.
    pub(super) at: Timestamp,
    pub(super) attempt: u32,
    /// From one milestone (database, setup, application, storefront) to the next.
    pub(super) pace: Duration,
    /// The server is not ready in this span.
    pub(super) outage: Option<(Timestamp, Timestamp)>,
}

#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub(super) store: StoreId,
    pub(super) fate: VolumeFate,
}

/// What keeps a store from becoming ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    /// The server's image cannot be pulled.
    BrokenImage,
    /// The setup job of the first attempt gives up.
    SetupFailsOnce,
    /// The storefront never answers.
    NeverReady,
}

/// How many milestones lie between the installation and an order.
pub(super) const MILESTONES: u32 = 4;

impl Cluster {
    pub(super) fn new_uid(&mut self) -> String {
        self.made += 1;
        format!("uid-{}", self.made)
    }

    /// The namespace, if objects can be made in it.
    pub(super) fn active(&mut self, store: &StoreId) -> Option<&mut Namespace> {
        self.namespaces.get_mut(store).filter(|namespace| !namespace.is_going)
    }

    pub(super) fn volumes_of(&self, store: &StoreId) -> Vec<VolumeSeen> {
        let mine = self.volumes.iter().filter(|(_, volume)| volume.store == *store);
        mine.map(|(name, volume)| seen_volume(name, volume.fate)).collect()
    }

    /// What a complete and true look at a store finds.
    pub(super) fn look(&self, store: &StoreId, at: Timestamp) -> Look {
        Look {
            namespace: self.namespaces.get(store).cloned(),
            volumes: self.volumes_of(store),
            defect: self.defects.get(store).copied(),
            at,
        }
    }
}

pub(super) fn seen_volume(name: &str, fate: VolumeFate) -> VolumeSeen {
    VolumeSeen { name: name.to_owned(), claim: "data-database-0".to_owned(), reclaim_policy: None, fate }
}

/// A look at one store, as it was then.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) namespace: Option<Namespace>,
    volumes: Vec<VolumeSeen>,
    defect: Option<Defect>,
    at: Timestamp,
}

impl Look {
    /// The namespace's UID.
    pub(super) fn uid(&self) -> Option<String> {
        self.namespace.as_ref().map(|namespace| namespace.uid.clone())
    }

    /// Whether an order can be placed in the shop of this attempt.
    pub(super) fn is_ready(&self, attempt: u32) -> bool {
        let Some(namespace) = self.namespace.as_ref().filter(|namespace| !namespace.is_going) else { return false };
        let is_deployed = namespace.revisions.last().is_some_and(|last| last.status == RevisionStatus::Deployed);
        let works = |objects: &Objects| {
            objects.attempt == attempt
                && self.milestones(objects) == MILESTONES
                && !self.is_out(objects)
                && !self.setup_failed(objects)
        };
        is_deployed && namespace.objects.as_ref().is_some_and(works)
    }

    /// How it looks to whoever asks for the setup job of `store`'s attempt.
    pub(super) fn describe(&self, store: &Store) -> Observation {
        let Some(namespace) = &self.namespace else {
            return Observation {
                namespace: NamespaceSeen::Absent,
                release: ReleaseSeen::Absent,
                credentials: CredentialsSeen::Absent,
                ..Observation::default()
            };
        };
        let uid = namespace.uid.clone();
        let mut seen = Observation {
            namespace: if namespace.is_going {
                NamespaceSeen::Terminating { uid, blocker: None }
            } else {
                NamespaceSeen::Active { uid }
            },
            credentials: if namespace.has_secret { CredentialsSeen::Ours } else { CredentialsSeen::Absent },
            release: release(&namespace.revisions),
            leftovers: u32::from(namespace.pods_until.is_some_and(|until| self.at < until)),
            volumes: self.volumes.clone(),
            published: Published::Yes,
            ..Observation::default()
        };
        if let Some(objects) = &namespace.objects {
            self.describe_objects(store, objects, &mut seen);
        }
        seen
    }

    fn describe_objects(&self, store: &Store, objects: &Objects, seen: &mut Observation) {
        let (reached, since) = (self.milestones(objects), objects.at);
        let has = |gate| reached >= milestone(store.engine, gate);
        seen.leftovers += 3;
        seen.workloads = vec![
            WorkloadSeen { component: Component::Database, ready: has(Gate::Database), since },
            WorkloadSeen {
                component: Component::Server,
                ready: has(Gate::Application) && !self.is_out(objects),
                since,
            },
        ];
        if objects.attempt == store.attempt() {
            seen.setup = match reached {
                _ if self.setup_failed(objects) => SetupSeen::Failed(setup_failure()),
                MILESTONES.. => SetupSeen::Succeeded(SetupReport::default()),
                _ if has(Gate::Setup) => SetupSeen::Initialised,
                _ => SetupSeen::Waiting,
            };
        }
        if self.defect == Some(Defect::BrokenImage) {
            seen.suspicions.push(Suspicion { failure: broken_image(), gate: Gate::Application, since, times: 1 });
        }
    }

    /// How many milestones are reached.
    fn milestones(&self, objects: &Objects) -> u32 {
        let age = Duration::try_from(self.at.duration_since(objects.at)).unwrap_or_default();
        let most = match self.defect {
            Some(Defect::BrokenImage) => 2,
            Some(Defect::NeverReady) => 3,
            Some(Defect::SetupFailsOnce) | None => MILESTONES,
        };
        (1..=most).take_while(|step| age >= objects.pace * *step).last().unwrap_or_default()
    }

    fn setup_failed(&self, objects: &Objects) -> bool {
        self.defect == Some(Defect::SetupFailsOnce) && objects.attempt == 1 && self.milestones(objects) >= 2
    }

    fn is_out(&self, objects: &Objects) -> bool {
        objects.outage.is_some_and(|(from, until)| from <= self.at && self.at < until)
    }
}

fn release(revisions: &[Revision]) -> ReleaseSeen {
    let Some(last) = revisions.last() else { return ReleaseSeen::Absent };
    let deployed = revisions.iter().rev().find(|revision| revision.status == RevisionStatus::Deployed);
    let last_deployed = deployed.map(|revision| revision.number);
    let revisions = revisions.iter().map(|revision| revision.number).collect();
    match last.status {
        RevisionStatus::Pending(kind) => ReleaseSeen::Pending { kind, revisions, last_deployed },
        RevisionStatus::Deployed => ReleaseSeen::Deployed { revisions },
        RevisionStatus::Superseded => ReleaseSeen::Failed { revisions },
        RevisionStatus::Uninstalling => ReleaseSeen::Uninstalling { revisions },
    }
}

fn broken_image() -> Failure {
    Failure::new(FailureCode::ImagePull, "The image of the server cannot be pulled", "Check the image's name")
        .blaming(ObjectRef::new("Pod", "server"))
}

fn setup_failure() -> Failure {
    Failure::new(FailureCode::SetupFailed, "Setup job did not complete", "Look at the job's log")
        .blaming(ObjectRef::new("Job", "setup"))
}
