//! The command line.

#[cfg(feature = "embedded")]
mod settings;
mod values;
mod waiting;

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand};
use store_core::lifecycle::Status;
use store_core::ports::LogRequest;
use store_core::service::{PodComponent, StoreRef};
use store_core::store::{AdminEmail, AdminUsername, StoreName};

#[cfg(feature = "embedded")]
pub(crate) use settings::SettingFlags;
use values::{engines, plans, statuses};
pub(crate) use waiting::{TimeoutArgs, WaitArgs, Waiting};

use crate::contexts;
use crate::output::Format;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

#[cfg(feature = "embedded")]
const MODES: &str = "\
With --server (or STORE_SERVER), commands go to that server, otherwise to that of --context or of the current context \
(see store context and store login). Without any, they work on the own database and cluster, configured by the same \
environment and .env file as the server (DATABASE_URL, KUBECONFIG, …).";
#[cfg(not(feature = "embedded"))]
const MODES: &str =
    "Commands go to the server that --server (or STORE_SERVER), --context or the current context names.";

const SERVER: &str = "The server to talk to, such as http://localhost:5000";

const EXIT_CODES: &str = "\
Exit codes:
  0    it worked
  1    it did not; standard error says why
  2    the command line is wrong
  4    the server wants to know who asks (store login, or STORE_TOKEN_FILE), or does not let them
  130  interrupted";

/// Creates, shows and deletes online shops on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "store", version, styles = STYLES, max_term_width = 100, after_help = EXIT_CODES)]
#[command(after_long_help = format!("{MODES}\n\n{EXIT_CODES}"), arg_required_else_help = true)]
#[command(disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    #[arg(long, global = true, env = "STORE_SERVER", value_name = "URL", hide_env_values = true, help = SERVER)]
    pub(crate) server: Option<String>,

    /// The context whose server to talk to, instead of the current one
    #[arg(long, global = true, value_name = "NAME", value_parser = contexts::parse_name)]
    pub(crate) context: Option<String>,

    /// How to print what is asked for
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,

    /// Ask nothing; what would be asked is an error instead
    #[arg(long, global = true)]
    pub(crate) no_input: bool,

    /// Say nothing but data and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,

    #[cfg(feature = "embedded")]
    #[arg(
        short,
        long,
        global = true,
        help = "Log what is done to standard error; RUST_LOG says how much [default: info]"
    )]
    pub(crate) verbose: bool,

    /// Settings of the embedded mode.
    #[cfg(feature = "embedded")]
    #[command(flatten)]
    pub(crate) settings: SettingFlags,
}

impl Global {
    /// The server that is named; an empty `STORE_SERVER` names none.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref().map(str::trim).filter(|server| !server.is_empty())
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a store, and see it through until it can sell
    Create(CreateArgs),
    /// List stores
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show stores in detail
    Get(GetArgs),
    /// Delete a store with everything in it
    #[command(visible_alias = "rm")]
    Delete(DeleteArgs),
    /// Try a FAILED store again
    Retry(RetryArgs),
    /// Refuse to delete a store, until it is unprotected
    Protect(ProtectArgs),
    /// Let a store be deleted again
    Unprotect(ProtectArgs),
    /// See a store through that is on its way, until it can sell or is gone
    Wait(StoreWaitArgs),
    /// Show what happened to a store
    Events(EventsArgs),
    /// Show what a store's pods say
    Logs(LogsArgs),
    /// Print a store's address, and open it in a browser if there is one
    Open(OpenArgs),
    /// Show a store's admin login, read from the cluster with your own kubeconfig
    #[cfg(feature = "embedded")]
    Credentials(CredentialsArgs),
    /// Keep a token for a server, which becomes the current context
    Login(LoginArgs),
    /// Forget the token for a server
    Logout,
    /// Name servers, and choose among them
    #[command(subcommand, arg_required_else_help = true)]
    Context(ContextCommand),
    /// Check everything that stores need, and say how to mend what is wrong
    Doctor,
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write a manual page for each command
    Man(ManArgs),
}

/// `store login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// Read the token from standard input: the first line
    #[arg(long)]
    pub(crate) token_stdin: bool,
}

/// `store context`
#[derive(Debug, Subcommand)]
pub(crate) enum ContextCommand {
    /// Add a context for the server that --server names, or give it another server
    Add(ContextArgs),
    /// Make a context the current one; embedded is the one without a server
    Use(ContextArgs),
    /// List contexts
    #[command(visible_alias = "ls")]
    List,
    /// Remove a context, with its token
    #[command(visible_alias = "rm")]
    Remove(ContextArgs),
}

