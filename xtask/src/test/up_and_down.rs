//! The README's first commands as somebody runs them: `up` brings a shop, again it is quick, `down` leaves nothing.

use std::{
    env,
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{outcome::Outcome, session::Session};
use crate::{cluster, images::PLUGIN_VARIABLE, server, up};

/// A second `up` finds everything there.
const QUICK: Duration = Duration::from_secs(15);

/// Runs them, unless they would take away what somebody else made.
pub(crate) fn run(session: &mut Session, deadline: Instant) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    if up::Record::load()?.is_some() {
        outcome.skip("up and down", "what an earlier `cargo xtask up` made would go with it");
        return Ok(outcome);
    }
    if session.cluster_ran_before() {
        outcome.skip("up and down", "the local cluster ran before these tests, and `down` would take it away");
        return Ok(outcome);
    }
    let port = server::port::lasting()?;
    outcome.check("`up` brings a shop", bring_up(session, port, deadline).and_then(|(shop, _)| demand_shop(&shop)));
    outcome.check("a second `up` is quick", bring_up(session, port, deadline).and_then(|(_, took)| demand_quick(took)));
    outcome.check("`down` leaves nothing", take_down(session, port, deadline));
    Ok(outcome)
}

/// The shop's URL, and how long it took.
fn bring_up(session: &Session, port: u16, deadline: Instant) -> Result<(String, Duration)> {
    let begun = Instant::now();
    let mut shop = None;
    let mut command = Command::new(env::current_exe()?);
    // The local cluster, whatever this account's own kubeconfig names.
    command.args(["up", "--port", &port.to_string()]).env("KUBECONFIG", &session.cluster()?.kubeconfig);
    command.envs(session.given_plugin.as_deref().map(|plugin| (PLUGIN_VARIABLE, plugin)));
    let status = session.shown(command, deadline, |line| {
        let mut words = line.split_whitespace();
        if words.next() == Some("shop") {
            shop = words.next().map(str::to_owned);
        }
    })?;
    if !status.success() {
        bail!("it failed ({status})");
    }
    Ok((shop.context("it named no shop")?, begun.elapsed()))
}

/// As the README's `curl --resolve`: the name is not left to this machine's resolver.
fn demand_shop(url: &str) -> Result<()> {
    let uri: ureq::http::Uri = url.parse().with_context(|| format!("{url} is no URL"))?;
    let (host, port) = (uri.host().context("a URL without a host")?, uri.port_u16().unwrap_or(80));
    let answer = ureq::get(format!("http://127.0.0.1:{port}/")).header("Host", host).call()?;
    let page = answer.into_body().read_to_string()?;
    if !page.contains("<html") {
        bail!("{url} answers with something else than a page: {page:.200}");
    }
    Ok(())
}

fn demand_quick(took: Duration) -> Result<()> {
    if took > QUICK {
        bail!("it took {:.1} s, which is over {} s", took.as_secs_f64(), QUICK.as_secs());
    }
    Ok(())
}

fn take_down(session: &Session, port: u16, deadline: Instant) -> Result<()> {
    let mut command = Command::new(env::current_exe()?);
    command.arg("down");
    session.must("down", command, deadline)?;
    let config = cluster::Config::new(None)?;
    if up::Record::load()?.is_some() || up::directory()?.exists() {
        bail!("its record is still there");
    }
    if cluster::running(&config)?.is_some() || config.state_dir.exists() {
        bail!("the cluster is still there");
    }
    TcpListener::bind(("127.0.0.1", port)).with_context(|| format!("port {port} is still taken"))?;
    Ok(())
}
