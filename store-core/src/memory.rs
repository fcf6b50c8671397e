//! `MemoryRepository`: a repository that forgets everything when it is dropped. It passes the same contract suite as
//! the ones on databases; its leases run in the time of the clock that it is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use uuid::Uuid;

use crate::lifecycle::{Event, Position, Status, Store};
use crate::planted::{Bug, planted};
use crate::ports::changes;
use crate::ports::{
    ActionInFlight, Admission, Claim, ClaimRequest, Claimable, Claimed, Clock, Created, CutOff, EventDraft,
    IdempotencyKey, Installation, ListQuery, NewStore, Notice, NoticeStream, Page, ProgressUpdate, Recorded, Renewal,
    RepositoryError, StoreRepository, WakeUp,
};
use crate::store::{SealedPassword, StoreId, StoreName};

/// An in-memory [`StoreRepository`].
pub struct MemoryRepository {
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
    notices: broadcast::Sender<Notice>,
}

#[derive(Default)]
struct Memory {
    cluster_uid: Option<String>,
    rows: BTreeMap<StoreId, Row>,
    events: Vec<Event>,
    keys: BTreeMap<String, RememberedKey>,
}

struct Row {
    store: Store,
    password: Option<SealedPassword>,
    admitted: bool,
    /// With the end of its hard deadline.
    in_flight: Option<(ActionInFlight, Timestamp)>,
    epoch: u64,
    lease: Option<Lease>,
    due_at: Option<Timestamp>,
}

struct Lease {
    owner: String,
    until: Timestamp,
}

struct RememberedKey {
    fingerprint: String,
    store: StoreId,
    at: Timestamp,
}

impl MemoryRepository {
    /// The installation that every memory belongs to.
    pub const INSTALLATION: Uuid = Uuid::from_u128(0x6d65_6d6f_7279_4000_8000_0000_0000_0001);

    /// An empty one, whose leases run in the time of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, memory: Mutex::default(), notices: broadcast::Sender::new(1024) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts stores there as they are, each with its history, without anything left to do. The events get positions of
    /// this repository.
    ///
    /// Meant for beginning with many: a name that is taken is not noticed.
    pub fn insert(&self, stores: impl IntoIterator<Item = (Store, Vec<Event>)>) {
        let mut memory = self.memory();
        for (store, history) in stores {
            for event in history {
                let position = memory.next_position();
                memory.events.push(Event { position, ..event });
            }
            let row = Row {
                password: None,
                admitted: changes::is_admitted(&store),
                in_flight: None,
                epoch: 0,
                lease: None,
                due_at: None,
                store,
            };
            memory.rows.insert(row.store.id.clone(), row);
        }
        self.tell(Notice::Gap);
    }

    /// A store, without a call.
    #[cfg(feature = "testing")]
    pub(crate) fn peek(&self, id: &StoreId) -> Option<Store> {
        self.memory().rows.get(id).map(|row| row.store.clone())
    }

    /// All stores, without a call.
    #[cfg(feature = "testing")]
    pub(crate) fn peek_all(&self) -> Vec<Store> {
        self.memory().rows.values().map(|row| row.store.clone()).collect()
    }

    /// Everybody's events after `after`, without a call.
    #[cfg(feature = "testing")]
    pub(crate) fn peek_events(&self, after: Position) -> Vec<Event> {
        let memory = self.memory();
        let first = memory.events.partition_point(|event| event.position <= after);
        memory.events[first..].to_vec()
    }

    /// Whether a sealed password is kept, without a call.
    #[cfg(feature = "testing")]
    pub(crate) fn peek_password(&self, id: &StoreId) -> bool {
        self.memory().rows.get(id).is_some_and(|row| row.password.is_some())
    }

    /// Tells everybody, the one who wrote it as well.
    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }

    fn after(&self, duration: Duration) -> Timestamp {
        let duration = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        self.clock.now().checked_add(duration).unwrap_or(Timestamp::MAX)
    }
}

impl Memory {
    fn installation(&self) -> Installation {
        Installation { id: MemoryRepository::INSTALLATION, cluster_uid: self.cluster_uid.clone() }
    }

    fn named(&self, name: &StoreName) -> Option<&Row> {
        self.rows.values().find(|row| row.store.name == *name && row.store.status() != Status::Deleted)
    }

