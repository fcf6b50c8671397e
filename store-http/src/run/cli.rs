//! The command line of `store-http`: one flag for each setting that is no secret, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use store_platform::EnvFile;
use store_platform::configuration::{Concern, MOVING_SETTINGS, SETTINGS, Setting};

use crate::tokens::{TokenName, TokenRole};

const AFTER_HELP: &str = "\
Every setting has an environment variable; flags win over the environment, and the environment over the .env file of the
working directory. DATABASE_URL has no flag, because it may hold a password.

Exit codes: 0 ended by a signal, 1 failure, 2 wrong usage or configuration.";

const AFTER_MIGRATE_HELP: &str = "\
Stop every server first. The file stays as it is, but is marked as moved, and no program of ours works with it any more.
Each setting comes from its flag, its environment variable, or the .env file.";

const AFTER_TOKEN_HELP: &str = "\
The token itself goes to standard output, once; nobody can get it back. The server knows only its SHA-256. A server that
runs takes up a changed file within a second. To take a token away, remove its entry from the file.";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Serve.
    Serve { flags: BTreeMap<&'static str, String>, env_file: EnvFile, demo: Option<DemoRequest> },
    /// Print the OpenAPI document.
    OpenApi,
    /// Move an installation to PostgreSQL.
    Migrate { flags: BTreeMap<&'static str, String>, env_file: EnvFile },
    /// Make a token, and add it to this file.
    NewToken { name: TokenName, role: TokenRole, file: Option<PathBuf> },
}

/// A simulated platform is asked for, with this many READY stores beside the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DemoRequest {
    pub(super) stores: usize,
}

const DEMO_STORES_MAX: u64 = 100_000;

pub(super) fn command() -> Command {
    Command::new("store-http")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves the API of the store provisioning platform, and works on its stores")
        .after_help(AFTER_HELP)
        .subcommand(Command::new("openapi").about("Prints the OpenAPI document of the API"))
        .subcommand(migrate())
        .subcommand(token())
        .arg(
            Arg::new("env-file")
                .long("env-file")
                .global(true)
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A .env file to read [default: .env in the working directory, if there is one]"),
        )
        .arg(
            Arg::new("no-env-file")
                .long("no-env-file")
                .global(true)
                .action(ArgAction::SetTrue)
                .conflicts_with("env-file")
                .help("Read no .env file"),
        )
        .args(SETTINGS.iter().filter_map(argument))
        .args(demo())
}

fn demo() -> [Arg; 2] {
    // No variable stands for these: nobody gets a simulated platform without asking for it on this very line.
    [
        Arg::new("demo")
            .long("demo")
            .action(ArgAction::SetTrue)
            .help("Simulate cluster and database, in memory: everything is gone at the end")
            .help_heading("Demo"),
        Arg::new("demo-stores")
            .long("demo-stores")
            .value_name("NUMBER")
            .requires("demo")
            .value_parser(value_parser!(u64).range(0..=DEMO_STORES_MAX))
            .help("Begin with this many READY stores beside the samples [default: 0]")
            .help_heading("Demo"),
    ]
}

fn migrate() -> Command {
    Command::new("migrate")
        .about("Moves an installation from a SQLite file to an empty PostgreSQL database, whole or not at all")
        .after_help(AFTER_MIGRATE_HELP)
        .args(MOVING_SETTINGS.iter().filter_map(argument))
}

fn token() -> Command {
    let new = Command::new("new")
        .about("Makes a token")
        .after_help(AFTER_TOKEN_HELP)
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .required(true)
                .value_parser(value_parser!(TokenName))
                .help("Whom it stands for, as the log names them"),
        )
        .arg(
            Arg::new("role")
                .long("role")
                .value_name("ROLE")
                .required(true)
                .value_parser(value_parser!(TokenRole))
                .help("admin may do everything, viewer may look"),
        )
        .arg(
            Arg::new("file")
                .long("file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The file of tokens to add it to, made if there is none [default: only print the entry]"),
        );
    Command::new("token")
        .about("The tokens that requests must carry (API_TOKENS_FILE)")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(new)
}

fn argument(setting: &'static Setting) -> Option<Arg> {
    let argument = Arg::new(setting.variable)
        .long(setting.flag?)
        .value_name(setting.value)
        .help(format!("{} [env: {}]", setting.help, setting.variable))
        .help_heading(heading(setting.concern));
    // A switch may come without its value.
    let is_switch = setting.variable == "ALLOW_UNAUTHENTICATED";
    Some(if is_switch { argument.num_args(0..=1).require_equals(true).default_missing_value("true") } else { argument })
}

