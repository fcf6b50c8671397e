//! The compact record of one store, folded from its objects as they arrive. Pure: the time is handed in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use store_core::lifecycle::{Blocker, Failure, FailureCode, ObjectRef, Published, Store, VolumeFate};
use store_core::ports::{
    CredentialsSeen, NamespaceSeen, Observation, ReleaseSeen, SetupSeen, Suspicion, VolumeSeen, WorkloadSeen,
};
use store_core::store::Component;

use super::diagnosis::{self, Trouble};
use super::facts::{Fact, JobFact, Kind, NamespaceFact, PodFact};
use super::setup::{self, Details};

/// What is known of one store.
#[derive(Debug, Default)]
pub(crate) struct Record {
    facts: BTreeMap<(Kind, String), Entry>,
    /// For each kind, the resource version of the last complete read: older news of unknown objects is no news.
    floors: BTreeMap<Kind, u64>,
    /// Objects that a watch saw deleted since their kind was last listed, with the version of that: a read that was made
    /// before it and came back after it must not bring them back.
    deleted: BTreeMap<(Kind, String), u64>,
    /// What events told about objects that do not say themselves what is wrong.
    told: BTreeMap<(Kind, String), Trouble>,
    /// What the pods of each Job (by its UID) reported: a pod that has ended may be removed at any time.
    reports: BTreeMap<String, Details>,
    /// Since when each trouble has been seen, short breaks included.
    suspected: BTreeMap<Suspect, Suspected>,
    /// A namespace of the store's name that is not ours was found by the last fresh read.
    pub(crate) foreign_namespace: bool,
    /// As the last fresh read found it.
    pub(crate) credentials: CredentialsSeen,
    /// As the last fresh read found it.
    pub(crate) release: ReleaseSeen,
    /// Whether the class of its ingress exists, as last asked.
    pub(crate) class_exists: Option<bool>,
    /// Volumes that are or were bound to its claims and still exist, as the last fresh read found them.
    pub(crate) volumes: Vec<VolumeSeen>,
}

/// A pod that is replaced by another of the same component with the same trouble is the same suspect.
type Suspect = (&'static str, Component, Kind);

/// A trouble that was gone for less than this was not over: a container that keeps crashing runs for a moment each
/// time, and without a readiness probe it counts as ready meanwhile.
const BREAK: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug)]
struct Suspected {
    since: Timestamp,
    /// Since when it has not been seen.
    gone: Option<Timestamp>,
}

#[derive(Debug)]
struct Entry {
    fact: Fact,
    version: u64,
    /// In which listing of its kind it was seen last.
    round: u64,
    /// Since when a workload is (or is not) ready; for others, when it was first seen.
    since: Timestamp,
}

/// An object that does not say itself what is wrong: its events are asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mute {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) component: Component,
    /// When it was first seen.
    pub(crate) since: Timestamp,
    /// Its resource version.
    pub(crate) version: u64,
    /// A pod whose container crashes.
    pub(crate) crashes: bool,
}

impl Record {
    /// Folds an object in; whether anything that is kept changed. News that is older than what is known is dropped.
    pub(crate) fn apply(
        &mut self,
        kind: Kind,
        name: String,
        fact: Fact,
        version: u64,
        round: u64,
        now: Timestamp,
    ) -> bool {
        let floor = self.floors.get(&kind).copied().unwrap_or_default();
        let changed = match self.facts.get_mut(&(kind, name.clone())) {
            Some(entry) if version != 0 && version < entry.version => {
                entry.round = entry.round.max(round);
                return false;
            }
            Some(entry) => {
                if is_ready(&entry.fact) != is_ready(&fact) {
                    entry.since = now;
                }
                let changed = entry.fact != fact;
                let is_another = changed && is_another_namespace(&entry.fact, &fact);
                (entry.fact, entry.version, entry.round) = (fact, version, entry.round.max(round));
                if is_another {
                    self.forget_reads();
                }
                changed
            }
            None if version != 0 && version <= floor => return false,
            None => {
                self.facts.insert((kind, name), Entry { fact, version, round, since: now });
                true
            }
        };
        if changed {
            self.suspect(now);
        }
        changed
    }

    /// Forgets an object that was deleted at this version; whether it was known.
    pub(crate) fn remove(&mut self, kind: Kind, name: &str, version: u64, now: Timestamp) -> bool {
        let key = (kind, name.to_owned());
        let is_older = self.facts.get(&key).is_none_or(|entry| version != 0 && version < entry.version);
        if is_older {
            return false;
        }
        self.facts.remove(&key);
        self.deleted.insert(key, version);
        if kind == Kind::Namespace {
            self.forget_reads();
        }
        self.suspect(now);
        true
    }

