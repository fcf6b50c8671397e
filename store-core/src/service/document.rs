//! A store on the wire: what the API answers and the CLI prints.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::conditions::Judgement;
use crate::lifecycle::{
    Blocker, Condition, Failure, Gate, GateRecord, Progress, Published, Status, Store, TeardownEvidence,
};
use crate::store::{Engine, Plan};

/// One store, as every door shows it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreDocument {
    /// Ten characters of a-z and 0-9.
    pub id: String,
    /// The name its owner gave it.
    pub name: String,
    /// The shop software.
    pub engine: Engine,
    /// The size.
    pub plan: Plan,
    /// The status, derived from what is wanted and what has been reached.
    pub status: Status,
    /// The first gate that is not met, while it is PROVISIONING.
    pub step: Option<Gate>,
    /// Its place in the queue, from 1, while it waits to be brought up.
    pub queue_position: Option<usize>,
    /// How a READY store is doing: `healthy`, `degraded` or `unknown`.
    pub condition: Option<String>,
    /// Why a READY store is degraded.
    pub degraded: Option<FailureDocument>,
    /// Whether the public URL can answer.
    pub published: Published,
    /// Why it cannot, where that is known.
    #[serde(default)]
    pub unpublished: Option<FailureDocument>,
    /// Why it failed, in one line.
    pub failure_reason: Option<String>,
    /// Why it failed, in parts.
    pub failure: Option<Failure>,
    /// Why nothing moves, where the cluster as a whole is the reason.
    pub parked: Option<String>,
    /// The attempt that is running, or was the last one.
    pub attempt: u32,
    /// Where customers go.
    pub store_url: String,
    /// Where the shopkeeper logs in.
    pub admin_url: String,
    /// Public facts of the engine's own, such as Medusa's publishable API key.
    pub details: BTreeMap<String, String>,
    /// The namespace.
    pub namespace: String,
    /// The Helm release.
    pub helm_release: String,
    /// The Secret with the credentials, in the namespace.
    pub credentials_secret: String,
    /// The admin's user name.
    pub admin_username: String,
    /// The admin's e-mail address.
    pub admin_email: String,
    /// Whether its deletion is refused.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required))]
    pub protected: bool,
    /// Raised by every change of what its owner wants, its protection aside.
    pub generation: u64,
    /// Raised by every visible change; the `ETag`.
    pub version: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last changed visibly.
    pub updated_at: Timestamp,
    /// When it first became READY.
    pub ready_at: Option<Timestamp>,
    /// When it was gone.
    pub deleted_at: Option<Timestamp>,
    /// Each gate with start and end.
    pub gates: Vec<GateRecord>,
    /// What the teardown removes or removed.
    pub teardown: Option<TeardownEvidence>,
    /// What holds up the teardown.
    pub blocker: Option<Blocker>,
}

/// A failure with its one-line form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailureDocument {
    /// In one line.
    pub reason: String,
    /// In parts.
    #[serde(flatten)]
    pub failure: Failure,
}

impl From<Failure> for FailureDocument {
    fn from(failure: Failure) -> Self {
        Self { reason: failure.reason(), failure }
    }
}

/// How a READY store is doing, as its document has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConditionDocument {
    /// The store.
    pub store_id: String,
    /// `healthy`, `degraded` or `unknown`.
    pub condition: String,
    /// Why it is degraded.
    pub degraded: Option<FailureDocument>,
    /// Whether the public URL can answer.
    pub published: Published,
    /// Why it cannot, where that is known.
    pub unpublished: Option<FailureDocument>,
}

impl ConditionDocument {
    /// How this store is doing; `None` unless it is READY.
    pub fn of(store: StoreDocument) -> Option<Self> {
        let StoreDocument { id, condition, degraded, published, unpublished, .. } = store;
        Some(Self { store_id: id, condition: condition?, degraded, published, unpublished })
    }
}

/// A page of stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreList {
    /// The stores, oldest first.
    pub stores: Vec<StoreDocument>,
    /// Ask again with this for the next page.
    pub next_page_token: Option<String>,
    /// Follow `GET /events` from here to miss nothing.
    pub position: u64,
}

impl StoreDocument {
    pub(super) fn new(
        store: &Store,
        queue_position: Option<usize>,
        judgement: Judgement,
        parked: Option<String>,
    ) -> Self {
        let status = store.status();
        let failure = match &store.progress {
            Progress::Failed(failed) if status == Status::Failed => Some(failed.failure.clone()),
            _ => None,
        };
        let (teardown, blocker) = match &store.progress {
            Progress::Deleting(deleting) => (Some(deleting.evidence.clone()), deleting.blocker.clone()),
            Progress::Deleted(deleted) => (Some(deleted.evidence.clone()), None),
            _ => (None, None),
        };
        let Judgement { condition, published, unpublished, .. } = judgement;
        let (condition, degraded) = name_condition(condition);
        Self {
            id: store.id.to_string(),
            name: store.name.to_string(),
            engine: store.engine,
            plan: store.plan,
            status,
            step: if status == Status::Provisioning { step(store) } else { None },
            queue_position,
            condition,
            degraded,
            published,
            unpublished: unpublished.map(FailureDocument::from),
            failure_reason: failure.as_ref().map(Failure::reason),
            failure,
            parked,
            attempt: store.intent.attempt,
            store_url: store.address.store_url.clone(),
            admin_url: store.address.admin_url.clone(),
            details: store.details.clone(),
            namespace: store.id.namespace(),
            helm_release: store.id.release(),
            credentials_secret: store.id.credentials_secret(),
            admin_username: store.admin_username.to_string(),
            admin_email: store.admin_email.to_string(),
            protected: store.intent.protected,
            generation: store.intent.generation,
            version: store.version,
            created_at: store.created_at,
            updated_at: store.updated_at,
            ready_at: store.ready_at,
            deleted_at: store.deleted_at,
            gates: store.gates.records().to_vec(),
            teardown,
            blocker,
        }
    }
}

/// A retry that no worker has begun yet still has the gates of the attempt before.
fn step(store: &Store) -> Option<Gate> {
    match &store.progress {
        Progress::Provisioning(_) => store.gates.step(),
        _ => Some(Gate::Queued),
    }
}

fn name_condition(condition: Option<Condition>) -> (Option<String>, Option<FailureDocument>) {
    match condition {
        None => (None, None),
        Some(Condition::Healthy) => (Some("healthy".to_owned()), None),
        Some(Condition::Unknown) => (Some("unknown".to_owned()), None),
        Some(Condition::Degraded(failure)) => (Some("degraded".to_owned()), Some(failure.into())),
    }
}
