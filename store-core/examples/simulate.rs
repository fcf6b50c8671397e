//! Runs schedules of the simulation on all cores, then plants one bug after the other and looks for it.
//!
//! `simulate SEEDS FROM`: progress goes to standard error, results to standard output.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use store_core::planted::{Bug, plant};
use store_core::testing::simulation::{Counts, Invariant, Outcome, run};

/// How many broken schedules are shown.
const SHOWN: usize = 3;
/// What a schedule has on average, at least.
const STORES: u64 = 3;
const REPLICAS: u64 = 2;
const FAULTS: u64 = 5;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(seeds)), Some(Ok(from))) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: simulate SEEDS FROM");
        return ExitCode::from(2);
    };
    let began = Instant::now();
    let all = sweep(None, seeds, from, false);
    let seconds = began.elapsed().as_secs_f64();
    report(&all);
    let found = look_for_bugs(seeds, from);
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = all.schedules as f64 / seconds;
    println!(
        "seeds={seeds} broken={} planted_found={found}/{} schedules_per_s={rate:.0}",
        all.broken.len(),
        Bug::ALL.len()
    );
    let is_well = all.broken.is_empty() && all.unsteady.is_empty() && all.is_balanced() && found == Bug::ALL.len();
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What many schedules came to.
#[derive(Default)]
struct Sweep {
    schedules: u64,
    stores: usize,
    replicas: usize,
    faults: Counts,
    broken: Vec<Outcome>,
    /// Of seeds that were run twice: whose traces differ.
    unsteady: Vec<u64>,
}

/// Runs the schedules of `seeds` seeds on all cores; `stops_early` at the first that breaks an invariant.
fn sweep(bug: Option<Bug>, seeds: u64, from: u64, stops_early: bool) -> Sweep {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (next, is_over, sum) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(Sweep::default()));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                plant(bug);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= seeds || is_over.load(Ordering::Relaxed) {
                        return;
                    }
                    let outcome = run(from + index, false);
                    let is_unsteady =
                        bug.is_none() && index % 500 == 0 && run(from + index, false).hash != outcome.hash;
                    if stops_early && is_proof(&outcome) {
                        is_over.store(true, Ordering::Relaxed);
                    }
                    sum.lock().unwrap_or_else(PoisonError::into_inner).add(outcome, is_unsteady);
                }
            });
        }
        if bug.is_none() {
            tell_progress(&next, seeds);
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
    sum.broken.sort_by_key(|outcome| outcome.seed);
    sum
}

impl Sweep {
    /// Whether schedules are as rich as they should be, and every kind of fault struck once in twenty of them or more
    /// often; a few schedules tell nothing.
    fn is_balanced(&self) -> bool {
        let is_poor = |sum: u64, each: u64| self.schedules >= 1_000 && sum < each * self.schedules;
        let sums = [
            ("stores", self.stores as u64, STORES),
            ("replicas", self.replicas as u64, REPLICAS),
            ("faults", self.faults.total(), FAULTS),
        ];
        let poor: Vec<_> = sums.into_iter().filter(|(_, sum, each)| is_poor(*sum, *each)).collect();
        for (what, sum, each) in &poor {
            println!("only {sum} {what} in {} schedules: less than {each} each", self.schedules);
        }
        let is_rare = |count: u64| self.schedules >= 1_000 && count * 20 < self.schedules;
        let rare: Vec<_> = self.faults.each().filter(|(_, count)| is_rare(*count)).collect();
        for (fault, count) in &rare {
            println!("{fault:?} struck only {count} times in {} schedules", self.schedules);
        }
        rare.is_empty() && poor.is_empty()
    }

    fn add(&mut self, outcome: Outcome, is_unsteady: bool) {
        self.schedules += 1;
        self.stores += outcome.stores;
        self.replicas += outcome.replicas;
        self.faults.add(&outcome.faults);
        if is_unsteady {
            self.unsteady.push(outcome.seed);
        }
        if outcome.broken.is_some() {
            self.broken.push(outcome);
        }
    }
}

fn tell_progress(next: &AtomicU64, seeds: u64) {
    let (began, mut told) = (Instant::now(), 0);
    loop {
        thread::sleep(Duration::from_millis(100));
        let done = next.load(Ordering::Relaxed).min(seeds);
        if done == seeds {
            return;
        }
        if began.elapsed().as_secs() / 10 > told {
            told = began.elapsed().as_secs() / 10;
            eprintln!("{done} of {seeds} schedules, {} s", began.elapsed().as_secs());
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "averages for people")]
fn report(all: &Sweep) {
    let each = |count: u64| count as f64 / all.schedules.max(1) as f64;
    println!(
        "{} schedules: {:.1} stores, {:.1} replicas and {:.1} faults each on average",
        all.schedules,
        each(all.stores as u64),
        each(all.replicas as u64),
        each(all.faults.total()),
    );
    for (fault, count) in all.faults.each() {
        println!("  {count:>7} × {fault:?}");
    }
    for seed in &all.unsteady {
        println!("seed {seed} went another way the second time");
    }
    for broken in all.broken.iter().take(SHOWN) {
        show(broken.seed);
    }
    if all.broken.len() > SHOWN {
        let seeds: Vec<u64> = all.broken.iter().skip(SHOWN).map(|outcome| outcome.seed).collect();
        println!("and {} more: seeds {seeds:?}", seeds.len());
    }
}

/// Runs a seed once more, for people to read.
fn show(seed: u64) {
    let outcome = run(seed, true);
    outcome.trace.iter().for_each(|line| println!("{line}"));
    match outcome.broken {
        Some((invariant, found)) => println!("seed {seed} breaks {invariant}: {found}\n"),
        None => println!("seed {seed} held the second time\n"),
    }
}

/// Whether one of the invariants that hold at every step was broken; that something never came about is no proof of
/// which bug it was.
fn is_proof(outcome: &Outcome) -> bool {
    outcome.broken.as_ref().is_some_and(|(invariant, _)| *invariant != Invariant::Liveness)
}

/// Plants each bug and runs schedules until one shows it; returns how many were found.
fn look_for_bugs(seeds: u64, from: u64) -> usize {
    let mut count = 0;
    for bug in Bug::ALL {
        let sweep = sweep(Some(bug), seeds, from, true);
        let Some(Outcome { seed, broken: Some((invariant, found)), .. }) = sweep.broken.iter().find(|o| is_proof(o))
        else {
            println!("planted {bug:?}: NOT found in {} schedules", sweep.schedules);
            continue;
        };
        count += 1;
        println!("planted {bug:?}: found by {invariant} in seed {seed} ({found})");
    }
    count
}