    /// What was read of a namespace that is gone says nothing of another one of its name.
    fn forget_reads(&mut self) {
        (self.release, self.credentials) = (ReleaseSeen::Unknown, CredentialsSeen::Unknown);
    }

    /// Forgets the objects of a kind that a complete listing did not have; whether there were any.
    pub(crate) fn sweep(&mut self, kind: Kind, round: u64, now: Timestamp) -> bool {
        self.deleted.retain(|(deleted, _), _| *deleted != kind);
        self.retain(now, |known, _, entry| known != kind || entry.round >= round)
    }

    /// Replaces the objects of a kind by a complete read of it, made at this version.
    pub(crate) fn replace(
        &mut self,
        kind: Kind,
        objects: Vec<(String, Fact, u64)>,
        version: u64,
        round: u64,
        now: Timestamp,
    ) -> bool {
        let floor = self.floors.entry(kind).or_default();
        if version < *floor {
            // Another read was made later and came back sooner.
            return false;
        }
        *floor = version;
        let names: Vec<String> = objects.iter().map(|(name, ..)| name.clone()).collect();
        // What a watch told of since the read was made stays.
        let mut changed =
            self.retain(now, |known, name, entry| known != kind || names.contains(name) || entry.version > version);
        let is_deleted =
            |name: &String| self.deleted.get(&(kind, name.clone())).is_some_and(|deleted| version < *deleted);
        let objects: Vec<_> = objects.into_iter().filter(|(name, ..)| !is_deleted(name)).collect();
        for (name, fact, version) in objects {
            let is_new = !self.facts.contains_key(&(kind, name.clone()));
            if is_new {
                self.facts.insert((kind, name), Entry { fact, version, round, since: now });
                changed = true;
            } else {
                changed |= self.apply(kind, name, fact, version, round, now);
            }
        }
        if changed {
            self.suspect(now);
        }
        changed
    }

    fn retain(&mut self, now: Timestamp, keep: impl Fn(Kind, &String, &Entry) -> bool) -> bool {
        let has_namespace = |record: &Self| record.facts.keys().any(|(kind, _)| *kind == Kind::Namespace);
        let (before, was_there) = (self.facts.len(), has_namespace(self));
        self.facts.retain(|(kind, name), entry| keep(*kind, name, entry));
        let changed = self.facts.len() != before;
        if was_there && !has_namespace(self) {
            self.forget_reads();
        }
        if changed {
            self.suspect(now);
        }
        changed
    }

