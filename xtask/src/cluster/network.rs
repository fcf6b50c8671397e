//! The cluster's part of this machine's network: the bridge `cni0`, kernel settings, ports, and the rules to remove.

use std::{collections::BTreeSet, fs, net::TcpListener, process::Command};

use anyhow::{Context, Result, bail};

use super::{layout::Ports, processes};
use crate::{exec, progress::say};

/// The bridge that pods are attached to.
const BRIDGE: &str = "cni0";
/// Name of the network in the CNI configuration; it appears in the comments of the rules that the plugins make.
pub(crate) const NETWORK: &str = "store-platform";
/// Addresses of pods.
pub(crate) const POD_RANGE: &str = "10.244.0.0/16";
/// The node's share of them: one node, all of its pods.
pub(crate) const NODE_RANGE: &str = "10.244.0.0/24";
/// The node's address: the bridge's own, so that nothing of the cluster is reachable from outside this machine.
pub(crate) const NODE_ADDRESS: &str = "10.244.0.1";
/// Addresses of services.
pub(crate) const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The first service address: the API server, seen from pods.
pub(crate) const API_SERVICE: &str = "10.96.0.1";

/// Makes the bridge with the node's address and sets what the kernel must allow.
pub(crate) fn prepare() -> Result<()> {
    if !std::path::Path::new("/sys/class/net").join(BRIDGE).exists() {
        // A fixed hardware address: otherwise it follows the pods that come and go, and neighbours lose it.
        ip(&["link", "add", BRIDGE, "address", "0a:58:0a:f4:00:01", "type", "bridge"])?;
    }
    ip(&["addr", "replace", &format!("{NODE_ADDRESS}/24"), "brd", "+", "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    // Machines without a default route must reach services too.
    ip(&["route", "replace", SERVICE_RANGE, "dev", BRIDGE])?;
    set_kernel("net/ipv4/ip_forward", "1")?;
    if !std::path::Path::new("/proc/sys/net/bridge").exists() {
        exec::succeeds(Command::new("modprobe").arg("br_netfilter"));
    }
    set_kernel("net/bridge/bridge-nf-call-iptables", "1")
}

fn set_kernel(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/{name}");
    if fs::read_to_string(&path).is_ok_and(|now| now.trim() == value) {
        return Ok(());
    }
    fs::write(&path, value).with_context(|| format!("cannot set the kernel's {} to {value}", name.replace('/', ".")))
}

fn ip(args: &[&str]) -> Result<()> {
    exec::capture(Command::new("ip").args(args)).map(drop)
}

/// Removes the bridge and every rule of the cluster. Nothing of ours may run any more.
pub(crate) fn clean() -> Result<()> {
    if std::path::Path::new("/sys/class/net").join(BRIDGE).exists() {
        ip(&["link", "delete", BRIDGE])?;
    }
    for family in ["iptables", "ip6tables"] {
        for table in ["filter", "nat", "mangle", "raw"] {
            clean_table(family, table)?;
        }
    }
    Ok(())
}

fn clean_table(family: &str, table: &str) -> Result<()> {
    let Ok(rules) = exec::capture(Command::new(format!("{family}-save")).args(["-t", table])) else {
        return Ok(());
    };
    let Some(script) = removal(table, &rules) else { return Ok(()) };
    exec::feed(Command::new(format!("{family}-restore")).args(["--noflush", "--wait", "5"]), &script)
        .with_context(|| format!("cannot remove the cluster's rules from {family} {table}"))?;
    Ok(())
}

/// The input for `iptables-restore` that removes our chains and the rules that lead to them, or `None` if there are none.
fn removal(table: &str, saved: &str) -> Option<String> {
    let ours = own_chains(saved);
    if ours.is_empty() {
        return None;
    }
    let mut script = vec![format!("*{table}")];
    // Naming a chain empties it, so that none refers to another when they are deleted.
    script.extend(ours.iter().map(|chain| format!(":{chain} - [0:0]")));
    for rule in saved.lines().filter_map(|line| line.strip_prefix("-A ")) {
        let chain = rule.split(' ').next().unwrap_or_default();
        if !ours.contains(chain) && rule.split(' ').any(|word| ours.contains(word)) {
            script.push(format!("-D {rule}"));
        }
    }
    script.extend(ours.iter().map(|chain| format!("-X {chain}")));
    script.push("COMMIT\n".to_owned());
    Some(script.join("\n"))
}

/// Chains of kube-proxy and the kubelet by their prefix, and of the network plugins by our network's name in a comment.
fn own_chains(saved: &str) -> BTreeSet<&str> {
    let comment = format!("name: \\\"{NETWORK}\\\"");
    let mut chains: BTreeSet<&str> = saved
        .lines()
        .filter_map(|line| line.strip_prefix(':')?.split(' ').next())
        .filter(|chain| chain.starts_with("KUBE-"))
        .collect();
    for rule in saved.lines().filter(|line| line.contains(&comment)) {
        chains.extend(rule.split(' ').filter(|word| word.starts_with("CNI-")));
    }
    chains
}

/// Refuses to start beside another kubelet: both would own the same chains and cgroups. One inside a container, as kind
/// runs them, has a network of its own and does no harm.
pub(crate) fn refuse_a_second_kubelet() -> Result<()> {
    let network_of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let here = network_of("self");
    for process in processes::all().into_iter().filter(|process| network_of(&process.pid.to_string()) == here) {
        let Some(program) = processes::arguments(process.pid).first().cloned() else { continue };
        let name = program.rsplit('/').next().unwrap_or_default().to_owned();
        if ["kubelet", "k3s", "k3s-server", "k0s", "microk8s"].contains(&name.as_str()) {
            bail!("{name} already runs here (pid {}): use its cluster, or stop it first", process.pid);
        }
    }
    Ok(())
}

/// Ports for a cluster that does not run: the ones it had, or the usual ones, where they are free.
pub(crate) fn choose_ports(old: Option<&Ports>, http_port: Option<u16>) -> Result<Ports> {
    let choose = |old: Option<u16>, usual: u16| free_port(&[old.unwrap_or(usual), usual]);
    Ok(Ports {
        api: choose(old.map(|p| p.api), 6443)?,
        etcd: choose(old.map(|p| p.etcd), 2379)?,
        etcd_peer: choose(old.map(|p| p.etcd_peer), 2380)?,
        etcd_health: choose(old.map(|p| p.etcd_health), 2381)?,
        controller_manager: choose(old.map(|p| p.controller_manager), 10257)?,
        scheduler: choose(old.map(|p| p.scheduler), 10259)?,
        kubelet: 10250,
        kubelet_health: choose(old.map(|p| p.kubelet_health), 10248)?,
        proxy_health: choose(old.map(|p| p.proxy_health), 10256)?,
        proxy_metrics: choose(old.map(|p| p.proxy_metrics), 10249)?,
        dns_ready: choose(old.map(|p| p.dns_ready), 8181)?,
        ingress: ingress_port(old.map(|p| p.ingress), http_port)?,
        ingress_health: choose(old.map(|p| p.ingress_health), 10254)?,
        kwok: 0,
    })
}

/// The ingress port: the one asked for, or the one it had, or 80, or 8080, or any that is free.
fn ingress_port(old: Option<u16>, asked: Option<u16>) -> Result<u16> {
    if let Some(port) = asked {
        if !can_bind(port) {
            bail!("port {port} on 127.0.0.1 cannot be bound");
        }
        return Ok(port);
    }
    let port = free_port(&[old.unwrap_or(80), 80, 8080])?;
    if port != 80 {
        say(format!("the local ingress uses port {port}"));
    }
    Ok(port)
}

fn can_bind(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn free_port(preferred: &[u16]) -> Result<u16> {
    if let Some(port) = preferred.iter().find(|port| can_bind(**port)) {
        return Ok(*port);
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: &str = r#"*nat
:PREROUTING ACCEPT [0:0]
:DOCKER - [0:0]
:KUBE-SERVICES - [0:0]
:CNI-1111 - [0:0]
:CNI-2222 - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -s 10.244.0.5/32 -m comment --comment "name: \"store-platform\" id: \"a\"" -j CNI-1111
-A POSTROUTING -s 10.9.0.5/32 -m comment --comment "name: \"other\" id: \"b\"" -j CNI-2222
-A KUBE-SERVICES -d 10.96.0.1/32 -j KUBE-SVC-X
COMMIT
"#;

    #[test]
    fn only_own_chains_and_the_rules_into_them_are_removed() {
        let script = removal("nat", SAVED).unwrap();
        assert!(script.contains("-D PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES"));
        assert!(script.contains("-X CNI-1111") && script.contains("-D POSTROUTING -s 10.244.0.5/32"));
        assert!(!script.contains("CNI-2222") && !script.contains("DOCKER") && !script.contains("-D KUBE-SERVICES"));
    }

    #[test]
    fn a_clean_table_is_left_alone() {
        assert_eq!(removal("nat", "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"), None);
    }
}
