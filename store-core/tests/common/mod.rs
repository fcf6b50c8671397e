//! Stores and observations for table tests, and a service on fakes for behaviour.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this module")]

pub mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use store_core::lifecycle::{
    Desired, Failure, FailureCode, Gate, Gates, Intent, ObjectRef, Progress, Provisioning, Store, VolumeFate,
};
use store_core::ports::{
    CredentialsSeen, NamespaceSeen, Observation, PendingKind, ReleaseSeen, SetupReport, SetupSeen, Suspicion,
    VolumeSeen, WorkloadSeen,
};
use store_core::store::{AdminEmail, AdminUsername, Component, Engine, Plan, PublicUrlTemplate, StoreId, StoreName};

pub const TIMEOUT: Duration = Duration::from_mins(10);
pub const POLL: Duration = Duration::from_secs(5);

pub fn now() -> Timestamp {
    Timestamp::from_second(1_000_000_000).expect("a valid time")
}

pub fn ago(seconds: u64) -> Timestamp {
    now() - Duration::from_secs(seconds)
}

/// A store that was admitted and has not begun anything.
pub fn store() -> Store {
    let name = StoreName::parse("demo").expect("a valid name");
    let template = PublicUrlTemplate::parse("http://{name}.localhost").expect("a valid template");
    let mut progress = Provisioning::begin(1);
    progress.admitted = true;
    Store {
        id: StoreId::parse("a123456789").expect("a valid id"),
        address: template.address(&name, Engine::Medusa),
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("owner").expect("a valid user name"),
        admin_email: AdminEmail::parse("owner@example.com").expect("a valid address"),
        intent: Intent { desired: Desired::Present, attempt: 1, generation: 1, protected: false },
        progress: Progress::Provisioning(progress),
        gates: Gates::begin(Engine::Medusa, now()),
        details: BTreeMap::new(),
        version: 1,
        created_at: now(),
        updated_at: now(),
        ready_at: None,
        deleted_at: None,
    }
}

pub trait StoreExt {
    fn with(self, change: impl FnOnce(&mut Provisioning)) -> Self;
    fn wanted_gone(self) -> Self;
    fn past_budget(self) -> Self;
}

impl StoreExt for Store {
    fn with(mut self, change: impl FnOnce(&mut Provisioning)) -> Self {
        match &mut self.progress {
            Progress::Provisioning(p) => change(p),
            other => panic!("a store that is {} has no provisioning state", other.state()),
        }
        self
    }

    fn wanted_gone(mut self) -> Self {
        self.intent.desired = Desired::Deleted;
        self.intent.generation += 1;
        self
    }

    fn past_budget(self) -> Self {
        self.with(|p| p.spent_ms = 600_001)
    }
}

/// A namespace that is not there.
pub fn nothing() -> Observation {
    Observation {
        namespace: NamespaceSeen::Absent,
        credentials: CredentialsSeen::Absent,
        release: ReleaseSeen::Absent,
        ..Observation::default()
    }
}

pub trait ObservationExt {
    fn namespace(self) -> Self;
    fn terminating(self) -> Self;
    fn credentials(self) -> Self;
    fn release(self, release: ReleaseSeen) -> Self;
    fn deployed(self) -> Self;
    fn workloads(self, database: bool, server: bool) -> Self;
    fn setup(self, setup: SetupSeen) -> Self;
    fn everything_ready(self) -> Self;
    fn leftovers(self, count: u32) -> Self;
    fn volume(self) -> Self;
    fn suspicion(self, code: FailureCode, gate: Gate, seconds: u64, times: u32) -> Self;
}

impl ObservationExt for Observation {
    fn namespace(mut self) -> Self {
        self.namespace = NamespaceSeen::Active { uid: "uid-1".to_owned() };
        self
    }

    fn terminating(mut self) -> Self {
        self.namespace = NamespaceSeen::Terminating { uid: "uid-1".to_owned(), blocker: None };
        self
    }

    fn credentials(mut self) -> Self {
        self.credentials = CredentialsSeen::Ours;
        self
    }

    fn release(mut self, release: ReleaseSeen) -> Self {
        self.release = release;
        self
    }

    fn deployed(self) -> Self {
        self.namespace().credentials().release(ReleaseSeen::Deployed { revisions: vec![1] }).setup(SetupSeen::Waiting)
    }

    fn workloads(mut self, database: bool, server: bool) -> Self {
        let since = ago(30);
        self.workloads = vec![
            WorkloadSeen { component: Component::Database, ready: database, since },
            WorkloadSeen { component: Component::Server, ready: server, since },
        ];
        self
    }

    fn setup(mut self, setup: SetupSeen) -> Self {
        self.setup = setup;
        self
    }

    fn everything_ready(self) -> Self {
        self.deployed().workloads(true, true).setup(SetupSeen::Succeeded(SetupReport::default()))
    }

    fn leftovers(mut self, count: u32) -> Self {
        self.leftovers = count;
        self
    }

    fn volume(mut self) -> Self {
        let (name, claim) = ("pv-1".to_owned(), "data-database-0".to_owned());
        self.volumes.push(VolumeSeen {
            name,
            claim,
            reclaim_policy: Some("Delete".to_owned()),
            fate: VolumeFate::Deleted,
        });
        self
    }

    fn suspicion(mut self, code: FailureCode, gate: Gate, seconds: u64, times: u32) -> Self {
        let failure = Failure::new(code, "something is wrong", "mend it").blaming(ObjectRef::new("Pod", "server-0"));
        self.suspicions.push(Suspicion { failure, gate, since: ago(seconds), times });
        self
    }
}

pub fn pending(kind: PendingKind, revisions: &[u32], last_deployed: Option<u32>) -> ReleaseSeen {
    ReleaseSeen::Pending { kind, revisions: revisions.to_vec(), last_deployed }
}
