//! Which Helm there is: found once at start, so that a wrong one is refused before any store depends on it.

use std::path::{Path, PathBuf};

/// Helm's major version, where its command line differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Major {
    /// 3, from 3.13 on.
    Three,
    /// 4.
    Four,
}

/// A Helm that we can work with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmVersion {
    /// Which command line it has.
    pub major: Major,
    /// As it says itself, such as `v4.3.1`.
    pub text: String,
    /// The program, absolute.
    pub binary: PathBuf,
}

/// The oldest minor of Helm 3 that has all that we need (`uninstall --ignore-not-found`).
const LEAST_OF_THREE: u32 = 13;
const ALLOWED: &str = "Helm 3 from 3.13 on, or Helm 4";

/// Why there is no Helm to work with. Every message names the variable to set.
#[derive(Debug, thiserror::Error)]
pub enum HelmVersionError {
    /// It is not there.
    #[error("HELM_BINARY: no program {wanted:?} was found{}; install {ALLOWED}, or name its path", searched(.path.as_deref()))]
    Missing {
        /// What was looked for.
        wanted: String,
        /// The search path, if it was searched.
        path: Option<String>,
    },
    /// It cannot be run.
    #[error("HELM_BINARY: {} cannot be run", .binary.display())]
    CannotRun {
        /// The program.
        binary: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not answer in time.
    #[error("HELM_BINARY: {} did not tell its version within {seconds} s and was ended", .binary.display())]
    Hangs {
        /// The program.
        binary: PathBuf,
        /// How long it was given.
        seconds: u64,
    },
    /// It did not say a version.
    #[error("HELM_BINARY: {} is not a Helm that we know: it said {said:?}; allowed: {ALLOWED}", .binary.display())]
    Unreadable {
        /// The program.
        binary: PathBuf,
        /// The beginning of what it said.
        said: String,
    },
    /// It is too old, or newer than anything we know.
    #[error("HELM_BINARY: {} is Helm {found}; allowed: {ALLOWED}", .binary.display())]
    Unsupported {
        /// The program.
        binary: PathBuf,
        /// Its version.
        found: String,
    },
}

fn searched(path: Option<&str>) -> String {
    path.map(|path| format!(" in {path}")).unwrap_or_default()
}

/// The absolute path of the program: as named if it has a slash, otherwise looked up in the search path.
pub(crate) fn find(wanted: &Path, search: Option<&std::ffi::OsStr>) -> Result<PathBuf, HelmVersionError> {
    let missing = |path: Option<&std::ffi::OsStr>| HelmVersionError::Missing {
        wanted: wanted.display().to_string(),
        path: path.map(|path| path.to_string_lossy().into_owned()),
    };
    if wanted.components().count() > 1 || wanted.is_absolute() {
        let absolute = std::path::absolute(wanted).unwrap_or_else(|_| wanted.to_owned());
        return if absolute.is_file() { Ok(absolute) } else { Err(missing(None)) };
    }
    let directories = search.map(std::env::split_paths).into_iter().flatten();
    directories.map(|directory| directory.join(wanted)).find(|file| file.is_file()).ok_or_else(|| missing(search))
}

/// Reads what `helm version --short` said.
pub(crate) fn parse(binary: &Path, output: &str) -> Result<HelmVersion, HelmVersionError> {
    let binary = binary.to_owned();
    let unreadable =
        || HelmVersionError::Unreadable { binary: binary.clone(), said: output.chars().take(80).collect() };
    let text = output.split_whitespace().find(|word| numbers(word).is_some()).ok_or_else(unreadable)?;
    let (major, minor) = numbers(text).ok_or_else(unreadable)?;
    let text = text.split('+').next().unwrap_or(text).to_owned();
    let major = match major {
        3 if minor >= LEAST_OF_THREE => Major::Three,
        4 => Major::Four,
        _ => return Err(HelmVersionError::Unsupported { binary, found: text }),
    };
    Ok(HelmVersion { major, text, binary })
}

/// Major and minor of `v3.16.2+gabc`; Helm 2 prints `Client: v2.17.0`, and a build without link flags only `v4.3`.
fn numbers(word: &str) -> Option<(u32, u32)> {
    let mut parts = word.strip_prefix('v')?.split(['.', '+', '-']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("v3.13.0+g825e86f\n", Some(Major::Three))]
    #[case("v3.22", Some(Major::Three))]
    #[case("v4.3.1+g0000000", Some(Major::Four))]
    #[case("v4.0.0-rc.1", Some(Major::Four))]
    #[case("WARNING: Kubernetes configuration file is group-readable\nv3.16.2+g13654a5\n", Some(Major::Three))]
    #[case("v3.12.3+g3a31588", None)]
    #[case("Client: v2.17.0+ga690bad", None)]
    #[case("v5.0.0", None)]
    #[case("bash: not helm at all", None)]
    #[case("", None)]
    fn versions_are_read(#[case] output: &str, #[case] expected: Option<Major>) {
        assert_eq!(parse(Path::new("/bin/helm"), output).ok().map(|version| version.major), expected);
    }

    #[test]
    fn refusals_name_the_variable_the_program_and_what_is_allowed() {
        let error = parse(Path::new("/opt/helm"), "v3.9.0+g1").unwrap_err().to_string();
        assert_eq!(error, "HELM_BINARY: /opt/helm is Helm v3.9.0; allowed: Helm 3 from 3.13 on, or Helm 4");
        let error = find(Path::new("helm"), Some("/nowhere".as_ref())).unwrap_err().to_string();
        assert!(error.starts_with("HELM_BINARY: no program \"helm\" was found in /nowhere;"), "{error}");
    }
}
