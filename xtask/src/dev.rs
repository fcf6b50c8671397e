//! `cargo xtask dev`: the dashboard with hot reload, for those who work on it.

use std::{
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    process::Command,
    time::Duration,
};

use anyhow::{Result, bail};
use clap::Args;
use ureq::Agent;

use crate::{
    dashboard::{in_place, npm},
    exec,
    progress::say,
};

const PATIENCE: Duration = Duration::from_secs(5);

/// The options of `cargo xtask dev`.
#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// The server that the dashboard shows
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000", value_parser = address)]
    server: String,
    /// Where the dashboard is, on this machine
    #[arg(long, default_value_t = 3000)]
    port: u16,
}

fn address(text: &str) -> Result<String, String> {
    let authority =
        text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).map(|rest| rest.trim_end_matches('/'));
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains(['/', ' ', '@', '?', '#']) => {
            Ok(text.to_owned())
        }
        _ => Err("allowed is http or https with a host and a port, such as http://127.0.0.1:5000".to_owned()),
    }
}

/// Serves the dashboard until it is interrupted.
pub(crate) fn run(args: &DevArgs) -> Result<()> {
    let DevArgs { server, port } = args;
    if let Err(error) = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)) {
        bail!("cannot listen on port {port}: {error}; another one: --port");
    }
    let project = in_place()?;
    exec::capture(&mut npm(&project, &["run", "--silent", "generate"]))?;
    if !answers(server) {
        say(format!("nothing answers at {server} yet; `cargo xtask demo` starts a server there without a cluster"));
    }
    say(format!("the dashboard of {server}: http://127.0.0.1:{port}/ui/"));
    let mut vite = Command::new("node");
    vite.arg("node_modules/vite/bin/vite.js").current_dir(&project);
    vite.env("API_URL", server).env("PORT", port.to_string());
    // In this program's place, so that whoever ends this one ends it.
    bail!(anyhow::Error::new(vite.exec()).context("cannot run node"))
}

fn answers(server: &str) -> bool {
    let agent: Agent = Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    agent.get(format!("{}/livez", server.trim_end_matches('/'))).call().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_an_address_and_no_more() {
        for good in ["http://127.0.0.1:5000", "https://shops.example.com/", "http://[::1]:5000"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["nonsense", "ftp://x:1", "http://", "http://x/platform", "http://me:secret@x", "x:5000"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
