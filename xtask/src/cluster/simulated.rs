//! The flavour with a simulated node: real etcd, API server, controllers and scheduler; kwok says of nodes, pods and
//! volumes what a kubelet and a provisioner would say. No containers, no network, no ingress: several run side by side.

use std::{net::TcpListener, time::Duration};

use anyhow::{Context, Result, bail};

use super::{
    Cluster,
    components::{API_SERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER},
    layout::{Layout, Ports, Settings},
    lifecycle::{start, wait_for_node, wait_ready},
    processes,
    programs::KWOK_STORAGE_CLASS,
};
use crate::{digest, exec};

/// What kwok does beside its own stages.
pub(crate) const STAGES: &str = include_str!("simulated-stages.yaml");
const OBJECTS: &str = include_str!("simulated-objects.yaml");
/// What speaks for the cluster: controllers, scheduler and the node.
const CLIENTS: [&str; 3] = [CONTROLLER_MANAGER, SCHEDULER, KWOK];
const GRACE: Duration = Duration::from_secs(5);
/// As the objects name it.
const NODE: &str = "simulated";

/// Below what the kernel gives to outgoing connections: the port of a stopped API server must stay closed and free.
const FIRST_PORT: u16 = 20_000;
/// Ports that one cluster may use.
const BLOCK: u16 = 10;
const BLOCKS: u16 = 1_000;

/// Starts the programs, in a cluster whose files are written.
pub(super) fn bring_up(layout: &Layout, settings: &Settings) -> Result<()> {
    start(layout, settings, ETCD)?;
    wait_ready(layout, settings, ETCD)?;
    start(layout, settings, API_SERVER)?;
    wait_ready(layout, settings, API_SERVER)?;
    apply_objects(layout, settings)?;
    start_clients(layout, settings)
}

fn start_clients(layout: &Layout, settings: &Settings) -> Result<()> {
    for name in CLIENTS {
        start(layout, settings, name)?;
    }
    for name in CLIENTS {
        wait_ready(layout, settings, name)?;
    }
    wait_for_node(layout, settings, NODE, KWOK)
}

/// Starts the clients of an API server anew that was closed. They pause for up to a minute before they try it again, and
/// sometimes kwok does not at all; a test of the control plane is not to measure them.
pub(super) fn restart_clients(layout: &Layout, settings: &Settings) -> Result<()> {
    processes::stop(layout, &CLIENTS, GRACE)?;
    start_clients(layout, settings)
}

fn apply_objects(layout: &Layout, settings: &Settings) -> Result<()> {
    let kwok = settings.kwok.as_ref().context("a simulated node without kwok")?;
    let apply = || {
        let mut kubectl = Cluster::new(layout, settings).kubectl();
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--field-manager=store-platform-xtask", "-f"]);
        kubectl
    };
    exec::feed(apply().arg("-"), OBJECTS).context("cannot apply the objects of a simulated node")?;
    exec::capture(apply().arg(kwok.join(KWOK_STORAGE_CLASS))).map(drop).context("cannot apply kwok's storage class")
}

/// A block of free ports; the state directory decides where the search begins, so that clusters that start at the same
/// time do not look at the same ones.
pub(super) fn choose_ports(layout: &Layout) -> Result<Ports> {
    let digest = digest::of(layout.state.as_os_str().as_encoded_bytes());
    let begin = u16::from_str_radix(&digest[..4], 16)? % BLOCKS;
    for block in 0..BLOCKS {
        let first = FIRST_PORT + (begin + block) % BLOCKS * BLOCK;
        if (first..first + BLOCK).all(|port| TcpListener::bind(("127.0.0.1", port)).is_ok()) {
            return Ok(ports_from(first));
        }
    }
    bail!("no {BLOCK} free ports in a row on 127.0.0.1 from {FIRST_PORT} on")
}

/// The programs that a simulated node lacks listen nowhere.
fn ports_from(first: u16) -> Ports {
    Ports {
        api: first,
        etcd: first + 1,
        etcd_peer: first + 2,
        etcd_health: first + 3,
        controller_manager: first + 4,
        scheduler: first + 5,
        kwok: first + 6,
        kubelet: 0,
        kubelet_health: 0,
        proxy_health: 0,
        proxy_metrics: 0,
        dns_ready: 0,
        ingress: first + 7,
        ingress_health: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cluster::Nodes;

    #[test]
    fn two_clusters_begin_to_look_at_different_ports() {
        let ports = |state| choose_ports(&Layout::new(Path::new(state), Nodes::Simulated).unwrap()).unwrap();
        let (one, other) = (ports("/state/one"), ports("/state/other"));
        assert_ne!(one.api, other.api);
        assert!((FIRST_PORT..FIRST_PORT + BLOCKS * BLOCK).contains(&one.kwok));
    }
}
