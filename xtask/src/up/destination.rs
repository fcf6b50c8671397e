//! Which cluster `up` works on: one that was named, the current one after asking, else the local one.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, IsTerminal, Write},
    path::{self, Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

use super::{UpArgs, own_cluster::OwnCluster};
use crate::{cluster, progress::say};

/// A cluster to work on.
#[derive(Debug)]
pub(super) enum Destination {
    /// The local cluster, which is started if need be.
    Local,
    /// One that its owner runs.
    Own(OwnCluster),
}

/// Chooses; nothing is started or installed yet.
pub(super) fn choose(args: &UpArgs) -> Result<Destination> {
    if let Some(kubeconfig) = named(args) {
        if is_local(&kubeconfig)? {
            return local();
        }
        let cluster = OwnCluster::new(kubeconfig, args.context.as_deref())?;
        cluster.demand_reachable()?;
        say(format!("using {}", cluster.name()));
        return Ok(Destination::Own(cluster));
    }
    match usual() {
        Some(kubeconfig) => current_or_local(args, kubeconfig),
        None if args.context.is_some() || args.use_current_context => {
            bail!("there is no ~/.kube/config; name a kubeconfig file with --kubeconfig")
        }
        None => local(),
    }
}

fn current_or_local(args: &UpArgs, kubeconfig: PathBuf) -> Result<Destination> {
    if is_local(kubeconfig.as_os_str())? {
        return local();
    }
    let wanted = args.context.is_some() || args.use_current_context || args.yes;
    let found = OwnCluster::new(kubeconfig.into(), args.context.as_deref()).and_then(|cluster| {
        cluster.demand_reachable()?;
        Ok(cluster)
    });
    match found {
        Ok(cluster) if wanted || ask(&cluster)? => {
            say(format!("using {}", cluster.name()));
            Ok(Destination::Own(cluster))
        }
        Ok(cluster) => {
            say(format!("leaving {} alone; --use-current-context takes it", cluster.name()));
            local()
        }
        Err(error) if wanted => Err(error),
        Err(error) => {
            say(format!("~/.kube/config is of no use here: {error:#}"));
            local()
        }
    }
}

/// The file or list of files that was named, on the command line or by `KUBECONFIG`.
fn named(args: &UpArgs) -> Option<OsString> {
    let by_environment = || env::var_os("KUBECONFIG").filter(|value| !value.is_empty());
    args.kubeconfig.clone().map(PathBuf::into_os_string).or_else(by_environment).map(|value| absolute(&value))
}

/// The server works in another directory, and a later command may be run from yet another one.
fn absolute(kubeconfig: &OsStr) -> OsString {
    let files = env::split_paths(kubeconfig).filter(|file| !file.as_os_str().is_empty());
    let absolute = files.map(|file| path::absolute(&file).unwrap_or(file));
    env::join_paths(absolute).unwrap_or_else(|_| kubeconfig.to_owned())
}

fn usual() -> Option<PathBuf> {
    env::home_dir().map(|home| home.join(".kube/config")).filter(|file| file.is_file())
}

fn is_local(kubeconfig: &OsStr) -> Result<bool> {
    let local = cluster::Config::new(None)?.state_dir.join("kubeconfig");
    let same = |a: &Path, b: &Path| fs::canonicalize(a).ok().zip(fs::canonicalize(b).ok()).is_some_and(|(a, b)| a == b);
    Ok(same(Path::new(kubeconfig), &local))
}

fn local() -> Result<Destination> {
    if !cfg!(target_os = "linux") || !geteuid().is_root() {
        bail!(
            "no cluster: the local one needs Linux and root. Name one of your own with --kubeconfig FILE or KUBECONFIG, \
             or take the current context of ~/.kube/config with --use-current-context (README: kind, minikube, k3s)"
        );
    }
    say("using the local cluster");
    Ok(Destination::Local)
}

/// Asks on a terminal; where nobody can answer, the answer is no.
fn ask(cluster: &OwnCluster) -> Result<bool> {
    let (input, mut output) = (std::io::stdin(), std::io::stderr());
    if !input.is_terminal() || !output.is_terminal() {
        return Ok(false);
    }
    write!(output, "Create stores on {}? [y/N] ", cluster.name())?;
    output.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
