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
    /// How many stores there are at the beginning, besides one of each kind
    #[arg(long)]
    demo_stores: Option<u32>,
    /// More arguments for `store-http`, such as `--api-tokens-file tokens.yaml`
    #[arg(last = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

impl DemoArgs {
    fn for_the_server(&self) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["--demo".into(), "--no-env-file".into()];
        let named = [("--http-port", self.port.map(u32::from)), ("--demo-stores", self.demo_stores)];
        for (flag, value) in named {
            all.extend(value.into_iter().flat_map(|value| [flag.into(), value.to_string().into()]));
        }
        all.extend_from_slice(&self.arguments);
        all
    }
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
    let error = command.args(args.for_the_server()).exec();
    Err(error).with_context(|| format!("cannot run {}", server.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        demo: DemoArgs,
    }

    #[test]
    fn its_own_options_come_in_any_order_and_others_are_handed_on() {
        let line = ["demo", "--demo-stores", "10", "--port", "8000", "--", "--log-format", "json"];
        let demo = Line::try_parse_from(line).ok().unwrap().demo;
        let wanted = "--demo --no-env-file --http-port 8000 --demo-stores 10 --log-format json";
        assert_eq!(demo.for_the_server(), wanted.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert!(Line::try_parse_from(["demo", "--prot", "8000"]).is_err(), "before anything is built");
    }
}
