//! The faults, when they strike and what they do. Their numbers are those of the catalogue in `docs/faults.md`.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::adapters::{list_now, remove_namespace};
use super::cluster::{Revision, RevisionStatus};
use super::helm;
use super::process::{Process, Run};
use super::replica;
use super::world::{State, World};
use crate::ports::PendingKind;
use crate::store::StoreId;

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A process is killed; its Helms die with it.
    Kill,
    /// A process is killed before or after one of its next calls takes effect.
    KillAtCall,
    /// A process is killed and its Helms live on.
    KillWithoutHelm,
    /// Every process is killed at once.
    KillAll,
    /// A process is told to end, and drains.
    Drain,
    /// A process is stopped and continued after its lease.
    Freeze,
    /// A process is stopped before or after one of its next calls takes effect.
    FreezeAtCall,
    /// A process and its Helms are stopped and continued after its lease.
    FreezeWithHelm,
    /// A Helm is killed at work.
    KillHelm,
    /// Helm cannot write its last record and ends well all the same.
    HelmLies,
    /// Helm has done everything and fails all the same.
    HelmGroans,
    /// The API server refuses connections.
    ApiAway,
    /// The API server accepts and never answers.
    ApiHangs,
    /// The API server refuses a call (429, 503).
    ApiErrorBefore,
    /// The API server's answer is lost (504).
    ApiErrorAfter,
    /// A namespace is created long after the call for it failed.
    LateCreate,
    /// A watch is stalled without a word.
    WatchStalls,
    /// A watch misses what happens and lists again (410).
    WatchGap,
    /// A list is as old as it can be.
    StaleList,
    /// The database is busy, full or away.
    DatabaseAway,
    /// A commit takes effect and nobody is told.
    CommitUnknown,
    /// A process starts with a kubeconfig that leads to another cluster.
    OtherCluster,
    /// A process starts with a clock that is an hour off.
    ClockOff,
    /// A finalizer holds up a namespace.
    Finalizer,
    /// A volume takes long to go.
    SlowVolume,
    /// A pod is not ready for a while.
    PodFlaps,
    /// Somebody upgrades a release by hand and is cut off.
    UpgradeByHand,
    /// Somebody deletes a namespace by hand.
    NamespaceDeletedByHand,
}

impl Fault {
    /// Every kind.
    pub const ALL: [Self; 28] = [
        Self::Kill,
        Self::KillAtCall,
        Self::KillWithoutHelm,
        Self::KillAll,
        Self::Drain,
        Self::Freeze,
        Self::FreezeAtCall,
        Self::FreezeWithHelm,
        Self::KillHelm,
        Self::HelmLies,
        Self::HelmGroans,
        Self::ApiAway,
        Self::ApiHangs,
        Self::ApiErrorBefore,
        Self::ApiErrorAfter,
        Self::LateCreate,
        Self::WatchStalls,
        Self::WatchGap,
        Self::StaleList,
        Self::DatabaseAway,
        Self::CommitUnknown,
        Self::OtherCluster,
        Self::ClockOff,
        Self::Finalizer,
        Self::SlowVolume,
        Self::PodFlaps,
        Self::UpgradeByHand,
        Self::NamespaceDeletedByHand,
    ];
}

/// How often each kind of fault struck.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    struck: [u64; Fault::ALL.len()],
}

impl Counts {
    fn count(&mut self, fault: Fault) {
        self.struck[fault as usize] += 1;
    }

    /// Each kind with how often it struck.
    pub fn each(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().map(|fault| (fault, self.struck[fault as usize]))
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.struck.iter().sum()
    }

    /// Adds those of another schedule.
    pub fn add(&mut self, other: &Self) {
        self.struck.iter_mut().zip(other.struck).for_each(|(mine, theirs)| *mine += theirs);
    }
}

/// What a schedule has in store: kinds of fault and when they strike.
pub(super) fn plan(world: &World, within: Duration) -> Vec<(Duration, Fault)> {
    let mut state = world.state();
    let State { dice, .. } = &mut *state;
    let count = 3 + dice.below(8);
    let most = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let mut plan: Vec<(Duration, Fault)> = (0..count).map(|_| (dice.millis(0, most), dice.pick(&Fault::ALL))).collect();
    plan.sort_by_key(|(at, _)| *at);
    plan
}

/// Lets a fault strike now, or when its moment comes: it is counted when it does something.
pub(super) fn strike(world: &Arc<World>, fault: Fault) {
    let done = match fault {
        Fault::Kill
        | Fault::KillAtCall
        | Fault::KillWithoutHelm
        | Fault::Freeze
        | Fault::FreezeAtCall
        | Fault::FreezeWithHelm
        | Fault::OtherCluster
        | Fault::ClockOff => strike_process(world, fault),
        Fault::KillAll => strike_all(world),
        Fault::Drain => {
            let place = {
                let mut state = world.state();
                let State { dice, replicas, .. } = &mut *state;
                dice.below(replicas.len())
            };
            replica::drain(world, place).then(|| format!("place {place}"))
        }
        Fault::KillHelm | Fault::HelmLies | Fault::HelmGroans => strike_helm(world, fault),
        Fault::WatchStalls | Fault::WatchGap | Fault::StaleList => strike_view(world, fault),
        Fault::PodFlaps | Fault::UpgradeByHand | Fault::NamespaceDeletedByHand => strike_store(world, fault),
        _ => strike_weather(world, fault),
    };
    if let Some(what) = done {
        tell(world, fault, &what);
    }
}

