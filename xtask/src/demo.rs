//! `cargo xtask demo`: the server with its dashboard on a simulated cluster, until it is interrupted.

use std::{ffi::OsString, os::unix::process::CommandExt as _, process::Command};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{
    cargo::{self, Profile},
    progress::say,
};

/// The options of `cargo xtask demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// More arguments for `store-http`, such as `--demo-stores 10000` or `--http-port 8000`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// Becomes the server, so that Ctrl-C ends it.
pub(crate) fn run(args: &DemoArgs) -> Result<()> {
    say("building the dashboard and store-http");
    if !cargo::build_server(Profile::Debug)?.status().context("cannot run cargo")?.success() {
        bail!("store-http does not build");
    }
    let server = cargo::server(Profile::Debug)?;
    let error = Command::new(&server).args(["--demo", "--no-env-file"]).args(&args.arguments).exec();
    Err(error).with_context(|| format!("cannot run {}", server.display()))
}
