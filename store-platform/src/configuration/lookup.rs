//! Finds the value of a variable among flags, environment and `.env`, and collects what is wrong, so that one start
//! names all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::{ConfigurationError, DotenvError, EnvFile, Sources, dotenv, settings};

/// Variables whose value may hold a secret and is never shown.
const SECRET: &[&str] = &["DATABASE_URL", "MIGRATE_FROM_URL", "MIGRATE_TO_URL"];
/// How much of a wrong value is shown.
const SHOWN_MAX: usize = 80;

/// Where a value comes from, by falling precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A flag.
    Flag,
    /// The process's environment.
    Environment,
    /// The `.env` file.
    File,
}

/// A value that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// All sources together.
pub(super) struct Lookup {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<OsString, OsString>,
    directory: PathBuf,
    file: Option<(PathBuf, BTreeMap<String, String>)>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Lookup {
    pub(super) fn new(sources: Sources) -> Result<Self, DotenvError> {
        let named = match &sources.env_file {
            EnvFile::Default => Some(sources.directory.join(".env")).filter(|file| file.is_file()),
            EnvFile::Named(file) => Some(sources.directory.join(file)),
            EnvFile::None => None,
        };
        let file = named.map(|path| dotenv::read(&path).map(|values| (path, values))).transpose()?;
        Ok(Self {
            flags: sources.flags,
            environment: sources.environment,
            directory: sources.directory,
            file,
            problems: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// The value of a variable. An empty one counts as not set.
    pub(super) fn find(&mut self, variable: &'static str) -> Option<Found> {
        let found = |text: &str, origin| Found { text: text.trim().to_owned(), origin };
        let not_empty = |found: &Found| !found.text.is_empty();
        if let Some(flag) = self.flags.get(variable).map(|text| found(text, Origin::Flag)).filter(not_empty) {
            return Some(flag);
        }
        match self.environment.get(OsStr::new(variable)).map(|value| value.to_str()) {
            Some(Some(text)) if !text.trim().is_empty() => return Some(found(text, Origin::Environment)),
            Some(None) => self.problem(format!("{variable}: its value is not UTF-8; allowed: text in UTF-8")),
            Some(Some(_)) | None => {}
        }
        let (_, values) = self.file.as_ref()?;
        values.get(variable).map(|text| found(text, Origin::File)).filter(not_empty)
    }

    /// A value of a type; a wrong one is remembered as a problem, and the default goes on. `parse` says what is
    /// allowed.
    pub(super) fn parsed<T>(
        &mut self,
        variable: &'static str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        self.optional(variable, parse).unwrap_or(default)
    }

    pub(super) fn optional<T>(
        &mut self,
        variable: &'static str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let found = self.find(variable)?;
        parse(&found.text).map_err(|allowed| self.refuse(variable, &found, &allowed)).ok()
    }

    /// A whole number within limits.
    pub(super) fn number(
        &mut self,
        variable: &'static str,
        default: u64,
        limits: std::ops::RangeInclusive<u64>,
    ) -> u64 {
        self.parsed(variable, default, |text| {
            let allowed = || format!("a whole number from {} to {}", limits.start(), limits.end());
            text.parse().ok().filter(|number| limits.contains(number)).ok_or_else(allowed)
        })
    }

    /// A path. A relative one in a `.env` file belongs to that file's directory, others to the working directory.
    pub(super) fn path(&mut self, variable: &'static str) -> Option<PathBuf> {
        let found = self.find(variable)?;
        Some(self.base(found.origin).join(found.text))
    }

    /// Words separated by commas.
    pub(super) fn list(&mut self, variable: &'static str) -> Option<Vec<String>> {
        let found = self.find(variable)?;
        Some(found.text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    }

    /// The directory that relative paths from this origin belong to.
    pub(super) fn base(&self, origin: Origin) -> &Path {
        match (&self.file, origin) {
            (Some((file, _)), Origin::File) => file.parent().unwrap_or(&self.directory),
            _ => &self.directory,
        }
    }

    /// Remembers a wrong value.
    pub(super) fn refuse(&mut self, variable: &'static str, found: &Found, allowed: &str) {
        let shown = if SECRET.contains(&variable) {
            String::new()
        } else {
            format!("={:?}", found.text.chars().take(SHOWN_MAX).collect::<String>())
        };
        let origin = self.describe(variable, found.origin);
        self.problem(format!("{variable}{shown} ({origin}): allowed is {allowed}"));
    }

    fn describe(&self, variable: &str, origin: Origin) -> String {
        let flag = settings::find(variable).and_then(|setting| setting.flag);
        match (origin, flag, &self.file) {
            (Origin::Flag, Some(flag), _) => format!("from --{flag}"),
            (Origin::File, _, Some((file, _))) => format!("from {}", file.display()),
            _ => "from the environment".to_owned(),
        }
    }

    pub(super) fn problem(&mut self, message: String) {
        if !self.problems.contains(&message) {
            self.problems.push(message);
        }
    }

    pub(super) fn warn(&mut self, message: String) {
        self.warnings.push(message);
    }

    /// The names of all variables that are set and begin with `prefix`.
    pub(super) fn names(&self, prefix: &str) -> BTreeSet<String> {
        let of_process = self.environment.keys().filter_map(|name| name.to_str());
        let of_file = self.file.iter().flat_map(|(_, values)| values.keys().map(String::as_str));
        of_process.chain(of_file).filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
    }

    /// The process's environment on top of the `.env` file, for programs that we start.
    pub(super) fn environment(&self) -> BTreeMap<OsString, OsString> {
        let of_file = self.file.iter().flat_map(|(_, values)| values);
        let mut all: BTreeMap<_, _> = of_file.map(|(name, value)| (name.into(), value.into())).collect();
        all.extend(self.environment.iter().map(|(name, value)| (name.clone(), value.clone())));
        all
    }

    /// The warnings, or all problems.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigurationError> {
        if self.problems.is_empty() { Ok(self.warnings) } else { Err(ConfigurationError::Invalid(self.problems)) }
    }
}

/// Reads a yes or no.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}