pub(super) fn tell(world: &World, fault: Fault, what: &str) {
    world.state().counts.count(fault);
    world.note("FAULT", fault as u64, || format!("{fault:?}: {what}"));
}

/// These are only worth striking with while a Helm is at work.
fn needs_helm(fault: Fault) -> bool {
    matches!(fault, Fault::KillWithoutHelm | Fault::Freeze | Fault::FreezeWithHelm)
}

/// A Helm starts that a fault has been waiting for: it strikes the Helm's parent while the Helm is at work.
pub(super) fn strike_parent(world: &Arc<World>, number: usize, fault: Fault) {
    let world = Arc::clone(world);
    tokio::spawn(async move {
        world.pause(0, 600).await;
        let process = {
            let state = world.state();
            let parent = state.replicas.iter().find(|replica| replica.process.number == number);
            parent.map(|replica| Arc::clone(&replica.process)).filter(|process| process.is_running())
        };
        if let Some(process) = process
            && !world.state().is_healing
            && let Some(what) = hit(&world, process, fault)
        {
            tell(&world, fault, &what);
        }
    });
}

fn strike_process(world: &Arc<World>, fault: Fault) -> Option<String> {
    let process = if needs_helm(fault) { parent_of_helm(world) } else { running(world) };
    let Some(process) = process else {
        if needs_helm(fault) {
            world.state().weather.at_next_helms.push(fault);
        }
        return None;
    };
    hit(world, process, fault)
}

fn hit(world: &Arc<World>, process: Arc<Process>, fault: Fault) -> Option<String> {
    let number = process.number;
    let what = format!("process {number}");
    match fault {
        Fault::Kill => replica::kill(world, number, "at once"),
        Fault::KillWithoutHelm => replica::kill_alone(world, number),
        Fault::OtherCluster => {
            world.state().weather.is_next_misled = true;
            replica::kill(world, number, "and its kubeconfig is changed");
        }
        Fault::ClockOff => {
            let skew = SignedDuration::from_hours(world.state().dice.pick(&[-1, 1]));
            replica::set_clock(world, number, skew);
            replica::kill(world, number, "and its clock is set wrong");
        }
        Fault::KillAtCall | Fault::FreezeAtCall => {
            let points = world.state().dice.below(40);
            process.light_fuse(u32::try_from(points).unwrap_or_default(), fault);
            return None;
        }
        _ => freeze(world, process, fault == Fault::FreezeWithHelm),
    }
    Some(what)
}

/// A process's fuse has burnt down.
pub(super) fn burn(world: &Arc<World>, number: usize, fault: Fault) {
    let process = {
        let state = world.state();
        let of_this = state.replicas.iter().find(|replica| replica.process.number == number);
        of_this.map(|replica| Arc::clone(&replica.process))
    };
    let Some(process) = process.filter(|process| process.is_running()) else { return };
    tell(world, fault, &format!("process {number}"));
    match fault {
        Fault::FreezeAtCall => freeze(world, process, false),
        _ => replica::kill(world, number, "at a call"),
    }
}

/// A process whose Helm is at work.
fn parent_of_helm(world: &World) -> Option<Arc<Process>> {
    let state = world.state();
    let parents: Vec<usize> = state.helms.iter().map(|helm| helm.parent).collect();
    let mut running = state.replicas.iter().filter(|replica| replica.process.is_running());
    running.find(|replica| parents.contains(&replica.process.number)).map(|replica| Arc::clone(&replica.process))
}

fn strike_all(world: &Arc<World>) -> Option<String> {
    let numbers: Vec<usize> = world
        .state()
        .replicas
        .iter()
        .filter(|replica| replica.process.is_running())
        .map(|r| r.process.number)
        .collect();
    for number in &numbers {
        replica::kill(world, *number, "with all others");
    }
    (!numbers.is_empty()).then(|| format!("{} processes", numbers.len()))
}

/// A process that runs.
fn running(world: &World) -> Option<Arc<Process>> {
    let mut state = world.state();
    let State { dice, replicas, .. } = &mut *state;
    let running: Vec<_> = replicas.iter().filter(|replica| replica.process.is_running()).collect();
    if running.is_empty() {
        return None;
    }
    Some(Arc::clone(&running[dice.below(running.len())].process))
}

fn freeze(world: &Arc<World>, process: Arc<Process>, helms_too: bool) {
    let how_long = world.state().dice.seconds(1, 40);
    process.set(Run::Frozen);
    set_frozen(world, process.number, helms_too);
    let world = Arc::clone(world);
    tokio::spawn(async move {
        tokio::time::sleep(how_long).await;
        set_frozen(&world, process.number, false);
        if process.state() == Run::Frozen {
            process.set(Run::Running);
            world.note("go on", process.number as u64, || format!("process {} goes on", process.number));
        }
    });
}