    /// Whether nothing is left that a later look would need.
    pub(crate) fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.deleted.is_empty() && self.volumes.is_empty() && !self.foreign_namespace
    }

    /// Objects whose events should be asked for what is wrong.
    pub(crate) fn mutes(&self) -> Vec<Mute> {
        let mute = |((kind, name), entry): (&(Kind, String), &Entry)| {
            let (uid, component) = match &entry.fact {
                Fact::Workload(workload) if workload.mute => (&workload.uid, workload.component),
                Fact::Job(job) if job.mute => (&job.uid, Component::Setup),
                Fact::Claim(claim) if claim.pending && (claim.node_chosen || !self.is_held_up(name)) => {
                    (&claim.uid, claim.component)
                }
                _ => return None,
            };
            let (since, version) = (entry.since, entry.version);
            Some(Mute { kind: *kind, name: name.clone(), uid: uid.clone(), component, since, version, crashes: false })
        };
        self.facts.iter().filter_map(mute).collect()
    }

    /// Whether a claim only waits for a pod that no node can take: that pod says what is wrong.
    fn is_held_up(&self, claim: &str) -> bool {
        self.pods().any(|pod| pod.holds_up.iter().any(|name| name == claim))
    }

    /// Pods that run without getting ready, or crash: their events may tell of a probe. They are asked only when a verdict
    /// is near, by a fresh read.
    pub(crate) fn probed(&self) -> Vec<Mute> {
        let probed = |((kind, name), entry): (&(Kind, String), &Entry)| {
            let Fact::Pod(pod) = &entry.fact else { return None };
            let trouble = pod.troubles.iter().find(|trouble| may_be_a_probe(trouble))?;
            Some(Mute {
                kind: *kind,
                name: name.clone(),
                uid: pod.uid.clone(),
                component: trouble.component,
                since: entry.since,
                version: entry.version,
                crashes: trouble.code == FailureCode::CrashLoop,
            })
        };
        self.facts.iter().filter_map(probed).collect()
    }

    /// Keeps what events told about an object, or that they tell nothing (any more).
    pub(crate) fn tell(&mut self, mute: &Mute, trouble: Option<Trouble>, now: Timestamp) -> bool {
        let key = (mute.kind, mute.name.clone());
        // The object's own time bounds what its events say, in case another's clock is off.
        let since = |trouble: Trouble| Trouble { since: trouble.since.map(|since| since.max(mute.since)), ..trouble };
        let changed = match trouble.map(since) {
            Some(trouble) => self.told.insert(key, trouble.clone()) != Some(trouble),
            None => self.told.remove(&key).is_some(),
        };
        if changed {
            self.suspect(now);
        }
        changed
    }

    /// Keeps the reports of pods for as long as their Job is there.
    fn keep_reports(&mut self) {
        let told = |pod: &PodFact| Some((pod.job_uid.clone()?, pod.report.clone()?));
        let told: Vec<_> = self.pods().filter(|pod| pod.ended == Some(true)).filter_map(told).collect();
        let jobs: BTreeSet<&str> = self.facts.values().filter_map(job_uid).collect();
        self.reports.retain(|job, _| jobs.contains(job.as_str()));
        self.reports.extend(told);
    }

    /// Stamps new troubles, and forgets those that are over.
    fn suspect(&mut self, now: Timestamp) {
        self.keep_reports();
        let mutes = self.mutes().into_iter().chain(self.probed());
        let mute: Vec<_> = mutes.map(|mute| (mute.kind, mute.name)).collect();
        self.told.retain(|key, _| mute.contains(key));
        let current: Vec<_> = self.troubles().map(|trouble| (suspect_of(trouble), trouble.since)).collect();
        self.suspected.retain(|_, seen| {
            let gone = *seen.gone.get_or_insert(now);
            now.duration_since(gone) < BREAK
        });
        for (suspect, since) in current {
            let since = since.map_or(now, |since| since.min(now));
            self.suspected.entry(suspect).or_insert(Suspected { since, gone: None }).gone = None;
        }
    }

    fn troubles(&self) -> impl Iterator<Item = &Trouble> {
        let own = self.facts.iter().flat_map(|(key, entry)| {
            let troubles: &[Trouble] = match &entry.fact {
                Fact::Pod(pod) => pod.troubles.as_slice(),
                Fact::Workload(workload) => workload.trouble.as_slice(),
                Fact::Claim(claim) => claim.trouble.as_slice(),
                Fact::Namespace(_) | Fact::Job(_) | Fact::Ingress(_) => &[],
            };
            // What its events told of its probe explains what the pod itself shows.
            let is_told = self.told.contains_key(key);
            troubles.iter().filter(move |trouble| !(is_told && may_be_a_probe(trouble)))
        });
        own.chain(self.told.values())
    }

    /// What this record says of `store`.
    pub(crate) fn observation(&self, store: &Store) -> Observation {
        let leftovers = |kind: &Kind| matches!(kind, Kind::Pod | Kind::Job | Kind::StatefulSet | Kind::Deployment);
        let leftovers = self.facts.keys().filter(|(kind, _)| leftovers(kind)).count();
        Observation {
            namespace: self.namespace(),
            credentials: self.credentials,
            release: self.release.clone(),
            workloads: self.workloads(),
            setup: self.setup(&store.id.setup_job(store.attempt())),
            leftovers: u32::try_from(leftovers).unwrap_or(u32::MAX),
            volumes: self.volumes(),
            suspicions: self.suspicions(store),
            published: self.published(),
            unpublished: self.unpublished(),
        }
    }

    /// The volumes that the last fresh read found, and those that claims were bound to since. What becomes of the latter
    /// only a fresh read can tell; until then they are taken to go with their claims.
    fn volumes(&self) -> Vec<VolumeSeen> {
        let mut volumes = self.volumes.clone();
        for (name, claim) in self.bound_volumes() {
            if !volumes.iter().any(|volume| volume.name == name) {
                volumes.push(VolumeSeen { name, claim, reclaim_policy: None, fate: VolumeFate::Deleted });
            }
        }
        volumes
    }

    /// The names of the volumes that its claims are bound to, with the claim.
    pub(crate) fn bound_volumes(&self) -> Vec<(String, String)> {
        let bound = |((_, name), entry): (&(Kind, String), &Entry)| match &entry.fact {
            Fact::Claim(claim) => claim.volume.clone().map(|volume| (volume, name.clone())),
            _ => None,
        };
        self.facts.iter().filter_map(bound).collect()
    }

    fn namespace(&self) -> NamespaceSeen {
        let fact = self.facts.values().find_map(|entry| match &entry.fact {
            Fact::Namespace(namespace) => Some(namespace.clone()),
            _ => None,
        });
        match fact {
            Some(NamespaceFact { uid, terminating: true, blocker }) => {
                NamespaceSeen::Terminating { uid, blocker: blocker.map(|blocker| self.with_object(blocker)) }
            }
            Some(NamespaceFact { uid, .. }) => NamespaceSeen::Active { uid },
            None if self.foreign_namespace => NamespaceSeen::Foreign,
            None => NamespaceSeen::Absent,
        }
    }

    /// Kubernetes tells of which kinds something is left in a namespace; what we know of such a kind is what it means.
    fn with_object(&self, blocker: Blocker) -> Blocker {
        let is_meant = |kind: Kind| kind != Kind::Namespace && blocker.message.contains(&format!("{}.", kind.plural()));
        let left = self.facts.keys().find(|(kind, _)| is_meant(*kind));
        let object = left.map(|(kind, name)| ObjectRef::new(kind.as_str(), name));
        Blocker { object: blocker.object.clone().or(object), ..blocker }
    }

    fn workloads(&self) -> Vec<WorkloadSeen> {
        let seen = |entry: &Entry| match &entry.fact {
            Fact::Workload(workload) => {
                Some(WorkloadSeen { component: workload.component, ready: workload.ready, since: entry.since })
            }
            _ => None,
        };
        self.facts.values().filter_map(seen).collect()
    }

    fn setup(&self, of_attempt: &str) -> SetupSeen {
        let name = &self.setup_job(of_attempt);
        let pods: Vec<&PodFact> = self.pods().filter(|pod| pod.job.as_deref() == Some(name)).collect();
        let job = self.job(name);
        let kept = job.and_then(|job| self.reports.get(&job.uid));
        setup::seen(name, job, &pods, kept)
    }

    /// The name of the attempt's setup job: that of a later revision has the revision behind it, and Helm leaves only one.
    fn setup_job(&self, of_attempt: &str) -> String {
        let of_revision = format!("{of_attempt}-r");
        let jobs = self.facts.keys().filter(|(kind, _)| *kind == Kind::Job).map(|(_, name)| name);
        let mut found = jobs.filter(|name| *name == of_attempt || name.starts_with(&of_revision));
        let found = found.next_back();
        found.map_or_else(|| of_attempt.to_owned(), Clone::clone)
    }

    fn job(&self, name: &str) -> Option<&JobFact> {
        match &self.facts.get(&(Kind::Job, name.to_owned()))?.fact {
            Fact::Job(job) => Some(job),
            _ => None,
        }
    }

    fn pods(&self) -> impl Iterator<Item = &PodFact> {
        self.facts.values().filter_map(|entry| match &entry.fact {
            Fact::Pod(pod) => Some(pod),
            _ => None,
        })
    }

    fn suspicions(&self, store: &Store) -> Vec<Suspicion> {
        let suspicion = |trouble: &Trouble| {
            let since = self.suspected.get(&suspect_of(trouble))?.since;
            Some(Suspicion {
                failure: trouble.failure(store.engine),
                gate: trouble.gate(),
                since,
                times: trouble.times,
            })
        };
        self.troubles().filter_map(suspicion).collect()
    }

    fn published(&self) -> Published {
        let mut addressed = self.facts.values().filter_map(|entry| match &entry.fact {
            Fact::Ingress(ingress) => Some(ingress.addressed),
            _ => None,
        });
        if addressed.any(|yes| yes) { Published::Yes } else { Published::No }
    }

    /// Why the public URL cannot answer.
    fn unpublished(&self) -> Option<Failure> {
        let ingresses: Vec<_> = self
            .facts
            .iter()
            .filter_map(|((_, name), entry)| match &entry.fact {
                Fact::Ingress(ingress) => Some((name, ingress)),
                _ => None,
            })
            .collect();
        match ingresses.first() {
            _ if ingresses.iter().any(|(_, ingress)| ingress.addressed) => None,
            Some((name, ingress)) => Some(diagnosis::unpublished(name, ingress.class.as_deref(), self.class_exists)),
            None => Some(diagnosis::no_ingress()),
        }
    }

    /// Classes of ingresses that have no address.
    pub(crate) fn waiting_classes(&self) -> impl Iterator<Item = &str> {
        self.facts.values().filter_map(|entry| match &entry.fact {
            Fact::Ingress(ingress) if !ingress.addressed => ingress.class.as_deref(),
            _ => None,
        })
    }
}

fn is_ready(fact: &Fact) -> Option<bool> {
    match fact {
        Fact::Workload(workload) => Some(workload.ready),
        _ => None,
    }
}

fn is_another_namespace(one: &Fact, other: &Fact) -> bool {
    match (one, other) {
        (Fact::Namespace(one), Fact::Namespace(other)) => one.uid != other.uid,
        _ => false,
    }
}

fn job_uid(entry: &Entry) -> Option<&str> {
    match &entry.fact {
        Fact::Job(job) => Some(&job.uid),
        _ => None,
    }
}

/// Whether a failing probe may be what is behind it.
fn may_be_a_probe(trouble: &Trouble) -> bool {
    trouble.kind == Kind::Pod && matches!(trouble.code, FailureCode::CrashLoop | FailureCode::ProbeFailing)
}

fn suspect_of(trouble: &Trouble) -> Suspect {
    (trouble.code.as_str(), trouble.component, trouble.kind)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
