//! The port that remembers: stores, their audit trail, claims, and actions in flight.
//!
//! Intent and progress never overwrite each other: the intent side takes no claim and raises the generation; the
//! progress side writes only under its own epoch and the generation it decided on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use futures::Stream;
use jiff::Timestamp;
use uuid::Uuid;

use super::{ActionInFlight, ErrorClass, PortError};
use crate::lifecycle::{Event, EventKind, Gates, Position, Progress, Status, Store};
use crate::store::{AdminEmail, AdminUsername, Engine, Plan, SealedPassword, StoreAddress, StoreId, StoreName};

/// The installation a database belongs to, and the cluster it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Made when the database was.
    pub id: Uuid,
    /// UID of the cluster's `kube-system` namespace; absent until first use.
    pub cluster_uid: Option<String>,
}

/// A store that somebody asks for.
#[derive(Debug, Clone)]
pub struct NewStore {
    /// Its identity.
    pub id: StoreId,
    /// Its name.
    pub name: StoreName,
    /// Its software.
    pub engine: Engine,
    /// Its size.
    pub plan: Plan,
    /// Its addresses.
    pub address: StoreAddress,
    /// The admin's user name.
    pub admin_username: AdminUsername,
    /// The admin's e-mail address.
    pub admin_email: AdminEmail,
    /// The admin's password, sealed.
    pub password: SealedPassword,
    /// The key under which the request may be repeated.
    pub idempotency: Option<IdempotencyKey>,
    /// When it was asked for.
    pub at: Timestamp,
}

/// A client's key for a request that may be repeated (draft-ietf-httpapi-idempotency-key-header).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key.
    pub key: String,
    /// A keyed fingerprint of the request.
    pub fingerprint: String,
}

/// The answer to a create.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// It is new.
    New(Store),
    /// The same request was made before; this is its store as it is now.
    Replayed(Store),
}

impl Created {
    /// The store, new or not.
    pub fn into_store(self) -> Store {
        match self {
            Self::New(store) | Self::Replayed(store) => store,
        }
    }
}

/// Which stores to list. Ordered by creation, then id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only these statuses. Empty: all but DELETED.
    pub statuses: Vec<Status>,
    /// Only this engine.
    pub engine: Option<Engine>,
    /// Only this name.
    pub name: Option<StoreName>,
    /// At most this many; 0 means 1,000.
    pub limit: usize,
    /// Continue after this cursor.
    pub after: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// What a worker asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Who claims.
    pub owner: String,
    /// For how long, in the database's time.
    pub lease: Duration,
    /// At most this many.
    pub limit: usize,
    /// Which ones.
    pub which: Claimable,
}

/// Which stores are claimed, of those that nobody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claimable {
    /// All that are due.
    Due,
    /// Those of these that are due.
    DueAmong(Vec<StoreId>),
    /// These, due or not.
    These(Vec<StoreId>),
}

/// A worker's lease on a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The store.
    pub store: StoreId,
    /// Who holds it.
    pub owner: String,
    /// The fencing number: raised by every claim.
    pub epoch: u64,
}

/// A claimed store, with what an earlier owner may have left running.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The lease.
    pub claim: Claim,
    /// The store as it is.
    pub store: Store,
    /// When it was claimed, in the repository's time.
    pub at: Timestamp,
    /// The action that was begun and whose end was not recorded.
    pub in_flight: Option<CutOff>,
}

/// An action that was begun and whose end was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutOff {
    /// The action.
    pub action: ActionInFlight,
    /// How long until its owner, if that still lives, has certainly stopped it. In the repository's time, which all
    /// processes share: their own clocks may be hours apart.
    pub may_run_for: Duration,
}

/// The answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease is ours for its full length again.
    Held {
        /// The intent's generation now.
        generation: u64,
    },
    /// Somebody else has it, or it is gone.
    Lost,
}

/// Who gets a place among the stores that are being brought up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The oldest that waits, if fewer than this many have a place.
    InOrder {
        /// The number of places.
        places: usize,
    },
    /// This one now: somebody works on it alone, and nobody on the others.
    OutOfTurn,
}

