//! Starting, repairing and stopping the cluster.

use std::{fs, time::Duration};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use super::{
    Cluster, addons, certificates,
    components::{
        self, API_SERVER, CONTAINERD, CONTROLLER_MANAGER, COREDNS, ETCD, INGRESS, KUBELET, KWOK, LOCAL_PATH, PROXY,
        SCHEDULER,
    },
    configs,
    layout::{Layout, Nodes, Settings},
    leftovers, network,
    processes::{self, Health},
    programs::Programs,
    ready, simulated,
};
use crate::{digest, exec, images, progress::say};

const GRACE: Duration = Duration::from_secs(5);
/// How long one program may take to become ready, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(1);
const NODE_PATIENCE: Duration = Duration::from_secs(90);

/// Brings the cluster up from whatever state it is in.
pub(crate) fn up(layout: &Layout, programs: Programs, http_port: Option<u16>) -> Result<Settings> {
    let recorded = Settings::load(layout)?;
    if let Some(settings) = &recorded
        && is_current(layout, settings, &programs, http_port)
        && is_whole(layout, settings)
    {
        say("the local cluster already runs");
        return Ok(settings.clone());
    }
    let settings = match recorded {
        Some(settings)
            if any_lives(layout, mainstays(layout.nodes)) && is_current(layout, &settings, &programs, http_port) =>
        {
            say("repairing the local cluster");
            settings
        }
        recorded => {
            // No pod can be kept, or the programs are of another version: what is left goes first.
            down(layout)?;
            choose(layout, recorded, programs, http_port)?
        }
    };
    bring_up(layout, &settings).map_err(|error| match down(layout) {
        Ok(()) => error.context("the local cluster did not start and was stopped again"),
        Err(second) => error.context(format!("the local cluster did not start, nor stop: {second:#}")),
    })?;
    Ok(settings)
}

/// While one of these lives, the others, started again, find what it kept.
fn mainstays(nodes: Nodes) -> &'static [&'static str] {
    match nodes {
        // Pods outlive each of these two alone.
        Nodes::Real => &[CONTAINERD, KUBELET],
        // Everything is in etcd's data.
        Nodes::Simulated => nodes.programs(),
    }
}

/// Whether the cluster was started as this version of the commands would start it.
fn is_current(layout: &Layout, settings: &Settings, programs: &Programs, http_port: Option<u16>) -> bool {
    settings.programs == programs.bin
        && settings.kwok == programs.kwok
        && settings.recipe == recipe(layout, settings)
        && http_port.is_none_or(|port| port == settings.ports.ingress)
}

/// The digest of every configuration file and argument.
fn recipe(layout: &Layout, settings: &Settings) -> String {
    let files = configs::files(layout, settings).into_iter().map(|(_, text)| text);
    let arguments = layout.nodes.programs().iter().flat_map(|name| components::component(name, layout, settings).args);
    digest::of(files.chain(arguments).collect::<Vec<_>>().join("\0").as_bytes())
}

fn is_whole(layout: &Layout, settings: &Settings) -> bool {
    let programs = layout.nodes.programs();
    programs.iter().all(|name| matches!(processes::health(layout, name), Health::Running(_)))
        && programs
            .iter()
            .all(|name| ready::is_ready(&components::component(name, layout, settings).ready, layout, settings))
}

/// Whether the programs live without which there is no cluster.
pub(crate) fn is_alive(layout: &Layout) -> bool {
    let vital: &[&str] = match layout.nodes {
        Nodes::Real => &[ETCD, API_SERVER, CONTAINERD, KUBELET],
        Nodes::Simulated => &[ETCD, API_SERVER, KWOK],
    };
    vital.iter().all(|name| any_lives(layout, &[name]))
}

fn any_lives(layout: &Layout, names: &[&str]) -> bool {
    names.iter().any(|name| processes::living(layout, name).is_some())
}

fn choose(layout: &Layout, old: Option<Settings>, programs: Programs, http_port: Option<u16>) -> Result<Settings> {
    layout.create()?;
    let ports = match layout.nodes {
        Nodes::Real => {
            network::refuse_a_second_kubelet()?;
            network::choose_ports(old.map(|settings| settings.ports).as_ref(), http_port)?
        }
        Nodes::Simulated => simulated::choose_ports(layout)?,
    };
    let Programs { bin, kwok } = programs;
    let mut settings = Settings { programs: bin, kwok, ports, recipe: String::new() };
    settings.recipe = recipe(layout, &settings);
    settings.save(layout)?;
    Ok(settings)
}

fn bring_up(layout: &Layout, settings: &Settings) -> Result<()> {
    layout.create()?;
    for process in leftovers::strays(layout) {
        processes::end(&[process], GRACE)?;
    }
    certificates::ensure(layout)?;
    certificates::write_kubeconfigs(layout, settings)?;
    configs::write(layout, settings)?;
    match layout.nodes {
        Nodes::Real => bring_up_real(layout, settings),
        Nodes::Simulated => simulated::bring_up(layout, settings),
    }
}