fn set_frozen(world: &World, number: usize, is_frozen: bool) {
    let mut state = world.state();
    state.helms.iter_mut().filter(|helm| helm.parent == number).for_each(|helm| helm.is_frozen = is_frozen);
}

fn strike_helm(world: &Arc<World>, fault: Fault) -> Option<String> {
    let victim = {
        let mut state = world.state();
        match fault {
            Fault::HelmLies => state.weather.helm_lies += 1,
            Fault::HelmGroans => state.weather.helm_groans += 1,
            _ if state.helms.is_empty() => state.weather.helm_kills += 1,
            _ => {}
        }
        let victim = state.helms.first().map(|helm| helm.id);
        victim.filter(|_| fault == Fault::KillHelm)
    };
    let id = victim?;
    helm::kill(world, |helm| helm.id == id);
    Some("the one that runs".to_owned())
}

fn strike_weather(world: &World, fault: Fault) -> Option<String> {
    let now = world.elapsed();
    let mut state = world.state();
    let State { dice, weather, .. } = &mut *state;
    // Now and then an outage is longer than any budget.
    let how_long = if dice.percent(8) { dice.seconds(200, 400) } else { dice.seconds(1, 30) };
    let until = now + how_long;
    match fault {
        Fault::ApiAway => weather.api_refuses_until = weather.api_refuses_until.max(until),
        Fault::ApiHangs => weather.api_hangs_until = weather.api_hangs_until.max(until),
        Fault::DatabaseAway => {
            let until = now + how_long.min(Duration::from_secs(40));
            weather.database_away_until = weather.database_away_until.max(until);
        }
        Fault::ApiErrorBefore => weather.api_errors_before += 1,
        Fault::ApiErrorAfter => weather.api_errors_after += 1,
        Fault::LateCreate => weather.late_creates += 1,
        Fault::CommitUnknown => weather.commits_unknown += 1,
        Fault::Finalizer => weather.finalizers.push(how_long.min(Duration::from_mins(2))),
        _ => weather.slow_volumes.push(how_long.min(Duration::from_mins(2))),
    }
    let strikes_now = matches!(fault, Fault::ApiAway | Fault::ApiHangs | Fault::DatabaseAway);
    strikes_now.then(|| format!("for {} s", how_long.as_secs()))
}

fn strike_view(world: &Arc<World>, fault: Fault) -> Option<String> {
    let number = running(world)?.number;
    let how_long = world.state().dice.seconds(2, 60);
    if fault == Fault::StaleList {
        let (old, world) = (list_now(world), Arc::clone(world));
        tokio::spawn(async move {
            tokio::time::sleep(how_long.min(Duration::from_secs(20))).await;
            world.deliver(number, old);
        });
        return Some(format!("process {number}"));
    }
    let until = world.elapsed() + how_long;
    world.state().views[number].stalled_until = until;
    if fault == Fault::WatchGap {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            tokio::time::sleep(how_long).await;
            world.list(number);
        });
    }
    Some(format!("process {number} for {} s", how_long.as_secs()))
}

fn strike_store(world: &Arc<World>, fault: Fault) -> Option<String> {
    let store = somebodys(world)?;
    let now = world.now();
    match fault {
        Fault::PodFlaps => {
            let mut state = world.state();
            let State { dice, cluster, .. } = &mut *state;
            let until = now + dice.seconds(1, 20);
            cluster.namespaces.get_mut(&store)?.objects.as_mut()?.outage = Some((now, until));
        }
        Fault::UpgradeByHand => {
            let mut state = world.state();
            let revisions = &mut state.cluster.active(&store)?.revisions;
            let last = revisions.last().copied().filter(|last| last.status == RevisionStatus::Deployed)?;
            let status = RevisionStatus::Pending(PendingKind::Upgrade);
            revisions.push(Revision { number: last.number + 1, status });
            state.oracle.meddled(&store);
        }
        _ => {
            let uid = world.state().cluster.active(&store)?.uid.clone();
            world.state().oracle.robbed(&store);
            remove_namespace(world, &store, &uid).ok()?;
        }
    }
    world.changed(&store);
    Some(store.to_string())
}

/// A store that has a namespace.
fn somebodys(world: &World) -> Option<StoreId> {
    let mut state = world.state();
    let State { dice, cluster, .. } = &mut *state;
    let stores: Vec<StoreId> = cluster.namespaces.keys().cloned().collect();
    if stores.is_empty() { None } else { Some(dice.pick(&stores)) }
}

/// No more faults: nothing is planned any more. An outage that has begun ends when it would have.
pub(super) fn stop(world: &World) {
    let mut state = world.state();
    state.is_healing = true;
    let objects = state.cluster.namespaces.values_mut().filter_map(|namespace| namespace.objects.as_mut());
    objects.for_each(|objects| objects.outage = None);
    let weather = &mut state.weather;
    *weather = super::world::Weather {
        api_refuses_until: weather.api_refuses_until,
        api_hangs_until: weather.api_hangs_until,
        database_away_until: weather.database_away_until,
        ..Default::default()
    };
}
