//! What HTTP, the CLI and other programs call: create, read, delete and retry stores, and follow what happens.

mod conditions;
mod document;
mod error;
mod looking;
mod pods;
mod request;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

pub use conditions::Outlook;
pub use document::{ConditionDocument, FailureDocument, StoreDocument, StoreList};
pub use error::{FieldError, ServiceError};
pub use pods::{PodComponent, PodDocument, PodList};
pub use request::{CreateStore, PatchStore, RetryStore, StoreRef};
pub use settings::{ServiceParts, ServiceSettings};

use crate::lifecycle::{Event, FailureCode, Position, Progress, Status, Store};
use crate::planted::{Bug, planted};
use crate::ports::{Created, ListQuery, NewStore, RepositoryError};
use crate::reconcile::{ClusterState, Core, Reconciler, Scope};
use crate::store::{SealedPassword, StoreId};

/// The platform as a program sees it. Cheap to clone.
///
/// Reads and intents work without a reconciler and while the cluster is away; [`start`](Self::start) begins the work.
#[derive(Clone)]
pub struct StoreService {
    core: Arc<Core>,
    settings: Arc<ServiceSettings>,
}

impl StoreService {
    /// Puts the parts together. Starts nothing and touches nothing.
    pub fn new(parts: ServiceParts, settings: ServiceSettings) -> Self {
        let core = Core::new(parts, settings.reconciler.clone());
        Self { core: Arc::new(core), settings: Arc::new(settings) }
    }

    /// Starts working off what is wanted, in the background, until the handle is shut down. At most one reconciler for
    /// a service.
    pub fn start(&self, scope: Scope) -> Reconciler {
        Reconciler::start(Arc::clone(&self.core), scope)
    }

    /// Asks for a store. Returns as soon as the wish is durable, without waiting for the cluster.
    pub async fn create(&self, request: CreateStore, idempotency_key: Option<&str>) -> Result<Answer, ServiceError> {
        let idempotency = request.idempotency(idempotency_key, &self.core.cipher)?;
        let idempotency = idempotency.filter(|_| !planted(Bug::IdempotencyKeyDropped));
        let valid = request.validate(&self.settings.reserved)?;
        let installation = self.core.installation().await?;
        let id = StoreId::random(|| self.core.entropy.next_u64());
        let new = NewStore {
            address: self.settings.public_url.address(&valid.name, valid.engine),
            password: self.core.cipher.seal(self.nonce(), installation, &id, &valid.password),
            id,
            name: valid.name,
            engine: valid.engine,
            plan: valid.plan,
            admin_username: valid.username,
            admin_email: valid.email,
            idempotency,
            at: self.core.clock.now(),
        };
        let name = new.name.to_string();
        let created =
            self.core.repository.create(new).await.map_err(|error| ServiceError::from(error).naming(&name))?;
        self.core.notify_intent(None);
        let replayed = matches!(created, Created::Replayed(_));
        Ok(Answer { store: self.document(created.into_store()).await?, replayed })
    }

    /// One store, by id or name; deleted ones by id only.
    pub async fn get(&self, which: &StoreRef) -> Result<StoreDocument, ServiceError> {
        let store = self.find(which).await?;
        self.document(store).await
    }

    /// Stores, oldest first.
    pub async fn list(&self, query: &ListQuery) -> Result<StoreList, ServiceError> {
        // The position is taken before the list: a reader that follows from it sees everything the list lacks.
        let (position, _) = self.core.repository.positions().await?;
        let page = self.core.repository.list(query).await?;
        let queue = self.queue(&page.items).await?;
        let mut stores = Vec::with_capacity(page.items.len());
        for store in page.items {
            stores.push(self.describe(store, &queue).await);
        }
        Ok(StoreList { stores, next_page_token: page.next, position })
    }

    /// Wants a store gone; repeated, it is the same. `expected` is the version the caller saw (`If-Match`).
    pub async fn delete(&self, which: &StoreRef, expected: Option<u64>) -> Result<StoreDocument, ServiceError> {
        let Store { id, name, .. } = self.find(which).await?;
        let wanted = self.core.repository.request_deletion(&id, expected, self.core.clock.now()).await;
        let store = wanted.map_err(|error| ServiceError::from(error).naming(name.as_str()))?;
        self.core.notify_intent(Some(&id));
        self.document(store).await
    }

    /// Changes what is wanted of a store, by a request in which it is said what.
    pub async fn patch(
        &self,
        which: &StoreRef,
        request: PatchStore,
        expected: Option<u64>,
    ) -> Result<StoreDocument, ServiceError> {
        let Some(protected) = request.protected else { return Err(ServiceError::field("protected", "is required")) };
        self.protect(which, protected, expected).await
    }

    /// Protects a store from deletion, or takes that back; repeated, it is the same. `expected` is the version the
    /// caller saw (`If-Match`). Whatever runs for the store goes on.
    pub async fn protect(
        &self,
        which: &StoreRef,
        protected: bool,
        expected: Option<u64>,
    ) -> Result<StoreDocument, ServiceError> {
        let id = self.find(which).await?.id;
        let now = self.core.clock.now();
        let store = match self.core.repository.request_protection(&id, protected, expected, now).await {
            Err(RepositoryError::WrongStatus { status }) => return Err(ServiceError::CannotProtect { status }),
            answer => answer?,
        };
        self.core.notice();
        self.document(store).await
    }

