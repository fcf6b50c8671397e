//! Deterministic simulation: the shipped service and reconciler, several replicas of them, on one simulated cluster and
//! one database in memory, in paused time, while a seed decides what goes wrong and when.
//!
//! A *schedule* is what one seed leads to. In it some clients ask for stores, try again, delete and create anew; for a
//! hundred seconds faults strike ([`Fault`]); then everything is mended, and what is wanted must come about. An oracle
//! beside it knows what is really there and judges every step by the [`Invariant`]s. The same seed gives the same trace,
//! which a hash shows.
//!
//! Everything that a replica does to the world goes through its ports, so the simulation needs nothing of the reconciler
//! but what every program has. What it stands on is simulated and says nothing of real Helm, a real Kubernetes or real
//! databases: those have tests of their own.

mod adapters;
mod clients;
mod cluster;
mod dice;
mod faults;
mod helm;
mod oracle;
mod panics;
mod process;
mod replica;
mod repository;
mod trace;
mod world;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinHandle;

pub use faults::{Counts, Fault};
pub use oracle::Invariant;

use self::adapters::CLUSTER;
use self::replica::Setup;
use self::world::World;
use crate::ports::StoreRepository as _;

/// Faults strike for this long.
const STORMY: Duration = Duration::from_secs(100);
/// By then everything must have come about.
const END: Duration = Duration::from_mins(40);

/// What came of one schedule.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Of everything that happened: the same for the same seed.
    pub hash: u64,
    /// How many steps the trace has.
    pub steps: u64,
    /// How many stores were asked for.
    pub stores: usize,
    /// How many replicas ran.
    pub replicas: usize,
    /// How often each kind of fault struck.
    pub faults: Counts,
    /// The first invariant that did not hold, and what was found.
    pub broken: Option<(Invariant, String)>,
    /// For people, if it was asked for: one line a step, with the seconds since the beginning.
    pub trace: Vec<String>,
}

/// Runs the schedule of a seed. `is_recorded` asks for the trace, which takes longer.
///
/// # Panics
///
/// If this thread runs a tokio runtime already, or none can be made.
#[must_use]
pub fn run(seed: u64, is_recorded: bool) -> Outcome {
    #[expect(clippy::expect_used, reason = "as documented")]
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime for this thread");
    panics::watch();
    let (world, outcome) = runtime.block_on(schedule(seed, is_recorded));
    // Tasks of processes that are dead are dropped before what could wake them.
    drop(runtime);
    let (replicas, graveyard) = {
        let mut state = world.state();
        (std::mem::take(&mut state.replicas), std::mem::take(&mut state.graveyard))
    };
    drop((replicas, graveyard));
    outcome
}

async fn schedule(seed: u64, is_recorded: bool) -> (Arc<World>, Outcome) {
    let world = World::new(seed, is_recorded);
    // Whoever is misled must not be the one who binds the installation to its cluster.
    let _ = world.memory.bind_cluster(CLUSTER).await;
    start_replicas(&world);
    let clients = start_clients(&world);
    for (at, fault) in faults::plan(&world, STORMY) {
        tokio::time::sleep(at.saturating_sub(world.elapsed())).await;
        faults::strike(&world, fault);
    }
    tokio::time::sleep(STORMY.saturating_sub(world.elapsed())).await;
    world.note("calm", 0, || "no more faults; everything is mended".to_owned());
    faults::stop(&world);
    replica::heal(&world);
    settle(&world, &clients).await;
    let outcome = conclude(&world, &clients, seed);
    (world, outcome)
}

fn start_replicas(world: &Arc<World>) {
    let (count, share_a_host, has_notices, places) = {
        let dice = &mut world.state().dice;
        (dice.pick(&[1, 2, 2, 2, 3, 3]), dice.percent(50), dice.percent(50), dice.pick(&[1, 2, 50]))
    };
    for place in 0..count {
        let skew = {
            let dice = &mut world.state().dice;
            let is_off = dice.percent(30);
            if is_off { SignedDuration::from_mins(dice.pick(&[-60, 60, 5])) } else { SignedDuration::ZERO }
        };
        let host = if share_a_host { 0 } else { place };
        replica::start(world, place, Setup { host, skew, has_notices, places }, false);
    }
}

fn start_clients(world: &Arc<World>) -> Vec<JoinHandle<()>> {
    let count = 2 + world.state().dice.below(4);
    let clients = (0..count).map(|number| tokio::spawn(clients::own(Arc::clone(world), format!("shop-{number}"))));
    let clients = clients.collect();
    tokio::spawn(clients::follow(Arc::clone(world)));
    let watched = Arc::clone(world);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            oracle::tick(&watched);
        }
    });
    clients
}

/// Waits until everything has come about, or never will.
async fn settle(world: &World, clients: &[JoinHandle<()>]) {
    while world.elapsed() < END && world.state().oracle.broken.is_none() {
        let stores = world.memory.peek_all();
        let is_settled = stores.iter().all(|store| store.is_settled() && !store.awaits_second_look());
        let is_quiet = clients.iter().all(JoinHandle::is_finished) && world.state().helms.is_empty();
        if is_settled && is_quiet && has_followed(world) {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    // What comes late must have come.
    tokio::time::sleep(Duration::from_secs(5)).await;
}

/// Whether the follower has read everything that happened.
fn has_followed(world: &World) -> bool {
    let oracle = &world.state().oracle;
    oracle.followed == oracle.judged
}

fn conclude(world: &World, clients: &[JoinHandle<()>], seed: u64) -> Outcome {
    let waiting = clients.iter().filter(|client| !client.is_finished()).count();
    if waiting > 0 {
        world.break_invariant(Invariant::Liveness, format!("{waiting} clients never got what they asked for"));
    }
    if !has_followed(world) {
        world.break_invariant(Invariant::I8, "a follower never got the last events".to_owned());
    }
    let panics = panics::count();
    if panics > 0 {
        world.break_invariant(Invariant::Liveness, format!("{panics} panics; standard error has them"));
    }
    if world.state().oracle.broken.is_none() {
        oracle::judge_end(world);
    }
    let stores = world.memory.peek_all().len();
    let mut state = world.state();
    Outcome {
        seed,
        hash: state.trace.hash(),
        steps: state.trace.steps(),
        stores,
        replicas: state.replicas.len(),
        faults: state.counts.clone(),
        broken: state.oracle.broken.clone(),
        trace: state.trace.take_lines(),
    }
}
