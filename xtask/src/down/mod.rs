//! `cargo xtask down`: takes away what `up` made, and says what. On a cluster of its owner that is our stores only.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;

use crate::{
    cluster, paths,
    progress::{Stopwatch, say},
    server,
    up::{self, Record},
};

const STORES_GONE: Duration = Duration::from_mins(3);

/// Arguments of `cargo xtask down`.
#[derive(Debug, Args)]
pub(crate) struct DownArgs {
    /// Also delete the caches: the cluster's programs, images, builds
    #[arg(long)]
    purge: bool,
}

/// Runs the command.
pub(crate) fn run(args: &DownArgs) -> Result<()> {
    let clock = Stopwatch::start();
    let mut removed = Vec::new();
    match Record::load()? {
        Some(record) => take_away(&record, &mut removed)?,
        None => say("there is nothing that `cargo xtask up` made"),
    }
    if args.purge {
        purge(&mut removed)?;
    }
    for what in &removed {
        println!("removed {what}");
    }
    println!("down_s={} removed={} purged={}", clock.seconds(), removed.len(), args.purge);
    Ok(())
}

fn take_away(record: &Record, removed: &mut Vec<String>) -> Result<()> {
    let directory = up::directory()?;
    let config = cluster::Config::new(None)?;
    let has_stopped = record.is_local() && cluster::running(&config)?.is_none();
    let deleted = if has_stopped { Ok(()) } else { delete_stores(record, removed) };
    match deleted {
        Ok(()) => {}
        // The whole cluster goes, and what could not be deleted with it.
        Err(error) if record.is_local() => say(format!("{error:#}; it goes with the cluster")),
        Err(error) => return Err(error),
    }
    if server::stop(&directory)? {
        removed.push("the server".to_owned());
    }
    if record.is_local() && config.state_dir.exists() {
        cluster::down(&config, true)?;
        removed.push(format!("the local cluster and its data in {}", config.state_dir.display()));
    }
    remove_directory(&directory, "the server's database, key, logs and the admin's password", removed)
}

/// Deletes all stores through the server, so that volumes and releases go as they should.
fn delete_stores(record: &Record, removed: &mut Vec<String>) -> Result<()> {
    let Some(server) = up::serve_again(record)? else {
        if record.is_local() || !server::database(&up::directory()?).exists() {
            return Ok(());
        }
        bail!("no server runs on {}: run `cargo xtask up --no-demo`, then this again", record.name());
    };
    let stores = server.api().stores()?;
    for store in &stores {
        let (id, name) = (text(store, "id")?, text(store, "name")?);
        say(format!("deleting the store {name}"));
        server.api().delete(id)?;
    }
    server.api().wait_until_empty(STORES_GONE)?;
    for store in &stores {
        removed.push(format!("the store {} with its namespace {}", text(store, "name")?, text(store, "namespace")?));
    }
    Ok(())
}

fn text<'a>(store: &'a Value, key: &str) -> Result<&'a str> {
    store[key].as_str().with_context(|| format!("a store without {key}"))
}

fn purge(removed: &mut Vec<String>) -> Result<()> {
    let config = cluster::Config::new(None)?;
    if cluster::running(&config)?.is_some() {
        bail!("the local cluster still runs the programs in the cache: `cargo xtask cluster down --purge` first");
    }
    remove_directory(&paths::cache()?, "the caches", removed)
}

fn remove_directory(directory: &Path, what: &str, removed: &mut Vec<String>) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))?;
        removed.push(format!("{what} in {}", directory.display()));
    }
    Ok(())
}
