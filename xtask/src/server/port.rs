//! Whether a port on 127.0.0.1 is free, and who has it if not.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
};

use anyhow::{Result, bail};

use crate::cluster::processes;

/// The state LISTEN in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// Fails when something listens there, and names it.
pub(crate) fn demand_free(port: u16) -> Result<()> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
        return Ok(());
    }
    let holder = match holder(port) {
        Some(pid) => format!("process {pid}: {}", processes::arguments(pid).join(" ")),
        None => "another process".to_owned(),
    };
    bail!("port {port} on 127.0.0.1 is taken by {holder}; end it, or choose another port with --port")
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
