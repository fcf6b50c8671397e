//! `store man`: a manual page for each command.

use std::path::Path;

use clap::CommandFactory as _;

use super::Context;
use crate::args::{Cli, ManArgs};
use crate::failure::Failure;

pub(super) fn run(context: &Context, args: &ManArgs) -> Result<(), Failure> {
    let cannot = |error: std::io::Error| Failure::new(format!("cannot write to {}: {error}", args.dir.display()));
    std::fs::create_dir_all(&args.dir).map_err(cannot)?;
    clap_mangen::generate_to(Cli::command(), &args.dir).map_err(cannot)?;
    context.terminal.say(&format!("Written to {}; read one with: man {}", args.dir.display(), example(&args.dir)));
    Ok(())
}

fn example(directory: &Path) -> String {
    directory.join("store.1").display().to_string()
}