    fn row(&mut self, id: &StoreId) -> Result<&mut Row, RepositoryError> {
        self.rows.get_mut(id).ok_or(RepositoryError::NotFound)
    }

    /// The row that a claim still holds.
    fn held(&mut self, claim: &Claim) -> Option<&mut Row> {
        let row = self.rows.get_mut(&claim.store)?;
        let holds = row.epoch == claim.epoch && row.lease.as_ref().is_some_and(|lease| lease.owner == claim.owner);
        (holds || planted(Bug::NoEpochCheck)).then_some(row)
    }

    fn write_event(&mut self, store: &Store, draft: &EventDraft, at: Timestamp) {
        let position = self.next_position();
        self.events.push(changes::event(store, draft, position, at));
    }

    fn next_position(&self) -> Position {
        self.events.last().map_or(1, |event| event.position + 1)
    }

    /// Those who wait for admission, the oldest first.
    fn waiting(&self) -> Vec<&Store> {
        let mut waiting: Vec<_> = self
            .rows
            .values()
            .filter(|row| row.store.status() == Status::Provisioning && !row.admitted)
            .map(|row| &row.store)
            .collect();
        waiting.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        waiting
    }

    fn replay(&self, wanted: &IdempotencyKey, at: Timestamp) -> Result<Option<Store>, RepositoryError> {
        let Some(remembered) = self.keys.get(&wanted.key).filter(|key| !key.is_over(at)) else {
            return Ok(None);
        };
        if remembered.fingerprint != wanted.fingerprint {
            return Err(RepositoryError::KeyReused);
        }
        Ok(self.rows.get(&remembered.store).map(|row| row.store.clone()))
    }
}

impl RememberedKey {
    fn is_over(&self, at: Timestamp) -> bool {
        self.at + SignedDuration::try_from(changes::IDEMPOTENCY_WINDOW).unwrap_or_default() <= at
    }
}

impl Row {
    fn is_free(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_none_or(|lease| lease.until <= now)
    }

    fn is_claimable(&self, request: &ClaimRequest, now: Timestamp) -> bool {
        let is_due = self.due_at.is_some_and(|due| due <= now);
        let wanted = match &request.which {
            Claimable::Due => is_due,
            Claimable::DueAmong(ids) => is_due && ids.contains(&self.store.id),
            Claimable::These(ids) => ids.contains(&self.store.id),
        };
        wanted && self.is_free(now)
    }

    fn claim(&mut self, owner: &str, now: Timestamp, until: Timestamp) -> Claimed {
        self.epoch += 1;
        self.lease_until(owner, until);
        Claimed {
            claim: Claim { store: self.store.id.clone(), owner: owner.to_owned(), epoch: self.epoch },
            store: self.store.clone(),
            at: now,
            in_flight: self.in_flight.clone().map(|(action, ends)| CutOff {
                action,
                may_run_for: Duration::try_from(ends.duration_since(now)).unwrap_or_default(),
            }),
        }
    }

    /// A leased store is due when the lease ends, so that one whose owner died is always found again.
    fn lease_until(&mut self, owner: &str, until: Timestamp) {
        self.lease = Some(Lease { owner: owner.to_owned(), until });
        self.due_at = Some(until);
    }
}

#[async_trait]
impl StoreRepository for MemoryRepository {
    async fn installation(&self) -> Result<Installation, RepositoryError> {
        Ok(self.memory().installation())
    }

    async fn bind_cluster(&self, cluster_uid: &str) -> Result<Installation, RepositoryError> {
        let mut memory = self.memory();
        memory.cluster_uid.get_or_insert_with(|| cluster_uid.to_owned());
        Ok(memory.installation())
    }

