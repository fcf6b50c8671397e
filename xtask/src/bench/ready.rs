//! How long a store of each engine takes to be READY, and at which gates it waits for how long.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    lab::{Lab, USUAL_VALUES, delete_all},
    overhead::{create, median, wait_until_ready},
};
use crate::{
    progress::say,
    results_file::{self, Machine},
    server::Server,
};

const SECTION: &str = "ready";
const COMMAND: &str = "cargo xtask bench ready --record";
const ENGINES: [&str; 2] = ["medusa", "woocommerce"];
/// Before the first of these only the control plane works.
const OWN: &str = "control plane";
/// These wait for nothing in the cluster but one request each.
const OWN_GATES: [&str; 3] = ["queued", "namespace", "credentials"];

/// One store's way: seconds at each gate, in the engine's order.
#[derive(Debug, Clone, PartialEq)]
struct Way(Vec<(String, f64)>);

/// All stores of one engine.
#[derive(Debug)]
struct Measured {
    engine: &'static str,
    ways: Vec<Way>,
}

/// Measures both engines, writes the section if asked to, and prints the last line.
pub(super) fn run(runs: u32, record: bool) -> Result<()> {
    let lab = Lab::prepare()?;
    let mut measured = Vec::new();
    for engine in ENGINES {
        let values = lab.values_for(engine)?;
        let values = values.as_deref().unwrap_or(Path::new(USUAL_VALUES));
        let ways = lab.with_server(&format!("ready-{engine}"), values, |server| {
            // The first one finds nothing warm, as nobody but the very first shopkeeper of a node does.
            one(server, engine, 0)?;
            (1..=runs).map(|number| one(server, engine, number)).collect()
        })?;
        measured.push(Measured { engine, ways });
    }
    if record {
        results_file::write(SECTION, COMMAND, &section(&measured, &Machine::of(&lab.cluster)?, lab.has_plugin()))?;
    }
    println!("{}", line(&measured, lab.has_plugin()));
    Ok(())
}

fn one(server: Server, engine: &'static str, number: u32) -> Result<Way> {
    let id = create(server, &format!("ready-{engine}-{number}"), engine)?;
    wait_until_ready(server, &id)?;
    let way = Way::of(&server.api().store(&id)?)?;
    say(format!("{engine}, run {number}: READY after {:.1} s ({})", way.total(), way.told()));
    delete_all(server)?;
    Ok(way)
}

impl Way {
    /// Of a READY store, as the API describes it.
    fn of(store: &Value) -> Result<Self> {
        let moment = |value: &Value| -> Result<Timestamp> {
            Ok(value.as_str().context("a gate of a READY store without a time")?.parse()?)
        };
        let mut parts: Vec<(String, f64)> = Vec::new();
        // The end of one is the beginning of the next, and the first begins when the store was asked for.
        let mut before = moment(&store["created_at"])?;
        for record in store["gates"].as_array().context("a store without gates")? {
            let end = moment(&record["ended_at"])?;
            let gate = record["gate"].as_str().context("a gate without a name")?;
            let name = if OWN_GATES.contains(&gate) { OWN } else { gate };
            let seconds = end.duration_since(before).as_secs_f64();
            match parts.last_mut().filter(|(last, _)| last == name) {
                Some((_, sum)) => *sum += seconds,
                None => parts.push((name.to_owned(), seconds)),
            }
            before = end;
        }
        if parts.is_empty() {
            bail!("a store without gates");
        }
        Ok(Self(parts))
    }

    fn total(&self) -> f64 {
        self.0.iter().map(|(_, seconds)| seconds).sum()
    }

    fn told(&self) -> String {
        self.0.iter().map(|(name, seconds)| format!("{name} {seconds:.1}")).collect::<Vec<_>>().join(", ")
    }
}

impl Measured {
    fn total(&self) -> f64 {
        median(self.ways.iter().map(Way::total))
    }

    /// The median of each part, in the engine's order.
    fn parts(&self) -> Vec<(&str, f64)> {
        let mut by_name: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for (name, seconds) in self.ways.iter().flat_map(|way| &way.0) {
            by_name.entry(name).or_default().push(*seconds);
        }
        let order = self.ways.first().into_iter().flat_map(|way| &way.0);
        order.map(|(name, _)| (name.as_str(), median(by_name[name.as_str()].iter().copied()))).collect()
    }
}

