//! The loop that claims what is due and hands it to workers, and the handle that stops it.
//!
//! Everything in `reconcile` that waits for several things at once asks them in a fixed order (`biased`), and keeps what
//! it iterates over sorted: the same inputs then lead to the same steps, and a simulated schedule can be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::sync::{Notify, OnceCell, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attend::{Why, attend};
use super::cluster_gate::{ClusterState, keep_checking};
use super::notices::follow;
use super::settings::ReconcilerSettings;
use crate::lifecycle::Store;
use crate::ports::{
    ActionKind, ClaimRequest, Claimable, Claimed, Clock, Deployer, Entropy, HealthProbe, PortError, RepositoryError,
    StoreRepository, WakeUp,
};
use crate::service::ServiceParts;
use crate::store::{CredentialsCipher, StoreId};

/// The loop looks at the database at least this often, so that intents that another process wrote are seen.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// When nothing that is due could be claimed, the loop sleeps at least this long.
const SHORTEST_IDLE_NAP: Duration = Duration::from_millis(250);
/// How many of the stores that wait are looked at when a place may be free.
const NEXT_IN_QUEUE: usize = 4;
/// How many woken stores are remembered; more are found by their due time.
const WOKEN_MAX: usize = 10_000;
/// A reason to be parked is noticed again at least this often, or it holds no more.
const PARKED_FOR: Duration = Duration::from_mins(1);
/// After the grace period, actions that were cancelled get this long to end their processes.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Which stores a reconciler works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// This one.
    Only(StoreId),
    /// None: another process works. This one keeps an eye on the cluster, so that it can tell how stores are.
    Nothing,
}

/// What service and workers share.
pub(crate) struct Core {
    pub(crate) repository: Arc<dyn StoreRepository>,
    pub(crate) deployer: Arc<dyn Deployer>,
    pub(crate) probe: Arc<dyn HealthProbe>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) cipher: CredentialsCipher,
    pub(crate) notices: watch::Sender<u64>,
    pub(crate) cluster: watch::Sender<ClusterState>,
    pub(super) settings: ReconcilerSettings,
    pub(super) provisioning_slots: Semaphore,
    pub(super) teardown_slots: Semaphore,
    installation: OnceCell<Uuid>,
    wake: Notify,
    board: Mutex<Board>,
}

/// Which stores are being attended to, and which must be looked at again.
#[derive(Default)]
struct Board {
    attended: BTreeMap<StoreId, Attended>,
    woken: BTreeSet<StoreId>,
    /// A store gave up its place among those that are being brought up.
    is_place_free: bool,
    last_errors: BTreeMap<StoreId, LastError>,
    /// Since when the cluster has been in sight, if it is.
    in_sight_since: Option<Timestamp>,
    /// Why stores do not move, although the cluster is in sight, and when that was noticed.
    parked: BTreeMap<StoreId, (String, Timestamp)>,
}

/// What went wrong with a store's last action that went wrong.
#[derive(Clone)]
pub(super) struct LastError {
    /// In which attempt: it is no evidence in another one, which may have begun in another process.
    attempt: u32,
    pub(super) kind: ActionKind,
    pub(super) error: Arc<PortError>,
}

struct Attended {
    /// Stops the action that runs now.
    stop_action: CancellationToken,
    /// Something changed since the last look.
    is_dirty: bool,
    /// Has the lease renewed at once, which tells what the database has for this store now.
    ask: Arc<Notify>,
}

impl Core {
    pub(crate) fn new(parts: ServiceParts, settings: ReconcilerSettings) -> Self {
        Self {
            repository: parts.repository,
            deployer: parts.deployer,
            probe: parts.probe,
            clock: parts.clock,
            entropy: parts.entropy,
            cipher: parts.cipher,
            notices: watch::Sender::new(0),
            cluster: watch::Sender::new(ClusterState::default()),
            provisioning_slots: Semaphore::new(settings.max_workers),
            teardown_slots: Semaphore::new(settings.max_workers),
            settings,
            installation: OnceCell::new(),
            wake: Notify::new(),
            board: Mutex::default(),
        }
    }

    /// The installation's id; it never changes, so it is asked for once.
    pub(crate) async fn installation(&self) -> Result<Uuid, RepositoryError> {
        let read = || async { Ok(self.repository.installation().await?.id) };
        self.installation.get_or_try_init(read).await.copied()
    }

