//! The WooCommerce plugin for the image `store-woocommerce`: given by whoever builds it, else fetched from wordpress.org.
//! Where neither is possible the image is built without it, so that everything else works, and that is said.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::{cache, key};
use crate::{
    digest, exec,
    install::{self, Group},
    paths,
    progress::say,
};

/// Names the plugin where the command line does not.
pub(crate) const VARIABLE: &str = "WOOCOMMERCE_PLUGIN";
/// The plugin's folder, in its zip file as in WordPress.
const FOLDER: &str = "woocommerce";
/// The file by which WordPress knows it.
const MAIN_FILE: &str = "woocommerce.php";
/// Where the Dockerfile says which version it is made for.
const VERSION: &str = "ARG WOOCOMMERCE_VERSION=";
/// Where it may say what the zip file's digest is.
const SHA256: &str = "ARG WOOCOMMERCE_SHA256=";
/// After a fetch that failed, the next try waits so long: commands that follow each other need not all find it out.
const NEXT_TRY: Duration = Duration::from_mins(10);

/// Which plugin to build with.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PluginArgs {
    /// The WooCommerce plugin for the image `store-woocommerce`, a zip file or a folder (default: the variable
    /// `WOOCOMMERCE_PLUGIN`, else fetched from wordpress.org)
    #[arg(long, value_name = "PATH")]
    woocommerce_plugin: Option<PathBuf>,
}

impl PluginArgs {
    /// The plugin that was given, absolute: other commands get it from other directories.
    pub(crate) fn given(&self) -> Result<Option<PathBuf>> {
        let variable = || env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
        let given = self.woocommerce_plugin.clone().or_else(variable);
        Ok(given.map(std::path::absolute).transpose()?)
    }
}

/// What the image gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plugin {
    /// The plugin, in the folder `woocommerce` of this directory.
    There {
        /// A directory with nothing else.
        directory: PathBuf,
        /// Of its content.
        digest: String,
        /// In the words of the last line of the commands.
        whence: &'static str,
    },
    /// None, because it could not be fetched.
    Absent {
        /// An empty directory.
        directory: PathBuf,
        /// What held it up.
        why: String,
    },
}

impl Plugin {
    /// What was given, else what can be fetched for the Dockerfile in `context`.
    pub(super) fn find(given: Option<&Path>, context: &Path) -> Result<Self> {
        let place = cache()?.join("woocommerce-plugin");
        if let Some(given) = given {
            let staged = stage(given, &place).with_context(|| format!("the WooCommerce plugin {}", given.display()))?;
            return Self::there(staged, "given");
        }
        match fetch(context, &place) {
            Ok(zip) => Self::there(stage(&zip, &place)?, "fetched"),
            Err(error) => {
                let directory = place.join("none");
                fs::create_dir_all(&directory)?;
                Ok(Self::Absent { directory, why: format!("{error:#}") })
            }
        }
    }

    fn there(directory: PathBuf, whence: &'static str) -> Result<Self> {
        let digest = key::of_everything(&directory)?;
        Ok(Self::There { directory, digest, whence })
    }

    /// Whether shops made from the image can sell.
    pub(crate) fn is_there(&self) -> bool {
        matches!(self, Self::There { .. })
    }

    /// The directory that the build is given.
    pub(super) fn directory(&self) -> &Path {
        match self {
            Self::There { directory, .. } | Self::Absent { directory, .. } => directory,
        }
    }

    /// Its part of the image's key.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::There { digest, .. } => digest,
            Self::Absent { .. } => "without",
        }
    }

    /// In a word.
    pub(super) fn whence(&self) -> &'static str {
        match self {
            Self::There { whence, .. } => whence,
            Self::Absent { .. } => "none",
        }
    }

    /// Says so where it is not there.
    pub(super) fn tell(&self) {
        if let Self::Absent { why, .. } = self {
            say(format!(
                "WITHOUT the WooCommerce plugin: {why}. Medusa stores do not need it; WooCommerce stores will fail and say \
                 so. {VARIABLE}=PATH gives it, as a zip file or a folder"
            ));
        }
    }
}

