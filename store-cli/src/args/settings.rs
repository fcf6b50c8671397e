//! The settings of the embedded mode as flags: every one of the platform's, made from its own table.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::PathBufValueParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use store_platform::configuration::{Concern, SETTINGS, Setting};

const HEADING: &str = "Without a server (more settings: the server's own flags, and its environment)";
const ENV_FILE: &str = "env-file";

/// What the flags say.
#[derive(Debug, Clone, Default)]
pub(crate) struct SettingFlags {
    /// Values by the variable that they stand for.
    pub(crate) values: BTreeMap<&'static str, String>,
    /// The `.env` file, if one is named.
    pub(crate) env_file: Option<PathBuf>,
}

/// The settings that mean something to a program without an HTTP server.
fn settings() -> impl Iterator<Item = (&'static Setting, &'static str)> {
    SETTINGS
        .iter()
        .filter(|setting| !matches!(setting.concern, Concern::Http | Concern::Logging))
        .filter_map(|setting| Some((setting, flag(setting.flag?))))
}

/// A context of this program is a server, so that of the kubeconfig is called as Helm calls it.
fn flag(of_server: &'static str) -> &'static str {
    if of_server == "context" { "kube-context" } else { of_server }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.env_file = matches.get_one::<PathBuf>(ENV_FILE).cloned();
        for (setting, flag) in settings() {
            if let Some(value) = matches.get_one::<String>(flag) {
                self.values.insert(setting.variable, value.clone());
            }
        }
        Ok(())
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let env_file = Arg::new(ENV_FILE)
            .long(ENV_FILE)
            .value_name("FILE")
            .value_parser(PathBufValueParser::new())
            .global(true)
            .help_heading(HEADING)
            .help("Read settings from this file [default: .env, if there is one]");
        settings().fold(command.arg(env_file), |command, (setting, flag)| command.arg(argument(setting, flag)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// Only what says which cluster is in the help of every command; the others would bury it.
fn argument(setting: &'static Setting, flag: &'static str) -> Arg {
    Arg::new(flag)
        .long(flag)
        .value_name(setting.value)
        .global(true)
        .hide(setting.concern != Concern::Cluster)
        .help_heading(HEADING)
        .help(setting.help)
}
