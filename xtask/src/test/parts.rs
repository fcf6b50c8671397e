//! The parts, in the order in which they run. A new part is one more entry.

use std::time::Instant;

use anyhow::Result;

use super::{
    adapters, alone, api_part, chaos_part, chart, cluster_part, dashboard_part, database, deny, diagnosis,
    outcome::Outcome, replicas, session::Session, shop, simulation, source, unit, up_and_down,
};
use crate::install::Group;

/// One part of the tests.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Parts that must have passed before.
    pub(crate) needs: &'static [&'static str],
    /// What it needs from the machine beside Rust.
    pub(crate) installs: &'static [Group],
    /// Its deadline.
    pub(crate) minutes: u64,
    pub(crate) run: fn(&mut Session, Instant) -> Result<Outcome>,
}

impl Part {
    /// Whether it builds the server. All of them build it with the dashboard, so that it is built once.
    pub(crate) fn embeds_dashboard(&self) -> bool {
        !matches!(self.name, "format" | "deny" | "simulation" | "cluster" | "chart")
    }
}

/// The work of a part that is begun beside an earlier one.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) part: &'static str,
    pub(crate) beside: &'static str,
    pub(crate) begin: fn(&mut Session, Instant) -> Result<()>,
}

/// All of these. The part itself begins what was not begun.
pub(crate) const EARLY: &[Early] = &[Early { part: "simulation", beside: "chaos", begin: simulation::begin }];

const NOTHING: &[Group] = &[];
const DATABASE: &[Group] = &[Group::Database];
const CLUSTER: &[Group] = &[Group::Cluster, Group::Images];
/// Clusters without images, and a look into the server's database.
const SIMULATED: &[Group] = &[Group::SimulatedNodes, Group::Sqlite];
const API: &[Group] = &[Group::Python];
const DASHBOARD: &[Group] = &[Group::Browser, Group::Nginx];
const REPLICAS: &[Group] = &[Group::SimulatedNodes, Group::Database];
const EVERYTHING: &[Group] = &[Group::Cluster, Group::Images, Group::Browser, Group::Database, Group::Sqlite];

/// All parts.
pub(crate) const ALL: &[Part] = &[
    Part { name: "format", about: "cargo fmt --check", needs: &[], installs: NOTHING, minutes: 2, run: source::format },
    Part {
        name: "lint",
        about: "clippy on every target and feature, warnings are errors",
        needs: &[],
        installs: NOTHING,
        minutes: 20,
        run: source::lint,
    },
    Part {
        name: "alone",
        about: "each crate by itself, and that the domain knows no adapter",
        needs: &[],
        installs: NOTHING,
        minutes: 20,
        run: alone::run,
    },
    Part {
        name: "deny",
        about: "licences, bans, sources and advisories of the dependencies",
        needs: &[],
        installs: NOTHING,
        minutes: 20,
        run: deny::run,
    },
    Part {
        name: "unit",
        about: "all tests, doc tests and examples that need nothing",
        needs: &[],
        installs: NOTHING,
        minutes: 25,
        run: unit::run,
    },
    Part {
        name: "database",
        about: "the repository and the platform on a real PostgreSQL, and moving an installation there",
        needs: &[],
        installs: DATABASE,
        minutes: 15,
        run: database::run,
    },
    Part {
        name: "api",
        about: "requests that nobody thought of, made from openapi.json, against a simulated platform",
        needs: &[],
        installs: API,
        minutes: 20,
        run: api_part::run,
    },
    Part {
        name: "dashboard",
        about: "the dashboard by itself, and in Chromium on a simulated platform",
        needs: &[],
        installs: DASHBOARD,
        minutes: 20,
        run: dashboard_part::run,
    },
    Part {
        name: "cluster",
        about: "the local cluster runs, has the images and accepts the chart's objects",
        needs: &[],
        installs: CLUSTER,
        minutes: 40,
        run: cluster_part::run,
    },
    Part {
        name: "chart",
        about: "the chart rendered by both majors of Helm, and its schema",
        needs: &[],
        installs: CLUSTER,
        minutes: 25,
        run: chart::run,
    },
    Part {
        name: "adapters",
        about: "the adapters against the real API server with real Helm",
        needs: &["cluster"],
        installs: CLUSTER,
        minutes: 20,
        run: adapters::run,
    },
    Part {
        name: "chaos",
        about: "kills, outages, a full disk and SIGTERM, on clusters whose nodes are simulated",
        needs: &[],
        installs: SIMULATED,
        minutes: 35,
        run: chaos_part::run,
    },
    Part {
        name: "replicas",
        about: "several servers on one PostgreSQL, killed and frozen, on clusters whose nodes are simulated",
        needs: &[],
        installs: REPLICAS,
        minutes: 20,
        run: replicas::run,
    },
    Part {
        name: "diagnosis",
        about: "faults injected into stores on the cluster: the right failure, the right culprit, in time",
        needs: &["cluster"],
        installs: CLUSTER,
        minutes: 40,
        run: diagnosis::run,
    },
    Part {
        name: "simulation",
        about: "seeded schedules of faults against the reconciler, and bugs planted to be found",
        needs: &[],
        installs: NOTHING,
        minutes: 20,
        run: simulation::run,
    },
    Part {
        name: "shop",
        about: "the programs on the cluster: real shops, orders, crashes, deletion",
        needs: &["cluster"],
        installs: EVERYTHING,
        minutes: 40,
        run: shop::run,
    },
    Part {
        name: "up",
        about: "the README's first commands: `up`, the same again, and `down`",
        needs: &["cluster"],
        installs: CLUSTER,
        minutes: 15,
        run: up_and_down::run,
    },
];

/// The part of this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Part> {
    ALL.iter().find(|part| part.name == name)
}

/// The parts to run: all, or those asked for with what they need, without those left out.
pub(crate) fn select(only: &[String], skip: &[String]) -> Vec<&'static Part> {
    let named = |list: &[String], name: &str| list.iter().any(|entry| entry == name);
    let asked: Vec<&Part> = ALL.iter().filter(|part| only.is_empty() || named(only, part.name)).collect();
    let needed = |name: &str| asked.iter().any(|part| part.name == name || part.needs.contains(&name));
    ALL.iter().filter(|part| needed(part.name) && !named(skip, part.name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        select(&owned(only), &owned(skip)).iter().map(|part| part.name).collect()
    }

    #[test]
    fn a_part_brings_what_it_needs() {
        assert_eq!(names(&["shop"], &[]), ["cluster", "shop"]);
        assert_eq!(names(&["format"], &[]), ["format"]);
        assert_eq!(names(&[], &[]).len(), ALL.len());
        assert!(!names(&[], &["deny"]).contains(&"deny"));
    }

    #[test]
    fn what_is_begun_early_is_ended_later() {
        let place = |name: &str| ALL.iter().position(|part| part.name == name).expect(name);
        assert!(EARLY.iter().all(|early| place(early.beside) < place(early.part)), "{EARLY:?}");
    }

    #[test]
    fn what_is_needed_comes_before() {
        for (index, part) in ALL.iter().enumerate() {
            for need in part.needs {
                assert!(ALL[..index].iter().any(|earlier| earlier.name == *need), "{} needs {need}", part.name);
            }
        }
    }
}