    /// Wants another attempt of a FAILED store; with a new admin password where the old one is gone.
    pub async fn retry(
        &self,
        which: &StoreRef,
        request: RetryStore,
        expected: Option<u64>,
    ) -> Result<StoreDocument, ServiceError> {
        let password = request.validate()?;
        let store = self.find(which).await?;
        let id = store.id.clone();
        let sealed = match password {
            // The repository has the better answer for one that did not fail.
            Some(_) if store.status() != Status::Failed => None,
            Some(_) if !has_lost_credentials(&store) => {
                let why = "is only taken by a store whose credentials are lost; leave it out, the old one holds";
                return Err(ServiceError::field("admin_password", why));
            }
            Some(password) => Some(self.seal(&id, &password).await?),
            None => None,
        };
        let store = self.core.repository.request_retry(&id, sealed, expected, self.core.clock.now()).await?;
        self.core.notify_intent(Some(&id));
        self.document(store).await
    }

    /// One store's history, oldest first.
    pub async fn events(&self, which: &StoreRef, after: Position, limit: usize) -> Result<Vec<Event>, ServiceError> {
        let id = self.find(which).await?.id;
        Ok(self.core.repository.events(&id, after, limit).await?)
    }

    /// Everybody's events after `after`, in commit order.
    pub async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Event>, ServiceError> {
        Ok(self.core.repository.changes(after, limit).await?)
    }

    /// The position of the last event, and of the oldest one that is still kept.
    pub async fn positions(&self) -> Result<(Position, Position), ServiceError> {
        Ok(self.core.repository.positions().await?)
    }

    /// Changes its value whenever this process wrote something. Another process on the same database does not show
    /// here: followers also look once a second.
    pub fn notices(&self) -> watch::Receiver<u64> {
        self.core.notices.subscribe()
    }

    /// Asks the cluster whether it is there and ours.
    pub async fn check_cluster(&self) -> Result<ClusterState, ServiceError> {
        crate::reconcile::check(&*self.core.repository, &*self.core.probe, &*self.core.clock)
            .await
            .map_err(ServiceError::from_port)
    }

    /// What is known of the cluster, without asking it.
    pub fn cluster(&self) -> ClusterState {
        self.core.cluster.borrow().clone()
    }

    /// Whether the database answers.
    pub async fn check_database(&self) -> Result<(), ServiceError> {
        self.core.repository.positions().await?;
        Ok(())
    }

    async fn find(&self, which: &StoreRef) -> Result<Store, ServiceError> {
        let found = match which {
            StoreRef::Id(id) => self.core.repository.get(id).await?,
            StoreRef::Name(name) => self.core.repository.find_by_name(name).await?,
            StoreRef::Either(id, name) => {
                let by_id = self.core.repository.get(id).await?;
                let by_name = self.core.repository.find_by_name(name).await?;
                match (by_id, by_name) {
                    (Some(one), Some(other)) if one.id != other.id => {
                        let message = format!(
                            "{id} is the id of one store and the name of another: say {} or {}",
                            one.name, other.id
                        );
                        return Err(ServiceError::field("store", message));
                    }
                    (by_id, by_name) => by_id.or(by_name),
                }
            }
        };
        found.ok_or_else(|| ServiceError::NotFound { which: which.to_string() })
    }

    async fn seal(&self, id: &StoreId, password: &crate::store::AdminPassword) -> Result<SealedPassword, ServiceError> {
        let installation = self.core.installation().await?;
        Ok(self.core.cipher.seal(self.nonce(), installation, id, password))
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        self.core.entropy.fill(&mut nonce);
        nonce
    }

    async fn document(&self, store: Store) -> Result<StoreDocument, ServiceError> {
        let queue = self.queue(std::slice::from_ref(&store)).await?;
        Ok(self.describe(store, &queue).await)
    }

    async fn queue(&self, stores: &[Store]) -> Result<BTreeMap<StoreId, usize>, RepositoryError> {
        if stores.iter().any(|store| store.status() == Status::Provisioning) {
            return self.core.repository.queue().await;
        }
        Ok(BTreeMap::new())
    }

    async fn describe(&self, store: Store, queue: &BTreeMap<StoreId, usize>) -> StoreDocument {
        let judgement = self.judge(&store).await;
        let parked = if store.is_settled() { None } else { self.parked_reason(&store.id) };
        StoreDocument::new(&store, queue.get(&store.id).copied(), judgement, parked)
    }

    /// Why a store that is on its way does not move: the cluster is away or another one, or it hides this store, or
    /// denies what it needs.
    fn parked_reason(&self, id: &StoreId) -> Option<String> {
        match self.cluster() {
            ClusterState::Unchecked => None,
            state => state.parked_reason().or_else(|| self.core.parked(id)),
        }
    }
}

fn has_lost_credentials(store: &Store) -> bool {
    matches!(&store.progress, Progress::Failed(failed) if failed.failure.code == FailureCode::CredentialsLost)
}

/// The answer to a create.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The store as it is now.
    pub store: StoreDocument,
    /// Whether the request had been made before under the same idempotency key.
    pub replayed: bool,
}