fn bring_up_real(layout: &Layout, settings: &Settings) -> Result<()> {
    fs::write(layout.machine_marker(), "")?;
    network::prepare()?;
    start(layout, settings, ETCD)?;
    start(layout, settings, CONTAINERD)?;
    wait_ready(layout, settings, ETCD)?;
    start(layout, settings, API_SERVER)?;
    wait_ready(layout, settings, CONTAINERD)?;
    images::ensure_built_in(&Cluster::new(layout, settings))?;
    wait_ready(layout, settings, API_SERVER)?;
    addons::apply(layout, settings)?;
    let rest = [CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY, COREDNS, LOCAL_PATH, INGRESS];
    for name in rest {
        start(layout, settings, name)?;
    }
    for name in rest {
        wait_ready(layout, settings, name)?;
    }
    wait_for_node(layout, settings, configs::NODE_NAME, KUBELET)
}

/// Starts one program unless it lives; a frozen one is resumed.
pub(crate) fn start(layout: &Layout, settings: &Settings, name: &'static str) -> Result<()> {
    match processes::health(layout, name) {
        Health::Running(_) => return Ok(()),
        Health::Frozen(process) => {
            process.signal(Signal::CONT);
            return Ok(());
        }
        Health::Stopped => {}
    }
    let component = components::component(name, layout, settings);
    say(format!("starting {name}"));
    processes::start(layout, name, &component.program, &component.args).map(drop)
}

/// Waits until one program is ready; fails at once when it has ended.
pub(crate) fn wait_ready(layout: &Layout, settings: &Settings, name: &'static str) -> Result<()> {
    let component = components::component(name, layout, settings);
    let log = layout.log(name);
    let condition = || {
        if processes::living(layout, name).is_none() {
            bail!("{name} ended; the end of {}:\n{}", log.display(), exec::tail(&log));
        }
        Ok(ready::is_ready(&component.ready, layout, settings))
    };
    let explain = || format!("the end of {}:\n{}", log.display(), exec::tail(&log));
    ready::wait_until(&format!("{name} is ready"), PATIENCE, condition, explain)
}

/// The node, which this program speaks for, takes pods, and the controllers have made what every pod needs.
pub(crate) fn wait_for_node(layout: &Layout, settings: &Settings, name: &str, program: &'static str) -> Result<()> {
    let kubectl = || Cluster::new(layout, settings).kubectl();
    let path = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    let node = || {
        let output = exec::capture(kubectl().args(["get", "node", name, "-o", path]));
        Ok(output.is_ok_and(|text| text == "True"))
    };
    ready::wait_until("the node is Ready", NODE_PATIENCE, node, || exec::tail(&layout.log(program)))?;
    let account = || Ok(exec::succeeds(kubectl().args(["get", "serviceaccount", "default"])));
    ready::wait_until("the controllers work", NODE_PATIENCE, account, || exec::tail(&layout.log(CONTROLLER_MANAGER)))
}

/// Stops everything, undoes what was changed on the machine, and keeps the data.
pub(crate) fn down(layout: &Layout) -> Result<()> {
    let living = layout.nodes.programs().iter().filter(|name| processes::living(layout, name).is_some()).count();
    let strays = leftovers::strays(layout);
    if living > 0 || !strays.is_empty() || leftovers::has_containers(layout) {
        say(format!("stopping the local cluster ({living} programs)"));
    }
    if layout.nodes == Nodes::Simulated {
        processes::stop(layout, &[KWOK, SCHEDULER, CONTROLLER_MANAGER], GRACE)?;
        processes::stop(layout, &[API_SERVER], GRACE)?;
        processes::stop(layout, &[ETCD], GRACE)?;
        return processes::end(&strays, GRACE);
    }
    // Clients of the API server first; the kubelet before the containers, or it would start them again.
    processes::stop(layout, &[INGRESS, LOCAL_PATH, COREDNS, PROXY, KUBELET, SCHEDULER, CONTROLLER_MANAGER], GRACE)?;
    leftovers::end_containers(layout)?;
    processes::stop(layout, &[CONTAINERD, API_SERVER], GRACE)?;
    processes::stop(layout, &[ETCD], GRACE)?;
    processes::end(&strays, GRACE)?;
    // A stray kubelet or containerd may have started more until now.
    leftovers::end_containers(layout)?;
    leftovers::clean_runtime(layout)?;
    leftovers::clean_machine(layout)
}

/// Deletes the data of a stopped cluster.
pub(crate) fn purge(layout: &Layout) -> Result<()> {
    // Never through a mount: volumes may hold somebody's files.
    leftovers::unmount(layout)?;
    fs::remove_dir_all(&layout.state).with_context(|| format!("cannot delete {}", layout.state.display()))
}

/// Stops the API server only.
pub(crate) fn stop_api(layout: &Layout) -> Result<()> {
    processes::stop(layout, &[API_SERVER], GRACE)
}
