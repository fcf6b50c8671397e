//! `cargo xtask demo`: the server with its dashboard on a simulated cluster, until it is interrupted.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cargo::{self, Profile, Programs},
    progress::say,
};

/// The options of `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The port on which it listens [default: 5000]
    #[arg(long)]
    port: Option<u16>,
    /// More arguments for `store-http`, such as `--demo-stores 10000`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Becomes the server, so that Ctrl-C ends it.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    say("building the dashboard, store-http and store");
    if !cargo::build_programs(Profile::Debug)?.status().context("cannot run cargo")?.success() {
        bail!("the programs do not build");
    }
    let Programs { server, cli } = cargo::programs(Profile::Debug)?;
    say(format!("the programs: {} and {}", server.display(), cli.display()));
    let mut command = Command::new(&server);
    command.args(["--demo", "--no-env-file"]).args(&args.arguments);
    if let Some(port) = args.port {
        command.args(["--http-port", &port.to_string()]);
    }
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", server.display()))
}
