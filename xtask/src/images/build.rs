//! Which images there are, and building those that are missing or changed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{archive::Archive, builder::Builder, cache, key, plugin::Plugin};
use crate::{
    exec, paths,
    progress::{Stopwatch, say},
};

/// Folders that hold stand-ins for official images, by the name and tag of those.
const STAND_INS: &[(&str, &str)] = &[("postgres", "postgres:17"), ("mariadb", "mariadb:11.8")];

/// The folder of the image with the WooCommerce plugin.
const TAKES_PLUGIN: &str = "woocommerce";
/// What its Dockerfile calls the directory that holds the plugin or nothing.
const PLUGIN_CONTEXT: &str = "woocommerce-plugin";

/// One image of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipe {
    name: String,
    context: PathBuf,
    /// For clusters that cannot pull the official image of this name.
    pub(crate) stands_in: bool,
    /// Whether it is made with the WooCommerce plugin.
    pub(crate) takes_plugin: bool,
}

impl Recipe {
    fn new(folder: &str, context: PathBuf) -> Self {
        let official = STAND_INS.iter().find(|(name, _)| *name == folder).map(|(_, official)| (*official).to_owned());
        let stands_in = official.is_some();
        let name = official.unwrap_or_else(|| format!("store-{folder}:{}", env!("CARGO_PKG_VERSION")));
        Self { name, context, stands_in, takes_plugin: folder == TAKES_PLUGIN }
    }

    /// Name and tag without a registry.
    pub(crate) fn reference(&self) -> &str {
        &self.name
    }

    /// What it is made from.
    pub(crate) fn context(&self) -> &Path {
        &self.context
    }

    /// The name as container runtimes complete it.
    pub(crate) fn full_name(&self) -> String {
        format!("docker.io/library/{}", self.name)
    }

    fn file_stem(&self) -> String {
        self.name.replace(':', "_")
    }
}

/// The images in `charts/images`, one for each Dockerfile.
pub(crate) fn recipes() -> Result<Vec<Recipe>> {
    let directory = paths::workspace().join("charts/images");
    let mut recipes = Vec::new();
    for entry in fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        if entry.path().join("Dockerfile").is_file() {
            recipes.push(Recipe::new(&entry.file_name().to_string_lossy(), fs::canonicalize(entry.path())?));
        }
    }
    // Stand-ins are quick: a store's database can start while its shop is still being built.
    recipes.sort_by(|a, b| b.stands_in.cmp(&a.stands_in).then_with(|| a.name.cmp(&b.name)));
    Ok(recipes)
}

/// The archive of an image, and whether it had to be built. The plugin counts for those that take it.
pub(crate) fn ensure(builder: &Builder, recipe: &Recipe, plugin: Option<&Plugin>) -> Result<(Archive, bool)> {
    let plugin = plugin.filter(|_| recipe.takes_plugin);
    let pins = builder.pins();
    let pins = [&pins, recipe.reference()].into_iter().chain(plugin.map(Plugin::key)).collect::<Vec<_>>();
    let key = key::of(&recipe.context, &pins)?;
    let file = cache()?.join(format!("{}-{key}.tar", recipe.file_stem()));
    let new = !file.exists();
    if new {
        build(builder, recipe, plugin)?;
        save(builder, recipe, &file)?;
        remove_older(recipe, &file)?;
    } else {
        say(format!("{} is unchanged", recipe.reference()));
    }
    Ok((Archive::open(&recipe.full_name(), file)?, new))
}

/// Makes sure that the builder itself holds the image, as pushing needs.
pub(crate) fn ensure_in_builder(builder: &Builder, recipe: &Recipe, plugin: Option<&Plugin>) -> Result<()> {
    let (_, new) = ensure(builder, recipe, plugin)?;
    if !new && !builder.holds(&recipe.full_name()) {
        build(builder, recipe, plugin)?;
    }
    Ok(())
}

fn build(builder: &Builder, recipe: &Recipe, plugin: Option<&Plugin>) -> Result<()> {
    let clock = Stopwatch::start();
    say(format!("building {} with {}", recipe.reference(), builder.name()));
    let log = cache()?.join(format!("{}.log", recipe.file_stem()));
    let contexts: Vec<(&str, &Path)> =
        plugin.filter(|_| recipe.takes_plugin).map(|plugin| (PLUGIN_CONTEXT, plugin.directory())).into_iter().collect();
    let mut command = builder.build(&recipe.full_name(), &recipe.context, &contexts)?;
    exec::logged(&mut command, &format!("building {}", recipe.reference()), &log, || last_step(&log))?;
    say(format!("built {} in {} s", recipe.reference(), clock.seconds()));
    Ok(())
}

fn save(builder: &Builder, recipe: &Recipe, file: &Path) -> Result<()> {
    let partial = file.with_extension("partial");
    // docker-archive refuses to write into a file that is there.
    let _ = fs::remove_file(&partial);
    let log = cache()?.join("save.log");
    let mut command = builder.save(&recipe.full_name(), &partial);
    exec::logged(&mut command, &format!("saving {}", recipe.reference()), &log, String::new)?;
    fs::rename(partial, file).with_context(|| format!("cannot write {}", file.display()))
}

/// Only the newest archive of an image is kept: they are large.
fn remove_older(recipe: &Recipe, newest: &Path) -> Result<()> {
    let prefix = format!("{}-", recipe.file_stem());
    for entry in fs::read_dir(cache()?)? {
        let path = entry?.path();
        let ours = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
        if ours && path.file_stem() != newest.file_stem() {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// What the build is doing now, cut to a line's length.
fn last_step(log: &Path) -> String {
    let text = String::from_utf8_lossy(&fs::read(log).unwrap_or_default()).into_owned();
    let step = text.lines().rev().find(|line| line.contains("STEP") || line.starts_with('#'));
    step.map(|line| line.chars().take(90).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_become_images() {
        let database = Recipe::new("postgres", "x".into());
        assert_eq!((database.reference(), database.stands_in), ("postgres:17", true));
        let shop = Recipe::new("medusa", "x".into());
        assert_eq!(shop.reference(), format!("store-medusa:{}", env!("CARGO_PKG_VERSION")));
        assert!(!shop.stands_in);
        assert!(shop.full_name().starts_with("docker.io/library/store-medusa:"));
    }
}
