//! Replicas of the platform: the shipped service and reconciler on simulated ports, started, killed and started again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::adapters::{Adapters, SkewedClock};
use super::helm;
use super::process::{Process, Run};
use super::repository::Database;
use super::world::{View, World};
use crate::StoreService;
use crate::reconcile::{Reconciler, ReconcilerSettings, Scope};
use crate::service::{ServiceParts, ServiceSettings};
use crate::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate};
use crate::testing::SeededEntropy;

/// The provisioning budget of every schedule.
pub(super) const TIMEOUT: Duration = Duration::from_mins(3);
/// How long replicas' leases last.
pub(super) const LEASE: Duration = Duration::from_secs(10);
/// A process lists everything this often, whatever its watches tell.
const RESYNC: Duration = Duration::from_secs(45);
/// How long a process that is told to end may drain.
const GRACE: Duration = Duration::from_secs(10);

/// A replica in its present run.
pub(super) struct Replica {
    pub(super) process: Arc<Process>,
    pub(super) service: StoreService,
    reconciler: Option<Reconciler>,
    setup: Setup,
}

/// What stays the same from one run of a replica to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) host: usize,
    pub(super) skew: SignedDuration,
    pub(super) has_notices: bool,
    pub(super) places: usize,
}

/// Starts a replica in place `place`, which is empty or has a dead one.
pub(super) fn start(world: &Arc<World>, place: usize, setup: Setup, is_misled: bool) {
    let number = {
        let mut state = world.state();
        state.views.push(View {
            is_listed: false,
            stalled_until: Duration::ZERO,
            looks: BTreeMap::new(),
            last_read: BTreeMap::new(),
            changes: None,
        });
        state.views.len() - 1
    };
    let process = Arc::new(Process::new(number, setup.host, setup.skew, is_misled));
    let service = StoreService::new(parts(world, &process, setup), settings(number, setup));
    let reconciler = Some(service.start(Scope::All));
    world.note("start", number as u64, || {
        let misled = if is_misled { ", its kubeconfig leads to another cluster" } else { "" };
        format!("process {number} in place {place} on host {}, clock off by {}{misled}", setup.host, setup.skew)
    });
    keep_listing(world, &process);
    let replica = Replica { process, service, reconciler, setup };
    let mut state = world.state();
    if place < state.replicas.len() {
        let dead = std::mem::replace(&mut state.replicas[place], replica);
        state.graveyard.push(dead);
    } else {
        state.replicas.push(replica);
    }
}

fn parts(world: &Arc<World>, process: &Arc<Process>, setup: Setup) -> ServiceParts {
    let (world, process) = (Arc::clone(world), Arc::clone(process));
    let adapters = Arc::new(Adapters { world: Arc::clone(&world), process: Arc::clone(&process) });
    let seed = world.state().dice.next();
    let has_notices = setup.has_notices;
    ServiceParts {
        repository: Arc::new(Database { world: Arc::clone(&world), process: Arc::clone(&process), has_notices }),
        deployer: Arc::clone(&adapters) as _,
        probe: adapters,
        clock: Arc::new(SkewedClock { world, process }),
        entropy: Arc::new(SeededEntropy::new(seed)),
        cipher: CredentialsCipher::new(CredentialsKey::new([7; 32]), Vec::new()),
    }
}

fn settings(number: usize, setup: Setup) -> ServiceSettings {
    let mut reconciler = ReconcilerSettings::new(format!("process-{number}"));
    reconciler.timeout = TIMEOUT;
    reconciler.lease = LEASE;
    reconciler.max_in_progress = setup.places;
    reconciler.max_workers = 2;
    #[expect(clippy::expect_used, reason = "a constant")]
    let template = PublicUrlTemplate::parse("http://{name}.localhost").expect("a template");
    ServiceSettings::new(template, reconciler)
}

/// The first list makes the view whole; later ones find what the watches missed.
fn keep_listing(world: &Arc<World>, process: &Arc<Process>) {
    let (world, process) = (Arc::clone(world), Arc::clone(process));
    tokio::spawn(async move {
        world.pause(20, 500).await;
        loop {
            process.gate().await;
            let (now, weather) = {
                let state = world.state();
                (world.elapsed(), state.weather.api_refuses_until.max(state.weather.api_hangs_until))
            };
            if now < weather {
                world.until(weather).await;
                continue;
            }
            world.list(process.number);
            tokio::time::sleep(RESYNC).await;
        }
    });
}

/// Kills a process. Its Helms die with it, as the kernel sees to, unless fate has them live on.
pub(super) fn kill(world: &Arc<World>, number: usize, why: &'static str) {
    end(world, number, why, false);
}

/// Kills a process whose Helms go on without it.
pub(super) fn kill_alone(world: &Arc<World>, number: usize) {
    end(world, number, "without its Helms", true);
}

fn end(world: &Arc<World>, number: usize, why: &'static str, helms_live_on: bool) {
    let Some(place) = place_of(world, number) else { return };
    {
        let state = world.state();
        if state.replicas[place].process.state() == Run::Dead {
            return;
        }
        state.replicas[place].process.set(Run::Dead);
    }
    world.note("kill", number as u64, || format!("process {number} is killed {why}"));
    if !helms_live_on {
        helm::kill(world, |helm| helm.parent == number);
    }
    restart_later(world, place);
}

fn place_of(world: &World, number: usize) -> Option<usize> {
    world.state().replicas.iter().position(|replica| replica.process.number == number)
}

/// A dead replica is started again, by whoever looks after it.
fn restart_later(world: &Arc<World>, place: usize) {
    let (delay, setup, is_misled) = {
        let mut state = world.state();
        let most = if state.is_healing { 1 } else { 25 };
        let delay = state.dice.seconds(0, most);
        let is_misled = std::mem::take(&mut state.weather.is_next_misled);
        (delay, state.replicas[place].setup, is_misled)
    };
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let is_misled = is_misled && !world.state().is_healing;
        start(&world, place, setup, is_misled);
    });
}

/// What a process's clock will show from its next start on.
pub(super) fn set_clock(world: &World, number: usize, skew: SignedDuration) {
    if let Some(place) = place_of(world, number) {
        world.state().replicas[place].setup.skew = skew;
    }
}

/// Tells a process to end in an orderly way.
///
/// Whether there was one to tell.
pub(super) fn drain(world: &Arc<World>, place: usize) -> bool {
    let (process, reconciler) = {
        let mut state = world.state();
        let replica = &mut state.replicas[place];
        if !replica.process.is_running() {
            return false;
        }
        (Arc::clone(&replica.process), replica.reconciler.take())
    };
    let Some(reconciler) = reconciler else { return false };
    world.note("drain", process.number as u64, || format!("process {} is told to end", process.number));
    let world = Arc::clone(world);
    tokio::spawn(async move {
        reconciler.shutdown(GRACE).await;
        process.gate().await;
        kill(&world, process.number, "after draining");
    });
    true
}

/// Everybody runs again, and on the right cluster.
pub(super) fn heal(world: &Arc<World>) {
    let processes: Vec<Arc<Process>> =
        world.state().replicas.iter().map(|replica| Arc::clone(&replica.process)).collect();
    for process in processes {
        if process.state() == Run::Frozen {
            process.set(Run::Running);
            world.note("go on", process.number as u64, || format!("process {} goes on", process.number));
        }
        if process.is_misled {
            kill(world, process.number, "to be led to the right cluster");
        }
    }
}