    async fn create(&self, new: NewStore) -> Result<Created, RepositoryError> {
        let now = self.clock.now();
        let mut memory = self.memory();
        if let Some(key) = &new.idempotency
            && let Some(store) = memory.replay(key, new.at)?
        {
            return Ok(Created::Replayed(store));
        }
        if let Some(row) = memory.named(&new.name) {
            return Err(RepositoryError::NameTaken { existing: row.store.id.clone() });
        }
        let (store, event) = changes::create(&new);
        memory.write_event(&store, &event, new.at);
        if let Some(IdempotencyKey { key, fingerprint }) = new.idempotency {
            let at = changes::stored_time(new.at);
            memory.keys.insert(key, RememberedKey { fingerprint, store: new.id.clone(), at });
        }
        let row = Row {
            store: store.clone(),
            password: Some(new.password),
            admitted: false,
            in_flight: None,
            epoch: 0,
            lease: None,
            due_at: Some(now),
        };
        memory.rows.insert(new.id, row);
        self.tell(Notice::Intent(store.id.clone()));
        Ok(Created::New(store))
    }

    async fn request_deletion(
        &self,
        id: &StoreId,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let now = self.clock.now();
        let mut memory = self.memory();
        let row = memory.row(id)?;
        let event = changes::request_deletion(&mut row.store, expected, at)?;
        let store = row.store.clone();
        if let Some(event) = event {
            row.due_at = Some(now);
            row.password = None;
            memory.write_event(&store, &event, at);
            self.tell(Notice::Intent(store.id.clone()));
        }
        Ok(store)
    }

    async fn request_retry(
        &self,
        id: &StoreId,
        password: Option<SealedPassword>,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let now = self.clock.now();
        let mut memory = self.memory();
        let row = memory.row(id)?;
        let event = changes::request_retry(&mut row.store, expected, at)?;
        row.due_at = Some(now);
        row.password = password.or_else(|| row.password.take());
        let store = row.store.clone();
        memory.write_event(&store, &event, at);
        self.tell(Notice::Intent(store.id.clone()));
        Ok(store)
    }