    /// An intent was written: stops what runs for that store, and wakes the loop.
    pub(crate) fn notify_intent(&self, store: Option<&StoreId>) {
        if let Some(id) = store
            && let Some(attended) = self.board().attended.get_mut(id)
        {
            attended.is_dirty = true;
            attended.stop_action.cancel();
        }
        self.notice();
        self.wake.notify_one();
    }

    /// Another process may have written an intent, for this store or for any: turns under way ask the database.
    pub(super) fn ask_at_once(&self, store: Option<&StoreId>) {
        let board = self.board();
        let concerned = board.attended.iter().filter(|(id, _)| store.is_none_or(|store| store == *id));
        concerned.for_each(|(_, attended)| attended.ask.notify_one());
        drop(board);
        self.wake.notify_one();
    }

    /// Fires when the turn with this store is to ask the database.
    pub(super) fn ask_signal(&self, store: &StoreId) -> Arc<Notify> {
        self.board().attended.get(store).map(|attended| Arc::clone(&attended.ask)).unwrap_or_default()
    }

    /// Something was written that followers want to see.
    pub(crate) fn notice(&self) {
        self.notices.send_modify(|count| *count += 1);
    }

    /// A token that stops what is about to run for `store`; a change of its intent fires it, and so does `halt`.
    pub(super) fn stop_token(&self, store: &StoreId, halt: &CancellationToken) -> CancellationToken {
        let token = halt.child_token();
        if let Some(attended) = self.board().attended.get_mut(store) {
            attended.stop_action = token.clone();
        }
        token
    }

    /// Whether something changed since this was last asked.
    pub(super) fn take_dirty(&self, store: &StoreId) -> bool {
        let mut board = self.board();
        board.attended.get_mut(store).is_some_and(|attended| std::mem::take(&mut attended.is_dirty))
    }

    /// The last error of the store's attempt that is under way.
    pub(super) fn last_error(&self, store: &Store) -> Option<LastError> {
        let board = self.board();
        board.last_errors.get(&store.id).filter(|last| last.attempt == store.attempt()).cloned()
    }

    pub(super) fn remember_error(&self, store: &Store, kind: ActionKind, error: PortError) {
        let last = LastError { attempt: store.attempt(), kind, error: Arc::new(error) };
        self.board().last_errors.insert(store.id.clone(), last);
    }

    /// Remembers why a store does not move. Returns whether that is news.
    pub(super) fn park(&self, store: &StoreId, why: String) -> bool {
        let now = self.clock.now();
        let mut board = self.board();
        // Stores that another process took over, and stores that are gone.
        board.parked.retain(|_, (_, at)| self.is_recent(*at, now));
        board.parked.insert(store.clone(), (why, now)).is_none()
    }

    /// Nothing keeps the store from moving.
    pub(super) fn unpark(&self, store: &StoreId) {
        self.board().parked.remove(store);
    }

    /// Why a store does not move, although the cluster is in sight, as this process last found.
    pub(crate) fn parked(&self, store: &StoreId) -> Option<String> {
        let board = self.board();
        let (why, _) = board.parked.get(store).filter(|(_, at)| self.is_recent(*at, self.clock.now()))?;
        Some(why.clone())
    }

    /// Whether what was noticed `at` this time is still told: this process may have lost sight of the store since.
    fn is_recent(&self, at: Timestamp, now: Timestamp) -> bool {
        let told_for = PARKED_FOR.max(self.settings.poll_interval * 2);
        Duration::try_from(now.duration_since(at)).is_ok_and(|age| age <= told_for)
    }

    /// The store has settled: what went wrong on the way is over.
    pub(super) fn forget(&self, store: &StoreId) {
        let mut board = self.board();
        board.last_errors.remove(store);
        board.parked.remove(store);
    }

    /// Notes whether the cluster is in sight.
    fn note_sight(&self, is_open: bool) {
        let now = self.clock.now();
        let since = &mut self.board().in_sight_since;
        *since = is_open.then(|| since.unwrap_or(now));
    }

    /// Since when the cluster has been in sight: what was seen before says nothing of how long it lasted.
    pub(super) fn in_sight_since(&self) -> Timestamp {
        self.board().in_sight_since.unwrap_or_else(|| self.clock.now())
    }

