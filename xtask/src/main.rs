//! `cargo xtask`: the commands that a developer runs. Each command is a module; this file only names them.

mod cli;
mod cluster;
mod digest;
mod exec;
mod images;
mod install;
mod paths;
mod progress;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The whole chain on one line; a backtrace would hide it.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
