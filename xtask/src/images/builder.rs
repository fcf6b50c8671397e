//! What builds images: a Docker or Podman engine where there is one, else buildah with a storage of its own.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Result, bail};
use rustix::process::{Resource, geteuid, getrlimit};

use super::{base, own_certificates};
use crate::{
    exec,
    install::{self, Group},
    paths,
    progress::say,
};

/// Where Debian keeps the certificates that it trusts; the Dockerfiles point npm there.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// About five builds of everything that we build.
const MOST_LAYERS: usize = 250;

/// A program that builds images from Dockerfiles.
#[derive(Debug, Clone)]
pub(crate) enum Builder {
    /// `docker` or `podman`; pulls the base image.
    Engine(&'static str),
    /// buildah without any registry: on a base image made here.
    Buildah(Buildah),
}

/// buildah with its storage in our cache, apart from the system's.
#[derive(Debug, Clone)]
pub(crate) struct Buildah {
    storage: PathBuf,
}

impl Builder {
    /// Whether it would be buildah, which may have to be installed first.
    pub(crate) fn is_buildah() -> bool {
        !matches!(Self::engine(env::var("STORE_PLATFORM_IMAGE_BUILDER").ok().as_deref()), Some(Self::Engine(_)))
    }

    /// The first engine that answers and that `asked` does not rule out.
    fn engine(asked: Option<&str>) -> Option<Self> {
        if asked == Some("buildah") {
            return None;
        }
        let wanted = |engine: &&str| asked.is_none_or(|asked| asked == *engine);
        let answers = |engine: &&str| exec::succeeds(Command::new(engine).arg("info"));
        ["docker", "podman"].into_iter().filter(wanted).find(answers).map(Self::Engine)
    }

    /// The builder of this machine. `STORE_PLATFORM_IMAGE_BUILDER` (docker, podman, buildah) decides where two are there.
    pub(crate) fn choose() -> Result<Self> {
        let asked = env::var("STORE_PLATFORM_IMAGE_BUILDER").ok();
        if let Some(engine) = Self::engine(asked.as_deref()) {
            return Ok(engine);
        }
        if let Some(asked) = asked.filter(|asked| asked != "buildah") {
            bail!("STORE_PLATFORM_IMAGE_BUILDER={asked}: it is none of docker, podman, buildah, or does not answer");
        }
        if !geteuid().is_root() {
            bail!("no Docker or Podman engine answers, and building with buildah needs root");
        }
        install::ensure(&[Group::Images])?;
        Ok(Self::Buildah(Buildah { storage: paths::cache()?.join("buildah") }))
    }

    /// The program's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Engine(engine) => engine,
            Self::Buildah(_) => "buildah",
        }
    }

    /// What the images depend on besides their context.
    pub(crate) fn pins(&self) -> String {
        match self {
            Self::Engine(engine) => (*engine).to_owned(),
            Self::Buildah(_) => format!("buildah {} npm {}", base::NAME, npm_version().unwrap_or_default()),
        }
    }

    /// The command that builds the Dockerfile in `context` as `name`, with further contexts by their names.
    pub(crate) fn build(&self, name: &str, context: &Path, others: &[(&str, &Path)]) -> Result<Command> {
        let mut command = match self {
            Self::Engine(engine) => {
                let mut command = Command::new(engine);
                command.args(["build", "--tag", name]);
                command
            }
            Self::Buildah(buildah) => buildah.build(name)?,
        };
        for (name, directory) in others {
            command.args(["--build-context", &format!("{name}={}", directory.display())]);
        }
        command.arg(context);
        Ok(command)
    }

    /// Whether the builder still holds the image.
    pub(crate) fn holds(&self, name: &str) -> bool {
        match self {
            Self::Engine(engine) => exec::succeeds(Command::new(engine).args(["image", "inspect", name])),
            Self::Buildah(buildah) => buildah.holds(name),
        }
    }

    /// The command that writes the image into an archive.
    pub(crate) fn save(&self, name: &str, file: &Path) -> Command {
        match self {
            Self::Engine(engine) => {
                let mut command = Command::new(engine);
                command.args(["save", "--output"]).arg(file).arg(name);
                command
            }
            Self::Buildah(buildah) => {
                let mut command = buildah.command();
                command.args(["push", name, &format!("docker-archive:{}:{name}", file.display())]);
                command
            }
        }
    }

    /// Pushes the image to a registry under another name.
    pub(crate) fn push(&self, name: &str, to: &str) -> Result<()> {
        match self {
            Self::Engine(engine) => {
                exec::capture(Command::new(engine).args(["tag", name, to]))?;
                exec::capture(Command::new(engine).args(["push", to])).map(drop)
            }
            Self::Buildah(buildah) => {
                exec::capture(buildah.command().args(["push", name, &format!("docker://{to}")])).map(drop)
            }
        }
    }
}

impl Buildah {
    /// `buildah` with our storage.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.storage.join("root")).arg("--runroot").arg(self.storage.join("run"));
        command.args(["--storage-driver", "overlay"]);
        command
    }

    /// Whether the storage has an image of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        exec::succeeds(self.command().args(["inspect", "--type", "image", name]))
    }

    /// Every change of a Dockerfile or its context leaves the layers of the version before behind.
    fn bound_storage(&self) -> Result<()> {
        let layers = exec::capture(self.command().args(["images", "--all", "--quiet"]))?.lines().count();
        if layers > MOST_LAYERS {
            say(format!("deleting the layers of earlier builds ({layers}): this build starts afresh"));
            exec::capture(self.command().args(["rmi", "--prune", "--force"]))?;
        }
        Ok(())
    }

    fn build(&self, name: &str) -> Result<Command> {
        base::ensure(self)?;
        self.bound_storage()?;
        let mut command = self.command();
        command.args(["bud", "--isolation", "chroot", "--network", "host", "--pull-never", "--layers"]);
        command.args(["--tag", name, "--build-arg", &format!("BASE={}", base::NAME)]);
        // The usual limit of 1,024 open files makes JavaScript bundlers fail with misleading messages.
        if let Some(files) = getrlimit(Resource::Nofile).maximum {
            command.args(["--ulimit", &format!("nofile={files}:{files}")]);
        }
        if let Some(certificates) = own_certificates() {
            command.args(["--volume", &format!("{}:{CERTIFICATES}:ro", certificates.display())]);
        }
        if let Some(npm) = npm_directory() {
            command.args(["--build-context", &format!("npm={}", npm.display())]);
        }
        Ok(command)
    }
}

/// The version of the npm that the build is given.
fn npm_version() -> Option<String> {
    let manifest = fs::read(npm_directory()?.join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).ok()?;
    manifest["version"].as_str().map(str::to_owned)
}

/// This machine's npm: given to the build, it saves the download of another one.
fn npm_directory() -> Option<PathBuf> {
    let program = fs::canonicalize(paths::find_program("npm")?).ok()?;
    let directory = program.parent()?.parent()?;
    directory.join("bin/npm-cli.js").is_file().then(|| directory.to_owned())
}