fn line(measured: &[Measured], has_plugin: bool) -> String {
    let mut words = Vec::new();
    for Measured { engine, ways } in measured {
        let all = Measured { engine, ways: ways.clone() };
        words.push(format!("{engine}_ready_s={:.1}", all.total()));
        let parts = all.parts().into_iter();
        words.extend(parts.map(|(name, seconds)| format!("{engine}_{}_s={seconds:.1}", name.replace(' ', "_"))));
    }
    words.push(format!("woocommerce_plugin={}", if has_plugin { "yes" } else { "no" }));
    words.join(" ")
}

fn section(measured: &[Measured], machine: &Machine, has_plugin: bool) -> String {
    let Machine { cores, memory_gib, kubernetes, helm, date } = machine;
    let runs = measured.iter().map(|engine| engine.ways.len()).max().unwrap_or_default();
    let mut text = format!(
        "## Time to READY\n\n`cargo xtask bench ready --runs {runs}` on {date}: {cores} cores, {memory_gib} GiB, the local \
         cluster (Kubernetes {kubernetes}, Helm {helm}) on the same machine, optimised build, SQLite.\n\n\
         From POST to READY, one store after the other, the plan `small`, images already on the node; medians of {runs}. The \
         parts are the gates as the store itself records them: what it was waiting for, in the engine's order. Gates that \
         open while an earlier one is still shut take no time of their own.\n\n"
    );
    if !has_plugin {
        text.push_str(
            "The image `store-woocommerce` was built **without the WooCommerce plugin**, so its figures are those of a \
             WordPress that was set up; with the plugin it takes longer.\n\n",
        );
    }
    for engine in measured {
        let parts = engine.parts();
        let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        let seconds: Vec<String> = parts.iter().map(|(_, seconds)| format!("{seconds:.1}")).collect();
        let _ = writeln!(text, "| {}, seconds | READY | {} |", engine.engine, names.join(" | "));
        let _ = writeln!(text, "|---|---|{}", "---|".repeat(names.len()));
        let _ = writeln!(text, "| median | {:.1} | {} |", engine.total(), seconds.join(" | "));
        let totals: Vec<f64> = engine.ways.iter().map(Way::total).collect();
        let (least, most) =
            (totals.iter().copied().fold(f64::INFINITY, f64::min), totals.iter().copied().fold(0.0, f64::max));
        let _ = writeln!(text, "\nFastest {least:.1} s, slowest {most:.1} s.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn store(release: &str) -> Value {
        let gate = |name: &str, end: &str| json!({"gate": name, "started_at": null, "ended_at": end});
        json!({
            "created_at": "2000-01-01T00:00:00Z",
            "gates": [
                gate("queued", "2000-01-01T00:00:00.1Z"), gate("namespace", "2000-01-01T00:00:00.3Z"),
                gate("credentials", "2000-01-01T00:00:00.5Z"), gate("release", release),
                gate("database", "2000-01-01T00:00:05Z"),
            ],
        })
    }

    #[test]
    fn each_gate_takes_the_time_since_the_one_before() {
        let way = Way::of(&store("2000-01-01T00:00:01Z")).unwrap();
        let names: Vec<&str> = way.0.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["control plane", "release", "database"]);
        let near = |value: f64, expected: f64| (value - expected).abs() < 0.001;
        assert!(near(way.0[0].1, 0.5) && near(way.0[2].1, 4.0) && near(way.total(), 5.0), "{way:?}");
    }

    #[test]
    fn the_last_line_has_each_engine_with_its_parts() {
        let ways = ["2000-01-01T00:00:01Z", "2000-01-01T00:00:02Z", "2000-01-01T00:00:03Z"];
        let ways: Vec<Way> = ways.iter().map(|release| Way::of(&store(release)).unwrap()).collect();
        let measured = [Measured { engine: "medusa", ways }];
        let expected = "medusa_ready_s=5.0 medusa_control_plane_s=0.5 medusa_release_s=1.5 medusa_database_s=3.0 \
                        woocommerce_plugin=no";
        assert_eq!(line(&measured, false), expected);
    }

    #[test]
    fn a_store_that_is_not_ready_is_not_measured() {
        let mut unready = store("2000-01-01T00:00:01Z");
        unready["gates"][4]["ended_at"] = Value::Null;
        assert!(Way::of(&unready).is_err());
    }
}
