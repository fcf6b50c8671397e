//! `cargo xtask images`: builds the container images and brings them to a cluster or a registry.
//!
//! Every image is keyed by what it is made from; an unchanged one is neither built nor imported again.

mod archive;
mod base;
mod build;
mod builder;
mod import;
mod key;
mod plugin;

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use rustix::fs::{FlockOperation, flock};

pub(crate) use self::plugin::{Plugin, PluginArgs, VARIABLE as PLUGIN_VARIABLE, values_without_plugin};
use self::{
    build::{Recipe, recipes},
    builder::Builder,
};
use crate::{
    cluster::{self, Cluster},
    paths,
    progress::{Stopwatch, say},
};

/// Arguments of `cargo xtask images`.
#[derive(Debug, Args)]
pub(crate) struct ImagesArgs {
    /// Bring the images to a cluster: local, kind[:NAME], minikube[:PROFILE] or k3s
    #[arg(long, default_value = "local", conflicts_with = "push")]
    to: Destination,
    /// Push the images to a registry instead, such as registry.example.com/shops
    #[arg(long, value_name = "REGISTRY")]
    push: Option<String>,
    #[command(flatten)]
    plugin: PluginArgs,
}

/// Which cluster gets the images, as written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Destination {
    Local,
    Kind(String),
    Minikube(String),
    K3s,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let name_or = |usual: &str| if name.is_empty() { usual.to_owned() } else { name.to_owned() };
        match (kind, name) {
            ("local", "") => Ok(Self::Local),
            ("k3s", "") => Ok(Self::K3s),
            ("kind", _) => Ok(Self::Kind(name_or("kind"))),
            ("minikube", _) => Ok(Self::Minikube(name_or("minikube"))),
            _ => Err("expected local, kind[:NAME], minikube[:PROFILE] or k3s".to_owned()),
        }
    }
}

/// A cluster that gets images.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// The local cluster: it can pull nothing, so that it also gets stand-ins for the official images.
    Local(Cluster),
    /// A kind cluster, by its name.
    Kind(String),
    /// A minikube cluster, by its profile.
    Minikube(String),
    /// k3s on this machine.
    K3s,
}

/// Runs the command.
pub(crate) fn run(args: &ImagesArgs) -> Result<()> {
    let plugin = args.plugin.given()?;
    if let Some(registry) = &args.push {
        return push(registry.trim_end_matches('/'), plugin.as_deref());
    }
    let target = match &args.to {
        Destination::Local => {
            let config = cluster::Config::new(None)?;
            Target::Local(cluster::running(&config)?.context("the local cluster does not run: cargo xtask cluster up")?)
        }
        Destination::Kind(name) => Target::Kind(name.clone()),
        Destination::Minikube(profile) => Target::Minikube(profile.clone()),
        Destination::K3s => Target::K3s,
    };
    ensure(&target, plugin.as_deref()).map(drop)
}

/// Whether building images here needs buildah, which is installed where it is missing.
pub(crate) fn need_buildah() -> bool {
    Builder::is_buildah()
}

/// Builds what is missing or changed and brings it to the target; tells which plugin is in it, if any image takes one.
pub(crate) fn ensure(target: &Target, given_plugin: Option<&Path>) -> Result<Option<Plugin>> {
    let clock = Stopwatch::start();
    let wanted: Vec<Recipe> =
        recipes()?.into_iter().filter(|recipe| matches!(target, Target::Local(_)) || !recipe.stands_in).collect();
    if wanted.is_empty() {
        bail!("there is no Dockerfile in charts/images");
    }
    let _lock = lock()?;
    let builder = Builder::choose()?;
    let plugin = plugin_for(&wanted, given_plugin)?;
    let (mut built, mut imported) = (0, 0);
    let mut import_seconds = 0.0;
    for recipe in &wanted {
        let (archive, new) = build::ensure(&builder, recipe, plugin.as_ref())?;
        built += usize::from(new);
        let import_clock = Stopwatch::start();
        let new = import::into_target(target, &archive)?;
        imported += usize::from(new);
        import_seconds += import_clock.elapsed().as_secs_f64();
    }
    println!(
        "images={} built={built} imported={imported} import_s={import_seconds:.1} images_s={} builder={} plugin={}",
        wanted.len(),
        clock.seconds(),
        builder.name(),
        plugin.as_ref().map_or("none", Plugin::whence)
    );
    Ok(plugin)
}

/// The plugin for those that take one.
fn plugin_for(recipes: &[Recipe], given: Option<&Path>) -> Result<Option<Plugin>> {
    let Some(recipe) = recipes.iter().find(|recipe| recipe.takes_plugin) else { return Ok(None) };
    let plugin = Plugin::find(given, recipe.context())?;
    plugin.tell();
    Ok(Some(plugin))
}

/// Builds our own images and pushes them to a registry. Never one without its plugin, which might take the place of a
/// whole one.
pub(crate) fn push(registry: &str, given_plugin: Option<&Path>) -> Result<()> {
    let clock = Stopwatch::start();
    let _lock = lock()?;
    let builder = Builder::choose()?;
    let own: Vec<Recipe> = recipes()?.into_iter().filter(|recipe| !recipe.stands_in).collect();
    let plugin = plugin_for(&own, given_plugin)?;
    let is_whole = |recipe: &&Recipe| !recipe.takes_plugin || plugin.as_ref().is_some_and(Plugin::is_there);
    let whole: Vec<&Recipe> = own.iter().filter(is_whole).collect();
    for recipe in &whole {
        build::ensure_in_builder(&builder, recipe, plugin.as_ref())?;
        let to = format!("{registry}/{}", recipe.reference());
        say(format!("pushing {to}"));
        builder.push(&recipe.full_name(), &to)?;
    }
    for recipe in own.iter().filter(|recipe| !is_whole(recipe)) {
        say(format!("{} is not pushed: it has no plugin", recipe.reference()));
    }
    println!("images={} pushed={} images_s={}", own.len(), whole.len(), clock.seconds());
    Ok(())
}

/// The images that the cluster itself needs, made without any builder: `pause` and `busybox`.
pub(crate) fn ensure_built_in(cluster: &Cluster) -> Result<()> {
    let cache = cache()?;
    for image in [archive::pause(&cluster.bin_dir, &cache)?, archive::busybox(&cache)?] {
        import::into_containerd(&cluster.containerd_socket, &image)?;
    }
    Ok(())
}

/// Held while images are built, so that two commands do not write the same archive.
fn lock() -> Result<File> {
    let file = File::create(cache()?.join("lock"))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        say("another command builds images: waiting for it");
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(file)
}

/// The directory of archives.
fn cache() -> Result<PathBuf> {
    let directory = paths::cache()?.join("images");
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// The certificates to trust while an image is built, where this machine was told to trust its own.
fn own_certificates() -> Option<PathBuf> {
    ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"]
        .iter()
        .filter_map(|variable| env::var_os(variable).map(PathBuf::from))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_with_and_without_names() {
        assert_eq!("local".parse(), Ok(Destination::Local));
        assert_eq!("kind".parse(), Ok(Destination::Kind("kind".into())));
        assert_eq!("kind:shops".parse(), Ok(Destination::Kind("shops".into())));
        assert_eq!("minikube:p".parse(), Ok(Destination::Minikube("p".into())));
        assert!("docker".parse::<Destination>().is_err());
        assert!("k3s:x".parse::<Destination>().is_err());
    }
}