/// When a store is to be looked at again after its claim is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeUp {
    /// After this long, in the database's time.
    After(Duration),
    /// When its intent changes.
    OnIntent,
}

/// What another process wrote into the same database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Somebody wants something else of this store.
    Intent(StoreId),
    /// There are events to read.
    Events,
    /// Some notices may have been missed: look at everything.
    Gap,
}

/// Notices, as they come. Ends when the repository is closed.
pub type NoticeStream = Pin<Box<dyn Stream<Item = Notice> + Send>>;

/// An event to be written with a change; store, position and status come from the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventDraft {
    /// What happened.
    pub kind: EventKind,
    /// A sentence for people, without secrets.
    pub message: String,
}

impl EventDraft {
    /// An event of this kind.
    pub fn new(kind: EventKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// A change of progress.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressUpdate {
    /// What has been reached.
    pub progress: Progress,
    /// The gates.
    pub gates: Gates,
    /// New public facts, added to those there are.
    pub details: BTreeMap<String, String>,
    /// Whether the sealed password is erased, irrecoverably.
    pub erase_password: bool,
    /// What to write into the audit trail, in order. Empty for changes that nobody sees (budget, counters): these
    /// raise no version.
    pub events: Vec<EventDraft>,
    /// When.
    pub at: Timestamp,
}

/// Whether a conditional write took place.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "short-lived, and nearly always the large one")]
pub enum Recorded {
    /// It did; this is the store now.
    Written(Store),
    /// The epoch or the generation is not the one it named: reread and decide again.
    Stale,
}

/// Why the repository refuses.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A store that is not deleted has this name.
    #[error("the name is taken by store {existing}")]
    NameTaken {
        /// That store.
        existing: StoreId,
    },
    /// The same idempotency key came with another request.
    #[error("the idempotency key was used for another request")]
    KeyReused,
    /// There is no such store.
    #[error("no such store")]
    NotFound,
    /// The caller named another version.
    #[error("the store has changed: it is at version {current}")]
    VersionMismatch {
        /// The version now.
        current: u64,
    },
    /// The store's status does not allow it.
    #[error("a store that is {status} cannot do that")]
    WrongStatus {
        /// The status now.
        status: Status,
    },
    /// The store is protected from deletion.
    #[error("the store is protected from deletion")]
    Protected,
    /// A cursor that this repository did not make.
    #[error("the page token is not one of ours")]
    BadCursor,
    /// The database is busy, full or away; the same call may succeed later.
    #[error("the database cannot be used right now: {reason}")]
    Unavailable {
        /// What it said, without secrets.
        reason: String,
    },
    /// The database holds something that cannot be, or refuses the query.
    #[error("the database failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RepositoryError {
    /// What a caller can do about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NameTaken { .. }
            | Self::KeyReused
            | Self::VersionMismatch { .. }
            | Self::WrongStatus { .. }
            | Self::Protected => ErrorClass::Conflict,
            Self::NotFound => ErrorClass::NotFound,
            Self::Unavailable { .. } => ErrorClass::Transient,
            Self::BadCursor | Self::Internal(_) => ErrorClass::Permanent,
        }
    }
}

impl From<RepositoryError> for PortError {
    fn from(error: RepositoryError) -> Self {
        PortError::new(error.class(), error.to_string()).because(error)
    }
}

/// Remembers everything. One call is one transaction, and a change and its event are one call.
#[cfg_attr(feature = "testing", mockall::automock)]
#[async_trait]
pub trait StoreRepository: Send + Sync {
    // ── installation ──────────────────────────────────────────────────────────────────────────────────────────────
    /// This database's installation.
    async fn installation(&self) -> Result<Installation, RepositoryError>;

    /// Binds the installation to this cluster unless it is bound already; returns the binding that holds.
    async fn bind_cluster(&self, cluster_uid: &str) -> Result<Installation, RepositoryError>;

    // ── intent: written by the service, without a claim ───────────────────────────────────────────────────────────
    /// Remembers a new store, due at once, with its first event.
    async fn create(&self, new: NewStore) -> Result<Created, RepositoryError>;

