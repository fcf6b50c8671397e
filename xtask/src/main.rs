//! `cargo xtask`: the commands that a developer runs. Each command is a module; this file only names them.

mod bench;
mod cargo;
mod chaos;
mod cli;
mod cluster;
mod dashboard;
mod demo;
mod dev;
mod digest;
mod down;
mod exec;
mod images;
mod install;
mod paths;
mod postgres;
mod progress;
mod results_file;
mod screenshots;
mod server;
mod simulate;
mod test;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            // The whole chain on one line; a backtrace would hide it.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