    /// A store that was being brought up is so no more: those who wait may have its place.
    pub(super) fn free_place(&self) {
        self.board().is_place_free = true;
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_attending(&self, store: &StoreId) -> bool {
        let mut board = self.board();
        if board.attended.contains_key(store) {
            return false;
        }
        board.woken.remove(store);
        let attended = Attended { stop_action: CancellationToken::new(), is_dirty: false, ask: Arc::default() };
        board.attended.insert(store.clone(), attended);
        true
    }

    fn finish_attending(&self, store: &StoreId) {
        let mut board = self.board();
        if board.attended.remove(store).is_some_and(|attended| attended.is_dirty) {
            board.woken.insert(store.clone());
        }
        drop(board);
        self.wake.notify_one();
    }

    /// Something of `store` changed in the cluster.
    fn mark_changed(&self, store: StoreId) {
        let mut board = self.board();
        if let Some(attended) = board.attended.get_mut(&store) {
            attended.is_dirty = true;
        } else if board.woken.len() < WOKEN_MAX {
            board.woken.insert(store);
        }
    }
}

/// The two ways to stop: after what runs, or at once.
#[derive(Clone, Default)]
pub(super) struct Stop {
    /// Nothing new begins.
    pub(super) drain: CancellationToken,
    /// What runs is cut off, its processes included.
    pub(super) halt: CancellationToken,
}

/// A running reconciler. Dropping it stops it without grace; [`shutdown`](Self::shutdown) drains.
pub struct Reconciler {
    core: Arc<Core>,
    stop: Stop,
    tasks: TaskTracker,
}

impl Reconciler {
    pub(crate) fn start(core: Arc<Core>, scope: Scope) -> Self {
        let stop = Stop::default();
        let tasks = TaskTracker::new();
        tasks.spawn(keep_checking(
            Arc::clone(&core.repository),
            Arc::clone(&core.probe),
            Arc::clone(&core.clock),
            core.cluster.clone(),
            stop.drain.clone(),
        ));
        tasks.spawn(follow(Arc::clone(&core), stop.drain.clone()));
        let claims = Claims { core: Arc::clone(&core), scope, stop: stop.clone(), tasks: tasks.clone() };
        if claims.scope != Scope::Nothing {
            tasks.spawn(claims.run());
        }
        Self { core, stop, tasks }
    }

    /// Claims and begins nothing more, lets running actions end within `grace`, then stops them, processes included.
    /// Returns whether all ended by themselves. What was left undone is found in the database by the next run.
    pub async fn shutdown(self, grace: Duration) -> bool {
        self.stop.drain.cancel();
        self.tasks.close();
        let clock = Arc::clone(&self.core.clock);
        let drained = tokio::select! {
            biased;
            () = self.tasks.wait() => true,
            () = clock.sleep(grace) => false,
        };
        if !drained {
            self.stop.halt.cancel();
            tokio::select! {
                biased;
                () = self.tasks.wait() => {}
                () = clock.sleep(LAST_MOMENT) => tracing::warn!("some actions did not end in time"),
            }
        }
        drained
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.stop.drain.cancel();
        self.stop.halt.cancel();
    }
}

/// Claims what is due.
struct Claims {
    core: Arc<Core>,
    scope: Scope,
    stop: Stop,
    tasks: TaskTracker,
}

impl Claims {
    async fn run(self) {
        let mut changes = self.changes();
        let mut cluster = self.core.cluster.subscribe();
        loop {
            let is_open = cluster.borrow_and_update().is_open();
            self.core.note_sight(is_open);
            let nap = if is_open {
                self.claim_and_nap().await
            } else {
                // Moving stores are found again by their due time.
                self.core.board().woken.clear();
                LONGEST_NAP
            };
            tokio::select! {
                biased;
                () = self.stop.drain.cancelled() => return,
                Some(batch) = changes.next() => batch.into_iter().for_each(|id| self.core.mark_changed(id)),
                _ = cluster.changed() => {}
                () = self.core.wake.notified() => {}
                () = self.core.clock.sleep(nap) => {}
            }
        }
    }

    /// Changes in the cluster, those that are there already in one batch; never ends, so that the loop can wait on it.
    fn changes(&self) -> BoxStream<'static, Vec<StoreId>> {
        self.core.probe.changes().ready_chunks(256).chain(stream::pending()).boxed()
    }

