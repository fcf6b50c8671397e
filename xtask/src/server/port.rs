//! Which port on 127.0.0.1 is free, and who has one that is not.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Result, bail};

use crate::cluster::processes;

/// The state LISTEN in `/proc/net/tcp`.
const LISTENING: &str = "0A";
/// Below it only root listens.
const FIRST_UNPRIVILEGED: u16 = 1024;
/// Linux's own choice, where it does not tell.
const FIRST_EPHEMERAL: u16 = 32768;

/// Where the kernel tells the ports that it gives to outgoing connections.
const EPHEMERAL: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// A free port for a server that is stopped and started again. Not one of those that the kernel gives to outgoing
/// connections: one of these may have it while the server is down.
pub(crate) fn lasting() -> Result<u16> {
    let range = fs::read_to_string(EPHEMERAL).unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(FIRST_EPHEMERAL);
    match (FIRST_UNPRIVILEGED..first).rev().find(|port| is_free(*port)) {
        Some(port) => Ok(port),
        None => bail!("no port between {FIRST_UNPRIVILEGED} and {first} is free on 127.0.0.1"),
    }
}

/// Fails when something listens there, and names it.
pub(crate) fn demand_free(port: u16) -> Result<()> {
    if is_free(port) {
        return Ok(());
    }
    let holder = match holder(port) {
        Some(pid) => format!("process {pid}: {}", processes::arguments(pid).join(" ")),
        None => "another process".to_owned(),
    };
    bail!("port {port} on 127.0.0.1 is taken by {holder}; end it, or choose another port with --port")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The process that listens on a port.
fn holder(port: u16) -> Option<i32> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|text| listeners(&text, port))
        .collect();
    let is_ours = |pid: i32| {
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        files.flatten().filter_map(|file| fs::read_link(file.path()).ok()).any(|target| {
            let target = target.to_string_lossy().into_owned();
            inodes.iter().any(|inode| target == format!("socket:[{inode}]"))
        })
    };
    processes::all().into_iter().map(|process| process.pid).find(|pid| is_ours(*pid))
}

/// The inodes of the sockets that listen on `port`, from a table of `/proc/net`.
fn listeners(table: &str, port: u16) -> Vec<String> {
    let end = format!(":{port:04X}");
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| row.get(1).is_some_and(|local| local.ends_with(&end)) && row.get(3) == Some(&LISTENING))
        .filter_map(|row| row.get(9).map(ToString::to_string))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_port_is_never_given_to_a_connection() {
        let port = lasting().unwrap();
        let given = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        assert!(port < given, "{port} may be given away like {given}");
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(lasting().unwrap(), port, "taken by now");
    }

    #[test]
    fn the_holder_of_a_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = demand_free(port).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(listener);
        assert!(demand_free(port).is_ok());
    }

    #[test]
    fn only_listeners_count() {
        let table = "  sl local rem st\n\
             0: 0100007F:1388 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n\
             1: 0100007F:1388 0100007F:9999 01 0:0 0:0 0 0 0 4712 1\n";
        assert_eq!(listeners(table, 5000), ["4711"]);
    }
}