    async fn request_protection(
        &self,
        id: &StoreId,
        protected: bool,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<Store, RepositoryError> {
        let mut memory = self.memory();
        let row = memory.row(id)?;
        let event = changes::request_protection(&mut row.store, protected, expected, at)?;
        let store = row.store.clone();
        if let Some(event) = event {
            memory.write_event(&store, &event, at);
            self.tell(Notice::Events);
        }
        Ok(store)
    }

    async fn get(&self, id: &StoreId) -> Result<Option<Store>, RepositoryError> {
        Ok(self.memory().rows.get(id).map(|row| row.store.clone()))
    }

    async fn find_by_name(&self, name: &StoreName) -> Result<Option<Store>, RepositoryError> {
        Ok(self.memory().named(name).map(|row| row.store.clone()))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Store>, RepositoryError> {
        let after = query.after.as_deref().map(changes::read_cursor).transpose()?;
        let memory = self.memory();
        let mut stores: Vec<_> = memory.rows.values().map(|row| &row.store).collect();
        stores.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        let beyond =
            |store: &Store| after.as_ref().is_none_or(|(time, id)| (store.created_at, &store.id) > (*time, id));
        let limit = if query.limit == 0 { changes::PAGE_SIZE } else { query.limit };
        let mut matching = stores.into_iter().filter(|store| changes::lists(query, store) && beyond(store));
        let items: Vec<Store> = matching.by_ref().take(limit).cloned().collect();
        let next = matching.next().and(items.last()).map(changes::cursor_after);
        Ok(Page { items, next })
    }

    async fn queue(&self) -> Result<BTreeMap<StoreId, usize>, RepositoryError> {
        let memory = self.memory();
        Ok(memory.waiting().into_iter().map(|store| store.id.clone()).zip(1..).collect())
    }

    async fn events(&self, id: &StoreId, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        let memory = self.memory();
        let mine = memory.events.iter().filter(|event| event.position > after && event.store_id == *id);
        Ok(mine.take(limit).cloned().collect())
    }

    async fn changes(&self, after: Position, limit: usize) -> Result<Vec<Event>, RepositoryError> {
        let memory = self.memory();
        let first = memory.events.partition_point(|event| event.position <= after);
        Ok(memory.events[first..].iter().take(limit).cloned().collect())
    }

    async fn positions(&self) -> Result<(Position, Position), RepositoryError> {
        let memory = self.memory();
        let position = |event: Option<&Event>| event.map_or(0, |event| event.position);
        Ok((position(memory.events.last()), position(memory.events.first())))
    }

    async fn sealed_password(&self, id: &StoreId) -> Result<Option<SealedPassword>, RepositoryError> {
        Ok(self.memory().rows.get(id).and_then(|row| row.password.clone()))
    }

    async fn claim_due(&self, request: &ClaimRequest) -> Result<Vec<Claimed>, RepositoryError> {
        let now = self.clock.now();
        let until = self.after(request.lease);
        let mut memory = self.memory();
        let mut claimable: Vec<_> = memory.rows.values_mut().filter(|row| row.is_claimable(request, now)).collect();
        claimable.sort_by_key(|row| (row.due_at, row.store.created_at, row.store.id.clone()));
        Ok(claimable.into_iter().take(request.limit).map(|row| row.claim(&request.owner, now, until)).collect())
    }

    async fn renew(&self, claim: &Claim, lease: Duration) -> Result<Renewal, RepositoryError> {
        let until = self.after(lease);
        let mut memory = self.memory();
        let Some(row) = memory.held(claim) else { return Ok(Renewal::Lost) };
        row.lease_until(&claim.owner, until);
        Ok(Renewal::Held { generation: row.store.intent.generation })
    }

    async fn admit(&self, claim: &Claim, admission: Admission) -> Result<bool, RepositoryError> {
        let mut memory = self.memory();
        let in_progress = memory.rows.values().filter(|row| row.admitted).count();
        let is_first = memory.waiting().first().is_some_and(|store| store.id == claim.store);
        let Some(row) = memory.held(claim) else { return Ok(false) };
        row.admitted |= match admission {
            Admission::InOrder { places } => is_first && in_progress < places,
            Admission::OutOfTurn => true,
        };
        Ok(row.admitted)
    }

    async fn begin_action(
        &self,
        claim: &Claim,
        generation: u64,
        action: &ActionInFlight,
    ) -> Result<bool, RepositoryError> {
        let ends = self.after(action.kind.hard_deadline());
        let mut memory = self.memory();
        let row = memory.held(claim).filter(|row| row.store.intent.generation == generation);
        Ok(row.map(|row| row.in_flight = Some((action.clone(), ends))).is_some())
    }

    async fn end_action(&self, claim: &Claim) -> Result<(), RepositoryError> {
        if let Some(row) = self.memory().held(claim) {
            row.in_flight = None;
        }
        Ok(())
    }

    async fn record(
        &self,
        claim: &Claim,
        generation: u64,
        update: &ProgressUpdate,
    ) -> Result<Recorded, RepositoryError> {
        let mut memory = self.memory();
        let Some(row) = memory.held(claim).filter(|row| row.store.intent.generation == generation) else {
            return Ok(Recorded::Stale);
        };
        changes::record(&mut row.store, update);
        row.admitted = changes::is_admitted(&row.store);
        if update.erase_password {
            row.password = None;
        }
        let store = row.store.clone();
        for event in &update.events {
            memory.write_event(&store, event, update.at);
        }
        if !update.events.is_empty() {
            self.tell(Notice::Events);
        }
        Ok(Recorded::Written(store))
    }

    async fn release(&self, claim: &Claim, generation: u64, wake_up: WakeUp) -> Result<(), RepositoryError> {
        let now = self.clock.now();
        let later = match wake_up {
            WakeUp::After(delay) => Some(self.after(delay)),
            WakeUp::OnIntent => None,
        };
        if let Some(row) = self.memory().held(claim) {
            row.lease = None;
            row.due_at = if row.store.intent.generation > generation { Some(now) } else { later };
        }
        Ok(())
    }

    fn notices(&self) -> NoticeStream {
        let following = stream::unfold(self.notices.subscribe(), async |mut receiver| match receiver.recv().await {
            Ok(notice) => Some((notice, receiver)),
            Err(RecvError::Lagged(_)) => Some((Notice::Gap, receiver)),
            Err(RecvError::Closed) => None,
        });
        Box::pin(following)
    }

    async fn next_due(&self) -> Result<Option<Duration>, RepositoryError> {
        let now = self.clock.now();
        let memory = self.memory();
        let due = memory.rows.values().filter_map(|row| {
            let due = row.due_at?;
            Some(row.lease.as_ref().map_or(due, |lease| due.max(lease.until)))
        });
        Ok(due.min().map(|due| Duration::try_from(due.duration_since(now)).unwrap_or_default()))
    }
}