    /// Claims what can be claimed, and says how long there is nothing to do.
    async fn claim_and_nap(&self) -> Duration {
        let claimed = match self.claim().await {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot claim stores");
                return LONGEST_NAP;
            }
        };
        // What is due and cannot be claimed (no capacity, somebody else's scope) must not keep the loop spinning.
        let shortest = if claimed == 0 { SHORTEST_IDLE_NAP } else { Duration::from_millis(10) };
        match (&self.scope, self.core.repository.next_due().await) {
            (Scope::All, Ok(Some(due))) => due.clamp(shortest, LONGEST_NAP),
            _ => LONGEST_NAP,
        }
    }

    async fn claim(&self) -> Result<usize, RepositoryError> {
        self.wake_next_in_queue().await?;
        let woken = self.woken_and_moving().await?;
        let first = if woken.is_empty() { 0 } else { self.claim_some(Claimable::These(woken)).await? };
        let due = match &self.scope {
            Scope::All => self.claim_some(Claimable::Due).await?,
            Scope::Only(id) => self.claim_some(Claimable::DueAmong(vec![id.clone()])).await?,
            Scope::Nothing => 0,
        };
        Ok(first + due)
    }

    /// Those who wait sleep; whoever frees a place has the first of them looked at.
    async fn wake_next_in_queue(&self) -> Result<(), RepositoryError> {
        if !std::mem::take(&mut self.core.board().is_place_free) {
            return Ok(());
        }
        let queue = self.core.repository.queue().await?;
        let next = queue.into_iter().filter(|(_, position)| *position <= NEXT_IN_QUEUE).map(|(id, _)| id);
        self.core.board().woken.extend(next);
        Ok(())
    }

    async fn claim_some(&self, which: Claimable) -> Result<usize, RepositoryError> {
        let settings = &self.core.settings;
        let at_once = settings.max_in_progress + settings.max_workers;
        let limit = at_once.saturating_sub(self.core.board().attended.len());
        if limit == 0 {
            return Ok(0);
        }
        let request = ClaimRequest { owner: settings.owner.clone(), lease: settings.lease, limit, which };
        let claimed = self.core.repository.claim_due(&request).await?;
        let count = claimed.len();
        let is_woken = matches!(request.which, Claimable::These(_));
        for claimed in claimed {
            self.attend_to(claimed, is_woken);
        }
        Ok(count)
    }

    fn attend_to(&self, claimed: Claimed, is_woken: bool) {
        let id = claimed.store.id.clone();
        let (core, stop) = (Arc::clone(&self.core), self.stop.clone());
        let why = Why { is_alone: self.scope != Scope::All, is_woken };
        if !core.begin_attending(&id) {
            // The lease of the turn that still runs here had run out; that turn finds its epoch gone and ends.
            self.tasks.spawn(async move { give_back(&core, claimed).await });
            return;
        }
        self.tasks.spawn(async move {
            // A fault in one turn must not take its store out of the world until the next start.
            let turn = AssertUnwindSafe(attend(&core, claimed, &stop, why)).catch_unwind();
            if turn.await.is_err() {
                tracing::error!(store = %id, "a turn panicked; its claim runs out");
            }
            core.finish_attending(&id);
        });
    }

    /// Of the stores that something changed for, those that are on their way: settled ones cost no write.
    async fn woken_and_moving(&self) -> Result<Vec<StoreId>, RepositoryError> {
        let woken: Vec<StoreId> = {
            let mut board = self.core.board();
            let board = &mut *board;
            std::mem::take(&mut board.woken).into_iter().filter(|id| !board.attended.contains_key(id)).collect()
        };
        let mut moving = Vec::new();
        for id in woken {
            let is_mine = match &self.scope {
                Scope::All => true,
                Scope::Only(only) => *only == id,
                Scope::Nothing => false,
            };
            if is_mine && self.core.repository.get(&id).await?.is_some_and(|store| !store.is_settled()) {
                moving.push(id);
            }
        }
        Ok(moving)
    }
}

async fn give_back(core: &Core, claimed: Claimed) {
    let generation = claimed.store.intent.generation;
    if let Err(error) = core.repository.release(&claimed.claim, generation, WakeUp::After(Duration::ZERO)).await {
        tracing::warn!(store = %claimed.store.id, error = &error as &dyn std::error::Error, "cannot release a claim");
    }
}
