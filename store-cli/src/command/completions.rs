//! `store completions`: a script for a shell.

use clap::CommandFactory;

use super::Context;
use crate::args::{Cli, CompletionsArgs};
use crate::failure::Failure;

pub(super) fn run(context: &Context, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "store", &mut script);
    context.output.text(&String::from_utf8_lossy(&script))
}