    /// Wants a store gone: raises the generation, makes it due at once, erases a sealed password. Repeated, or for a
    /// store that is gone: returns it as it is. `expected` is the version that the caller saw. `Protected` refuses it.
    async fn request_deletion(
        &self,
        id: &StoreId,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError>;

    /// Wants another attempt of a FAILED store: raises attempt and generation, makes it due at once, and replaces the
    /// sealed password if one is given. `WrongStatus` for any other status.
    async fn request_retry(
        &self,
        id: &StoreId,
        password: Option<SealedPassword>,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError>;

    /// Protects a store from deletion, or takes that back; repeated, it is the same. Raises the version, but not the
    /// generation, and makes nothing due. `WrongStatus` for a store that is on its way to nothing. By default refused,
    /// by repositories that are older than protection.
    async fn request_protection(
        &self,
        id: &StoreId,
        protected: bool,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let _ = (id, protected, expected, at);
        Err(RepositoryError::Internal("this repository cannot protect stores".into()))
    }

    // ── reads ─────────────────────────────────────────────────────────────────────────────────────────────────────
    /// One store, deleted or not.
    async fn get(&self, id: &StoreId) -> Result<Option<Store>, RepositoryError>;

    /// The store of this name that is not deleted.
    async fn find_by_name(&self, name: &StoreName) -> Result<Option<Store>, RepositoryError>;

    /// Stores, oldest first.
    async fn list(&self, query: &ListQuery) -> Result<Page<Store>, RepositoryError>;

    /// For each store that waits for admission, its place in the queue, from 1.
    async fn queue(&self) -> Result<BTreeMap<StoreId, usize>, RepositoryError>;

    /// One store's history after `after`, oldest first, at most `limit`.
    async fn events(&self, id: &StoreId, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError>;

    /// Everybody's events after `after`, in commit order, at most `limit`.
    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError>;

    /// The position of the last event, and of the oldest one that is still kept.
    async fn positions(&self) -> Result<(Position, Position), RepositoryError>;

    /// The sealed password, until it is erased.
    async fn sealed_password(&self, id: &StoreId) -> Result<Option<SealedPassword>, RepositoryError>;

    // ── progress: written by workers, under a claim ───────────────────────────────────────────────────────────────
    /// Leases stores that are due and that nobody holds, oldest due first. Takes no time: leases run in the
    /// repository's own.
    async fn claim_due(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, RepositoryError>;

    /// Extends a lease.
    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, RepositoryError>;

    /// Gives a store that is queued a place among those that are being brought up. Returns whether it has one.
    async fn admit(&self, claim: &Claim, admission: Admission) -> Result<bool, RepositoryError>;

    /// Writes an action down before it starts, with the end of its hard deadline from now on; `false` if epoch or
    /// generation are not these any more.
    async fn begin_action(
        &self,
        claim: &Claim,
        generation: u64,
        action: &ActionInFlight,
    ) -> Result<bool, RepositoryError>;

    /// Forgets the action in flight, once nothing of it runs.
    async fn end_action(&self, claim: &Claim) -> Result<(), RepositoryError>;

    /// Writes progress and its events, if epoch and generation still are these.
    async fn record(
        &self,
        claim: &Claim,
        generation: u64,
        update: &ProgressUpdate,
    ) -> Result<Recorded, RepositoryError>;

    /// Gives a lease back and says when to look again. A store whose intent is newer than `generation` stays due.
    async fn release(&self, claim: &Claim, generation: u64, wake_up: WakeUp) -> Result<(), RepositoryError>;

    /// How long until the next store is due, or a lease ends that may not be renewed; `None` if there is neither.
    async fn next_due(&self) -> Result<Option<Duration>, RepositoryError>;

    // ── other processes ───────────────────────────────────────────────────────────────────────────────────────────
    /// What other processes write, where the database tells of it. Only saves time: everything is also found by
    /// looking once a second. By default nothing is told.
    fn notices(&self) -> NoticeStream {
        Box::pin(futures::stream::pending())
    }
}
