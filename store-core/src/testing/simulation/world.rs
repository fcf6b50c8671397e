//! Everything that a schedule shares: the time, chance, the cluster, the database, the weather and the oracle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use std::collections::{BTreeMap, BTreeSet};

use super::cluster::{Cluster, Look};
use super::dice::Dice;
use super::faults::{Counts, Fault};
use super::helm::Helm;
use super::oracle::{Invariant, Oracle};
use super::process::Process;
use super::replica::Replica;
use super::trace::Trace;
use crate::ports::{Clock as _, CredentialsSeen, ReleaseSeen};
use crate::store::StoreId;
use crate::testing::{MemoryRepository, TestClock};

/// The world of one schedule.
pub(super) struct World {
    clock: TestClock,
    began: Instant,
    /// The database. Its clock is the true one.
    pub(super) memory: Arc<MemoryRepository>,
    state: Mutex<State>,
}

/// What changes in it.
pub(super) struct State {
    pub(super) dice: Dice,
    pub(super) trace: Trace,
    pub(super) cluster: Cluster,
    pub(super) helms: Vec<Helm>,
    pub(super) weather: Weather,
    pub(super) oracle: Oracle,
    pub(super) counts: Counts,
    /// The replicas as they run now.
    pub(super) replicas: Vec<Replica>,
    /// Replicas that are dead. They are kept, since dropping one would stop its tasks in an orderly way.
    pub(super) graveyard: Vec<Replica>,
    /// What each process, by its number, knows of the cluster.
    pub(super) views: Vec<View>,
    /// No more faults: replicas that die come back soon.
    pub(super) is_healing: bool,
}

/// What goes wrong outside the processes.
#[derive(Debug, Default)]
pub(super) struct Weather {
    /// The API server refuses connections until then.
    pub(super) api_refuses_until: Duration,
    /// The API server accepts and never answers until then.
    pub(super) api_hangs_until: Duration,
    /// The database is busy, full or away until then.
    pub(super) database_away_until: Duration,
    /// So many next calls of the API server fail before they have an effect.
    pub(super) api_errors_before: u32,
    /// So many next calls of the API server fail after they had their effect.
    pub(super) api_errors_after: u32,
    /// So many next creations of a namespace are told to have failed and happen later.
    pub(super) late_creates: u32,
    /// Whoever writes the tombstone of one of these stores dies before it says when to look again.
    pub(super) last_words: BTreeSet<StoreId>,
    /// So many next writes of the database fail although they are committed.
    pub(super) commits_unknown: u32,
    /// So many next Helms cannot write their last record and end well all the same.
    pub(super) helm_lies: u32,
    /// So many next Helms end badly although everything is done.
    pub(super) helm_groans: u32,
    /// The next Helms are killed while they work.
    pub(super) helm_kills: u32,
    /// What strikes the processes that start the next Helms, while those work.
    pub(super) at_next_helms: Vec<Fault>,
    /// The next process to start has a kubeconfig that leads to another cluster.
    pub(super) is_next_misled: bool,
    /// The next namespaces to go are held up for this long.
    pub(super) finalizers: Vec<Duration>,
    /// The next volumes to go take this much longer.
    pub(super) slow_volumes: Vec<Duration>,
}

/// What one process knows of the cluster by its watches.
pub(super) struct View {
    pub(super) is_listed: bool,
    /// Its watches say nothing until then.
    pub(super) stalled_until: Duration,
    pub(super) looks: BTreeMap<StoreId, Look>,
    /// Release and Secret as they were read last; no watch tells of them.
    pub(super) last_read: BTreeMap<StoreId, (ReleaseSeen, CredentialsSeen)>,
    pub(super) changes: Option<UnboundedSender<StoreId>>,
}

