//! The loop that claims what is due and hands it to workers, and the handle that stops it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{Notify, OnceCell, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::attend::attend;
use super::cluster_gate::{ClusterState, keep_checking};
use super::settings::ReconcilerSettings;
use crate::ports::{
    ClaimRequest, Claimed, Clock, Deployer, Entropy, HealthProbe, PortError, RepositoryError, StoreRepository,
};
use crate::service::ServiceParts;
use crate::store::{CredentialsCipher, StoreId};

/// The loop looks at the database at least this often, so that intents that another process wrote are seen.
const LONGEST_NAP: Duration = Duration::from_secs(1);
/// How many woken stores are remembered; more are found by their due time.
const WOKEN_MAX: usize = 10_000;
/// After the grace period, actions that were cancelled get this long to end their processes.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// Which stores a reconciler works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// This one.
    Only(StoreId),
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
    attended: HashMap<StoreId, Attended>,
    woken: BTreeSet<StoreId>,
    last_errors: HashMap<StoreId, Arc<PortError>>,
}

struct Attended {
    /// Stops the action that runs now.
    stop_action: CancellationToken,
    /// Something changed since the last look.
    is_dirty: bool,
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

    /// Something was written that followers want to see.
    pub(super) fn notice(&self) {
        self.notices.send_modify(|count| *count += 1);
    }

    /// A token that stops the action about to run for `store`; a change of its intent fires it.
    pub(super) fn stop_token(&self, store: &StoreId) -> CancellationToken {
        let token = CancellationToken::new();
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

    pub(super) fn last_error(&self, store: &StoreId) -> Option<Arc<PortError>> {
        self.board().last_errors.get(store).cloned()
    }

    pub(super) fn remember_error(&self, store: &StoreId, error: Option<PortError>) {
        let mut board = self.board();
        match error {
            Some(error) => board.last_errors.insert(store.clone(), Arc::new(error)),
            None => board.last_errors.remove(store),
        };
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
        let attended = Attended { stop_action: CancellationToken::new(), is_dirty: false };
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

    fn stop_all_actions(&self) {
        for attended in self.board().attended.values() {
            attended.stop_action.cancel();
        }
    }
}

/// A running reconciler. Dropping it stops it without grace; [`shutdown`](Self::shutdown) drains.
pub struct Reconciler {
    core: Arc<Core>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Reconciler {
    pub(crate) fn start(core: Arc<Core>, scope: Scope) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(keep_checking(
            Arc::clone(&core.repository),
            Arc::clone(&core.probe),
            Arc::clone(&core.clock),
            core.cluster.clone(),
            stop.clone(),
        ));
        let claims = Claims { core: Arc::clone(&core), scope, stop: stop.clone(), tasks: tasks.clone() };
        tasks.spawn(claims.run());
        Self { core, stop, tasks }
    }

    /// Claims nothing more, lets running actions end within `grace`, then stops them, processes included. Returns
    /// whether all ended by themselves. What was left undone is found in the database by the next run.
    pub async fn shutdown(self, grace: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let clock = Arc::clone(&self.core.clock);
        let drained = tokio::select! {
            () = self.tasks.wait() => true,
            () = clock.sleep(grace) => false,
        };
        if !drained {
            self.core.stop_all_actions();
            tokio::select! {
                () = self.tasks.wait() => {}
                () = clock.sleep(LAST_MOMENT) => tracing::warn!("some actions did not end in time"),
            }
        }
        drained
    }
}

impl Drop for Reconciler {
    fn drop(&mut self) {
        self.stop.cancel();
        self.core.stop_all_actions();
    }
}

/// Claims what is due.
struct Claims {
    core: Arc<Core>,
    scope: Scope,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Claims {
    async fn run(self) {
        let mut changes = self.changes();
        let mut cluster = self.core.cluster.subscribe();
        loop {
            if cluster.borrow_and_update().is_open() {
                if let Err(error) = self.claim().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot claim stores");
                }
            } else {
                // Moving stores are found again by their due time.
                self.core.board().woken.clear();
            }
            let nap = self.nap().await;
            tokio::select! {
                () = self.stop.cancelled() => return,
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

    async fn nap(&self) -> Duration {
        match self.core.repository.next_due().await {
            Ok(Some(due)) => due.clamp(Duration::from_millis(10), LONGEST_NAP),
            Ok(None) | Err(_) => LONGEST_NAP,
        }
    }

    async fn claim(&self) -> Result<(), RepositoryError> {
        let woken = self.woken_and_moving().await?;
        if !woken.is_empty() {
            self.claim_some(Some(woken)).await?;
        }
        self.claim_some(match &self.scope {
            Scope::All => None,
            Scope::Only(id) => Some(vec![id.clone()]),
        })
        .await
    }

    async fn claim_some(&self, only: Option<Vec<StoreId>>) -> Result<(), RepositoryError> {
        let settings = &self.core.settings;
        let at_once = settings.max_in_progress + settings.max_workers;
        let limit = at_once.saturating_sub(self.core.board().attended.len());
        if limit == 0 || only.as_ref().is_some_and(|ids| ids.iter().all(|id| self.is_attended(id))) {
            return Ok(());
        }
        let request = ClaimRequest { owner: settings.owner.clone(), lease: settings.lease, limit, only };
        for claimed in self.core.repository.claim_due(&request).await? {
            self.attend_to(claimed);
        }
        Ok(())
    }

    fn is_attended(&self, id: &StoreId) -> bool {
        self.core.board().attended.contains_key(id)
    }

    fn attend_to(&self, claimed: Claimed) {
        let id = claimed.store.id.clone();
        if !self.core.begin_attending(&id) {
            return;
        }
        let core = Arc::clone(&self.core);
        self.tasks.spawn(async move {
            attend(&core, claimed).await;
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
            };
            if is_mine && self.core.repository.get(&id).await?.is_some_and(|store| !store.is_settled()) {
                moving.push(id);
            }
        }
        Ok(moving)
    }
}