/// Writes the values under which the chart accepts a WooCommerce store without its plugin, and gives the file. Only
/// commands of this crate ever set them, to try out what can be tried out; a user's store fails instead.
pub(crate) fn values_without_plugin(directory: &Path) -> Result<PathBuf> {
    let file = directory.join("values-without-plugin.yaml");
    fs::write(&file, "woocommerce:\n  setup:\n    withoutPlugin: true\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// Puts the plugin of a zip file or a folder into a directory of its own, which its content names.
fn stage(from: &Path, place: &Path) -> Result<PathBuf> {
    let name = if from.is_dir() {
        key::of_everything(&folder_in(from)?)?
    } else {
        digest::of(&fs::read(from).context("cannot be read")?)[..24].to_owned()
    };
    let staged = place.join(name);
    if staged.join(FOLDER).join(MAIN_FILE).is_file() {
        return Ok(staged);
    }
    let work = place.join("work");
    let _ = fs::remove_dir_all(&work);
    fs::create_dir_all(&work)?;
    if from.is_dir() {
        exec::capture(Command::new("cp").arg("-rL").arg(folder_in(from)?).arg(work.join(FOLDER)))?;
    } else {
        install::ensure(&[Group::Zip])?;
        exec::capture(Command::new("unzip").arg("-q").arg(from).arg("-d").arg(&work))?;
    }
    if !work.join(FOLDER).join(MAIN_FILE).is_file() {
        bail!("has no {FOLDER}/{MAIN_FILE}");
    }
    let _ = fs::remove_dir_all(&staged);
    fs::rename(&work, &staged)?;
    Ok(staged)
}

/// The plugin's own folder, where somebody named it or the one that it is in.
fn folder_in(directory: &Path) -> Result<PathBuf> {
    let candidates = [directory.to_owned(), directory.join(FOLDER)];
    let found = candidates.into_iter().find(|candidate| candidate.join(MAIN_FILE).is_file());
    found.with_context(|| format!("holds neither {MAIN_FILE} nor {FOLDER}/{MAIN_FILE}"))
}

/// The zip file of the version that the Dockerfile names, fetched once.
fn fetch(context: &Path, place: &Path) -> Result<PathBuf> {
    let dockerfile = fs::read_to_string(context.join("Dockerfile"))?;
    let version = argument(&dockerfile, VERSION).context("the Dockerfile names no version of it")?;
    let file = place.join(format!("{FOLDER}.{version}.zip"));
    if file.is_file() {
        return Ok(file);
    }
    fs::create_dir_all(place)?;
    let failed = place.join("fetch-failed");
    let age = fs::metadata(&failed).and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
    if age.is_some_and(|age| age < NEXT_TRY) {
        bail!(fs::read_to_string(&failed)?);
    }
    let address = format!("https://downloads.wordpress.org/plugin/{FOLDER}.{version}.zip");
    let fetched = download(&address, &file, argument(&dockerfile, SHA256));
    match &fetched {
        Ok(()) => drop(fs::remove_file(&failed)),
        Err(error) => fs::write(&failed, format!("{error:#}"))?,
    }
    fetched.map(|()| file)
}

fn download(address: &str, file: &Path, sha256: Option<&str>) -> Result<()> {
    if paths::find_program("curl").is_none() {
        bail!("it could not be fetched without the program curl");
    }
    say(format!("fetching {address}"));
    let partial = file.with_extension("partial");
    let mut curl = Command::new("curl");
    curl.args(["--fail", "--silent", "--show-error", "--location", "--connect-timeout", "5", "--max-time", "300"]);
    exec::capture(curl.arg("--output").arg(&partial).arg(address)).context("it could not be fetched")?;
    let digest = digest::of(&fs::read(&partial)?);
    if let Some(wanted) = sha256.filter(|wanted| *wanted != digest) {
        bail!("it could not be fetched: what {address} sends has the SHA-256 {digest}, not {wanted}");
    }
    Ok(fs::rename(partial, file)?)
}

/// What a Dockerfile gives one of its arguments; an empty one is none.
fn argument<'a>(dockerfile: &'a str, name: &str) -> Option<&'a str> {
    let value = dockerfile.lines().find_map(|line| line.trim().strip_prefix(name))?.trim_matches('"');
    (!value.is_empty()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(at: &Path) {
        fs::create_dir_all(at.join("dist")).unwrap();
        fs::write(at.join(MAIN_FILE), "<?php").unwrap();
        fs::write(at.join("dist/app.js"), "1").unwrap();
    }

    #[test]
    fn a_folder_is_taken_by_its_own_name_or_by_that_of_the_one_around_it() {
        let work = tempfile::tempdir().unwrap();
        let place = work.path().join("place");
        plugin(&work.path().join("plugins/woocommerce"));
        fs::create_dir_all(work.path().join("plugins/another")).unwrap();
        let around = stage(&work.path().join("plugins"), &place).unwrap();
        assert_eq!(around, stage(&work.path().join("plugins/woocommerce"), &place).unwrap());
        assert!(around.join("woocommerce/dist/app.js").is_file());
        assert_eq!(fs::read_dir(&around).unwrap().count(), 1, "nothing else comes along");
    }

    #[test]
    fn what_it_holds_decides_the_key() {
        let work = tempfile::tempdir().unwrap();
        let place = work.path().join("place");
        let folder = work.path().join("woocommerce");
        plugin(&folder);
        let one = stage(&folder, &place).unwrap();
        fs::write(folder.join("dist/app.js"), "2").unwrap();
        assert_ne!(one, stage(&folder, &place).unwrap());
    }

    #[test]
    fn something_else_is_refused() {
        let work = tempfile::tempdir().unwrap();
        let error = stage(work.path(), &work.path().join("place")).unwrap_err();
        assert!(error.to_string().contains("woocommerce.php"), "{error:#}");
        assert!(stage(&work.path().join("nowhere"), &work.path().join("place")).is_err());
    }

    #[test]
    fn the_version_is_the_dockerfiles() {
        let dockerfile = "ARG BASE=x\nARG WOOCOMMERCE_VERSION=10.0.2\nARG WOOCOMMERCE_SHA256=\nFROM y\n";
        assert_eq!(argument(dockerfile, VERSION), Some("10.0.2"));
        assert_eq!(argument(dockerfile, SHA256), None);
    }
}
