//! The commands, each written once for both doors.

mod completions;
mod context;
mod create;
#[cfg(feature = "embedded")]
mod credentials;
mod delete;
mod doctor;
mod events;
mod list;
mod login;
mod logs;
mod man;
mod open;
mod outcome;
mod protect;
mod retry;
mod wait;

use crate::args::{Cli, Command, Global};
use crate::door::{self, Door, Purpose};
use crate::failure::Failure;
use crate::output::Output;
use crate::terminal::Terminal;

/// What every command has at hand.
pub(crate) struct Context {
    global: Global,
    terminal: Terminal,
    output: Output,
}

impl Context {
    /// Opens the door, goes through, and closes it behind.
    async fn through<T>(
        &self,
        purpose: Purpose,
        visit: impl AsyncFnOnce(&dyn Door) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let door = door::open(&self.global, purpose, self.terminal).await?;
        let result = visit(&*door).await;
        door.close().await;
        result
    }
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, terminal: Terminal) -> Result<(), Failure> {
    let output = Output::new(cli.global.output, terminal);
    let context = Context { global: cli.global, terminal, output };
    match cli.command {
        Command::Create(args) => create::run(&context, args).await,
        Command::List(args) => list::run(&context, args).await,
        Command::Get(args) => list::get(&context, args).await,
        Command::Delete(args) => delete::run(&context, args).await,
        Command::Retry(args) => retry::run(&context, args).await,
        Command::Protect(args) => protect::run(&context, &args, true).await,
        Command::Unprotect(args) => protect::run(&context, &args, false).await,
        Command::Wait(args) => wait::run(&context, args).await,
        Command::Events(args) => events::run(&context, args).await,
        Command::Logs(args) => logs::run(&context, args).await,
        Command::Open(args) => open::run(&context, args).await,
        #[cfg(feature = "embedded")]
        Command::Credentials(args) => credentials::run(&context, args).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Completions(args) => completions::run(&context, &args),
        Command::Login(args) => login::login(&context, &args).await,
        Command::Logout => login::logout(&context),
        Command::Context(command) => context::run(&context, &command),
        Command::Man(args) => man::run(&context, &args),
    }
}
