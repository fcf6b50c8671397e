//! The command line of `store-http`: one flag for each setting that is no secret, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use store_platform::EnvFile;
use store_platform::configuration::{Concern, SETTINGS, Setting};

const AFTER_HELP: &str = "\
Every flag has an environment variable; flags win over the environment, and the environment over the .env file of the
working directory. DATABASE_URL has no flag, because it may hold a password.

Exit codes: 0 ended by a signal, 1 failure, 2 wrong usage or configuration.";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Serve.
    Serve { flags: BTreeMap<&'static str, String>, env_file: EnvFile },
    /// Print the OpenAPI document.
    OpenApi,
}

pub(super) fn command() -> Command {
    Command::new("store-http")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Serves the API of the store provisioning platform, and works on its stores")
        .after_help(AFTER_HELP)
        .subcommand(Command::new("openapi").about("Prints the OpenAPI document of the API"))
        .arg(
            Arg::new("env-file")
                .long("env-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A .env file to read [default: .env in the working directory, if there is one]"),
        )
        .arg(
            Arg::new("no-env-file")
                .long("no-env-file")
                .action(ArgAction::SetTrue)
                .conflicts_with("env-file")
                .help("Read no .env file"),
        )
        .args(SETTINGS.iter().filter_map(argument))
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
    if matches.subcommand_matches("openapi").is_some() {
        return Request::OpenApi;
    }
    let flags = SETTINGS
        .iter()
        .filter(|setting| setting.flag.is_some())
        .filter_map(|setting| Some((setting.variable, matches.get_one::<String>(setting.variable)?.clone())))
        .collect();
    let env_file = match matches.get_one::<PathBuf>("env-file") {
        Some(file) => EnvFile::Named(file.clone()),
        None if matches.get_flag("no-env-file") => EnvFile::None,
        None => EnvFile::Default,
    };
    Request::Serve { flags, env_file }
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
        assert_eq!(request, Request::Serve { flags, env_file: EnvFile::Named("x/.env".into()) });
    }

    #[test]
    fn what_may_be_secret_has_no_flag() {
        assert!(command().get_arguments().all(|argument| argument.get_long() != Some("database-url")));
    }
}
