//! The command `store`: creates, shows and deletes online shops.
//!
//! Two ways lead to the same commands: a server (`--server`), or the own database and cluster. What differs between
//! them is behind [`door::Door`].

mod args;
mod clock;
mod command;
mod contexts;
mod door;
mod failure;
mod output;
mod password;
mod terminal;
mod text;
mod watch;

use std::process::ExitCode;

use clap::Parser;

use args::Cli;
use failure::Failure;
use terminal::Terminal;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::detect(&cli.global);
    match run(cli, terminal) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(terminal);
            failure.exit_code()
        }
    }
}

fn run(cli: Cli, terminal: Terminal) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))?;
    let result = runtime.block_on(command::run(cli, terminal));
    // A read of standard input that nobody waits for any more must not hold up the end.
    runtime.shutdown_background();
    result
}