/// What the commands of contexts take.
#[derive(Debug, Args)]
pub(crate) struct ContextArgs {
    /// The context's name
    #[arg(value_parser = contexts::parse_name)]
    pub(crate) name: String,
}

/// `store man`
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Where to write them; made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// `store create`
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// The store's name: 3 to 40 characters of a-z, 0-9 and -
    #[arg(value_parser = values::parse::<StoreName>)]
    pub(crate) name: StoreName,

    /// The shop software
    #[arg(short, long, value_parser = PossibleValuesParser::new(engines()))]
    pub(crate) engine: String,

    /// The size [default: small]
    #[arg(short, long, value_parser = PossibleValuesParser::new(plans()))]
    pub(crate) plan: Option<String>,

    /// The shopkeeper's user name
    #[arg(long, value_name = "NAME", value_parser = values::parse::<AdminUsername>)]
    pub(crate) admin_username: AdminUsername,

    /// The shopkeeper's e-mail address
    #[arg(long, value_name = "ADDRESS", value_parser = values::parse::<AdminEmail>)]
    pub(crate) admin_email: AdminEmail,

    /// Where the password comes from.
    #[command(flatten)]
    pub(crate) password: PasswordArgs,

    /// Whether to wait.
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// Where the shopkeeper's password comes from; never from an argument, which every process on the machine can read.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
#[command(next_help_heading = "The shopkeeper's password (asked for on a terminal)")]
pub(crate) struct PasswordArgs {
    /// Read it from standard input: the first line
    #[arg(long)]
    pub(crate) password_stdin: bool,

    /// Read it from this file: the first line
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Make one, and show it once on standard error
    #[arg(long)]
    pub(crate) generate_password: bool,
}

/// `store list`
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only stores of this status; may be repeated
    #[arg(long, value_parser = values::parse_status, value_name = "STATUS", help = format!("Only stores of this status; may be repeated: {}", statuses()))]
    pub(crate) status: Vec<Status>,

    /// Only this shop software
    #[arg(short, long, value_parser = PossibleValuesParser::new(engines()))]
    pub(crate) engine: Option<String>,

    /// Deleted stores too
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Go on with whatever changes, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// `store get`
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// Names or ids
    #[arg(required = true, value_name = "STORE", value_parser = values::parse_store)]
    pub(crate) stores: Vec<StoreRef>,

    /// Show them as a list, and go on with whatever changes, until Ctrl-C or until they are deleted
    #[arg(short, long)]
    pub(crate) watch: bool,
}

/// `store delete`
#[derive(Debug, Args)]
pub(crate) struct DeleteArgs {
    /// Names or ids
    #[arg(required = true, value_name = "STORE", value_parser = values::parse_store)]
    pub(crate) stores: Vec<StoreRef>,

    /// Do not ask; needed where nobody can be asked
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// Whether to wait.
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// `store retry`
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,

    /// Where a new password comes from, if the old one is lost.
    #[command(flatten)]
    pub(crate) password: PasswordArgs,

    /// Whether to wait.
    #[command(flatten)]
    pub(crate) wait: WaitArgs,
}

/// `store protect` and `store unprotect`
#[derive(Debug, Args)]
pub(crate) struct ProtectArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,
}

/// `store wait`
#[derive(Debug, Args)]
pub(crate) struct StoreWaitArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,

    /// For how long.
    #[command(flatten)]
    pub(crate) timeout: TimeoutArgs,
}

/// `store events`
#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,

    /// Go on with what happens from now, until the store is deleted or Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
}

/// `store logs`
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,

    /// Go on with what is said from now, until the pod ends, an hour has passed, or Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,

    #[arg(short, long, default_value_t = PodComponent::Application, value_parser = values::parse::<PodComponent>)]
    #[arg(help = format!("Whose log: {}", PodComponent::NAMES))]
    pub(crate) component: PodComponent,

    /// How many of the last lines to begin with, 5000 at most
    #[arg(short, long, default_value_t = LogRequest::TAIL_DEFAULT, value_name = "LINES")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=i64::from(LogRequest::TAIL_MAX)))]
    pub(crate) tail: u32,
}

/// `store open`
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,

    /// The shopkeeper's side instead of the shop
    #[arg(long)]
    pub(crate) admin: bool,

    /// Only print the address
    #[arg(long)]
    pub(crate) print: bool,
}

/// `store credentials`
#[cfg(feature = "embedded")]
#[derive(Debug, Args)]
pub(crate) struct CredentialsArgs {
    /// Name or id
    #[arg(value_parser = values::parse_store)]
    pub(crate) store: StoreRef,
}

/// `store completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