impl World {
    pub(super) fn new(seed: u64, is_recorded: bool) -> Arc<Self> {
        let clock = TestClock::new();
        let state = State {
            dice: Dice::new(seed),
            trace: Trace::new(is_recorded),
            cluster: Cluster::default(),
            helms: Vec::new(),
            weather: Weather::default(),
            oracle: Oracle::default(),
            counts: Counts::default(),
            replicas: Vec::new(),
            graveyard: Vec::new(),
            views: Vec::new(),
            is_healing: false,
        };
        let memory = Arc::new(MemoryRepository::new(Arc::new(clock)));
        Arc::new(Self { clock, began: Instant::now(), memory, state: Mutex::new(state) })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The true time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The true time since the schedule began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns at this time after the beginning, or a little later than now if that is sooner: weather may clear up.
    pub(super) async fn until(&self, time: Duration) {
        tokio::time::sleep_until(self.began + time.min(self.elapsed() + Duration::from_secs(2))).await;
    }

    /// Whether nothing is in anybody's way.
    pub(super) fn is_calm(&self) -> bool {
        let now = self.elapsed();
        let state = self.state();
        let weather = &state.weather;
        let worst = weather.api_refuses_until.max(weather.api_hangs_until).max(weather.database_away_until);
        worst <= now && state.replicas.iter().any(|replica| replica.process.is_running() && !replica.process.is_misled)
    }

    /// Writes a step into the trace.
    pub(super) fn note(&self, what: &'static str, tag: u64, line: impl FnOnce() -> String) {
        let at = self.elapsed();
        self.state().trace.add(at, what, tag, line);
    }

    /// An invariant does not hold. The first one counts.
    pub(super) fn break_invariant(&self, invariant: Invariant, found: String) {
        self.note("BROKEN", 0, || format!("{invariant}: {found}"));
        self.state().oracle.broken.get_or_insert((invariant, found));
    }

    /// Waits for a moment that chance decides.
    pub(super) async fn pause(&self, least: u64, most: u64) {
        let pause = self.state().dice.millis(least, most);
        tokio::time::sleep(pause).await;
    }

    /// Every port call comes here before and after its effect: a process that is frozen or dead goes no further.
    pub(super) async fn point(self: &Arc<Self>, process: &Process) {
        if let Some(fault) = process.burns_down() {
            super::faults::burn(self, process.number, fault);
        }
        process.gate().await;
    }

    /// Whether a process that has just written this store's tombstone is to die at once.
    pub(super) fn has_last_words(&self, store: &StoreId) -> bool {
        let mut state = self.state();
        !state.is_healing && state.weather.last_words.remove(store)
    }

    /// The cluster changed: the watches tell each process, some sooner than others.
    pub(super) fn changed(self: &Arc<Self>, store: &StoreId) {
        let at = self.now();
        let mut state = self.state();
        let look = state.cluster.look(store, at);
        let listening: Vec<usize> =
            (0..state.views.len()).filter(|number| state.views[*number].changes.is_some()).collect();
        for number in listening {
            let delay = state.dice.millis(0, 300);
            let (world, store, look) = (Arc::clone(self), store.clone(), look.clone());
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                world.tell(number, &store, look);
            });
        }
    }

    fn tell(&self, number: usize, store: &StoreId, look: Look) {
        let now = self.elapsed();
        let mut state = self.state();
        let view = &mut state.views[number];
        if !view.is_listed || now < view.stalled_until {
            return;
        }
        view.learn(store, look);
    }

    /// A process lists everything: what its watches missed is found.
    pub(super) fn list(&self, number: usize) {
        let at = self.now();
        let looks: BTreeMap<StoreId, Look> = {
            let state = self.state();
            let known = state.views[number].looks.keys().cloned();
            let there = state.cluster.namespaces.keys().cloned();
            let stores: std::collections::BTreeSet<StoreId> = known.chain(there).collect();
            stores.into_iter().map(|store| (store.clone(), state.cluster.look(&store, at))).collect()
        };
        self.deliver(number, looks);
    }

    /// A list arrives, new or old.
    pub(super) fn deliver(&self, number: usize, looks: BTreeMap<StoreId, Look>) {
        let mut state = self.state();
        let view = &mut state.views[number];
        view.is_listed = true;
        for (store, look) in looks {
            view.learn(&store, look);
        }
    }
}

impl View {
    fn learn(&mut self, store: &StoreId, look: Look) {
        let uid = look.uid();
        let before = self.looks.insert(store.clone(), look);
        // What was read of a namespace that is gone says nothing of another one.
        if before.is_some_and(|before| before.uid() != uid) {
            self.last_read.remove(store);
        }
        if let Some(changes) = &self.changes {
            let _ = changes.send(store.clone());
        }
    }
}