fn heading(concern: Concern) -> &'static str {
    match concern {
        Concern::Database => "Database",
        Concern::Helm => "Helm",
        Concern::Cluster => "Cluster",
        Concern::Provisioning => "Provisioning",
        Concern::Addresses => "Addresses",
        Concern::State => "State",
        Concern::Logging => "Logging",
        Concern::Http => "Server",
    }
}

pub(super) fn read(matches: &ArgMatches) -> Request {
    match matches.subcommand() {
        Some(("openapi", _)) => Request::OpenApi,
        Some(("migrate", of_migrate)) => {
            Request::Migrate { flags: flags(of_migrate, MOVING_SETTINGS), env_file: env_file(of_migrate) }
        }
        Some(("token", of_token)) => new_token(of_token.subcommand().map_or(of_token, |(_, of_new)| of_new)),
        _ => {
            Request::Serve { flags: flags(matches, SETTINGS), env_file: env_file(matches), demo: demo_request(matches) }
        }
    }
}

fn demo_request(matches: &ArgMatches) -> Option<DemoRequest> {
    let stores = matches.get_one::<u64>("demo-stores").copied().unwrap_or_default();
    matches.get_flag("demo").then(|| DemoRequest { stores: usize::try_from(stores).unwrap_or(usize::MAX) })
}

#[expect(clippy::expect_used, reason = "clap refuses a line without them")]
fn new_token(matches: &ArgMatches) -> Request {
    Request::NewToken {
        name: matches.get_one::<TokenName>("name").expect("a name").clone(),
        role: *matches.get_one::<TokenRole>("role").expect("a role"),
        file: matches.get_one::<PathBuf>("file").cloned(),
    }
}

fn flags(matches: &ArgMatches, settings: &[Setting]) -> BTreeMap<&'static str, String> {
    let with_flag = settings.iter().filter(|setting| setting.flag.is_some());
    with_flag
        .filter_map(|setting| Some((setting.variable, matches.get_one::<String>(setting.variable)?.clone())))
        .collect()
}

fn env_file(matches: &ArgMatches) -> EnvFile {
    match matches.get_one::<PathBuf>("env-file") {
        Some(file) => EnvFile::Named(file.clone()),
        None if matches.get_flag("no-env-file") => EnvFile::None,
        None => EnvFile::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_stand_for_variables() {
        let line = ["store-http", "--http-port", "0", "--allow-unauthenticated", "--env-file", "x/.env"];
        let request = read(&command().get_matches_from(line));
        let flags = [("HTTP_PORT", "0".to_owned()), ("ALLOW_UNAUTHENTICATED", "true".to_owned())].into();
        assert_eq!(request, Request::Serve { flags, env_file: EnvFile::Named("x/.env".into()), demo: None });
    }

    #[test]
    fn a_demo_has_to_be_asked_for() {
        let demo = |line: &[&str]| match read(&command().get_matches_from(line)) {
            Request::Serve { demo, .. } => demo,
            _ => None,
        };
        assert_eq!(demo(&["store-http"]), None);
        assert_eq!(demo(&["store-http", "--demo"]), Some(DemoRequest { stores: 0 }));
        assert_eq!(demo(&["store-http", "--demo", "--demo-stores", "10000"]), Some(DemoRequest { stores: 10_000 }));
        assert!(command().try_get_matches_from(["store-http", "--demo-stores", "5"]).is_err());
    }

    #[test]
    fn an_installation_is_moved_from_here_to_there() {
        let line = ["store-http", "migrate", "--from", "a.db", "--to-file", "url", "--no-env-file"];
        let flags = [("MIGRATE_FROM_URL", "a.db".to_owned()), ("MIGRATE_TO_URL_FILE", "url".to_owned())].into();
        let request = read(&command().get_matches_from(line));
        assert_eq!(request, Request::Migrate { flags, env_file: EnvFile::None });
    }

    #[test]
    fn a_token_is_for_somebody_as_something() {
        let line = ["store-http", "token", "new", "--name", "ci", "--role", "viewer", "--file", "tokens.yaml"];
        let request = read(&command().get_matches_from(line));
        let (name, file) = ("ci".parse().unwrap(), Some("tokens.yaml".into()));
        assert_eq!(request, Request::NewToken { name, role: TokenRole::Viewer, file });
    }

    #[test]
    fn what_may_be_secret_has_no_flag() {
        assert!(command().get_arguments().all(|argument| argument.get_long() != Some("database-url")));
    }
}
