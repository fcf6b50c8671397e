//! The Debian packages that the local cluster and the image build need: found by the files that they bring, installed
//! where that is allowed, and named where it is not; and the programs that nobody but the user installs.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use anyhow::{Context, Result, bail};

use crate::{exec, paths, progress::say};

/// A file that must be there and the Debian package that brings it.
#[derive(Debug)]
struct Need {
    package: &'static str,
    file: &'static str,
}

/// A program that is not taken from Debian: its packages may be too old, and a developer has one of their own.
#[derive(Debug)]
struct Tool {
    program: &'static str,
    whence: &'static str,
}

/// Something that is done here, and what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The local cluster.
    Cluster,
    /// A cluster with simulated nodes.
    SimulatedNodes,
    /// Building images where there is no Docker or Podman engine.
    Images,
    /// Unpacking a plugin that comes as a zip file.
    Zip,
    /// The browser, and what runs its scripts.
    Browser,
    /// What builds the dashboard.
    Dashboard,
    /// A server for its files that is not ours.
    Nginx,
    /// What makes requests from the API's document.
    Python,
    /// PostgreSQL's server, and what makes certificates for it.
    Database,
    /// Looking into a server's SQLite file from outside.
    Sqlite,
}

const CLUSTER: &[Need] = &[
    Need { package: "containerd", file: "containerd" },
    Need { package: "containerd", file: "ctr" },
    Need { package: "containerd", file: "containerd-shim-runc-v2" },
    Need { package: "runc", file: "runc" },
    Need { package: "containernetworking-plugins", file: "/usr/lib/cni/bridge" },
    Need { package: "iptables", file: "iptables" },
    Need { package: "conntrack", file: "conntrack" },
    Need { package: "iproute2", file: "ip" },
    Need { package: "busybox-static", file: "busybox" },
    Need { package: "openssl", file: "openssl" },
    Need { package: "util-linux", file: "setsid" },
    Need { package: "mount", file: "umount" },
    Need { package: "tar", file: "tar" },
];

const SIMULATED_NODES: &[Need] =
    &[Need { package: "openssl", file: "openssl" }, Need { package: "util-linux", file: "setsid" }];

const IMAGES: &[Need] =
    &[Need { package: "buildah", file: "buildah" }, Need { package: "debootstrap", file: "debootstrap" }];

const ZIP: &[Need] = &[Need { package: "unzip", file: "unzip" }];

const BROWSER: &[Need] = &[
    Need { package: "chromium", file: "chromium" },
    // The admin dashboard is read by its texts; without any font there are none.
    Need { package: "fonts-dejavu-core", file: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" },
];

const NGINX: &[Need] = &[Need { package: "nginx-light", file: "nginx" }];

const PYTHON: &[Need] = &[
    Need { package: "python3", file: "python3" },
    // Python's own way to make an environment; Debian packs it apart.
    Need { package: "python3-venv", file: "/usr/lib/*/ensurepip/__init__.py" },
];

const DATABASE: &[Need] = &[
    Need { package: "postgresql", file: "/usr/lib/postgresql/*/bin/initdb" },
    Need { package: "openssl", file: "openssl" },
    Need { package: "util-linux", file: "setpriv" },
];

const SQLITE: &[Need] = &[Need { package: "sqlite3", file: "sqlite3" }];

const GO: &[Tool] = &[Tool { program: "go", whence: "Go 1.26 or newer, https://go.dev/dl" }];
const NODE: &[Tool] = &[
    Tool { program: "node", whence: "Node 20 or newer, https://nodejs.org" },
    Tool { program: "npm", whence: "comes with Node, https://nodejs.org" },
];

/// Where other distributions than Debian put the network plugins.
const CNI_ELSEWHERE: &str = "/opt/cni/bin/bridge";

impl Group {
    fn needs(self) -> &'static [Need] {
        match self {
            Self::Cluster => CLUSTER,
            Self::SimulatedNodes => SIMULATED_NODES,
            Self::Images => IMAGES,
            Self::Zip => ZIP,
            Self::Browser => BROWSER,
            Self::Dashboard => &[],
            Self::Nginx => NGINX,
            Self::Python => PYTHON,
            Self::Database => DATABASE,
            Self::Sqlite => SQLITE,
        }
    }

    fn tools(self) -> &'static [Tool] {
        match self {
            // The programs of both kinds of cluster are built from source.
            Self::Cluster | Self::SimulatedNodes => GO,
            Self::Browser | Self::Dashboard => NODE,
            Self::Images | Self::Nginx | Self::Python | Self::Zip | Self::Database | Self::Sqlite => &[],
        }
    }
}

/// What is not there of everything that is needed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Missing {
    /// Names of Debian packages.
    packages: BTreeSet<&'static str>,
    /// Programs that nobody but the user installs, each with where it comes from.
    tools: BTreeSet<(&'static str, &'static str)>,
}

impl Missing {
    fn of(groups: &[Group], is_there: impl Fn(&str) -> bool) -> Self {
        let needs = groups.iter().flat_map(|group| group.needs());
        let tools = groups.iter().flat_map(|group| group.tools());
        Self {
            packages: needs.filter(|need| !is_there(need.file)).map(|need| need.package).collect(),
            tools: tools.filter(|tool| !is_there(tool.program)).map(|tool| (tool.program, tool.whence)).collect(),
        }
    }

    fn packages(&self) -> String {
        self.packages.iter().copied().collect::<Vec<_>>().join(" ")
    }

    /// The whole list, so that nobody finds out one by one.
    fn told(&self, may_install: bool) -> Option<String> {
        let tools: Vec<String> = self.tools.iter().map(|(name, whence)| format!("{name} ({whence})")).collect();
        let for_the_user = !tools.is_empty() || !may_install && !self.packages.is_empty();
        if !for_the_user {
            return None;
        }
        let packages = match (self.packages.is_empty(), may_install) {
            (true, _) => None,
            (false, true) => Some(format!("the Debian packages {}, which come by themselves then", self.packages())),
            (false, false) => Some(format!("the Debian packages {}", self.packages())),
        };
        let all: Vec<String> = tools.into_iter().chain(packages).collect();
        Some(format!("these are missing and can be installed only by you: {}", all.join("; ")))
    }
}

/// Makes sure of everything that these groups need: installs the Debian packages where that is allowed, and stops with
/// the whole list of what is missing where it is not.
pub(crate) fn ensure(groups: &[Group]) -> Result<()> {
    let missing = Missing::of(groups, is_there);
    let may_install = rustix::process::geteuid().is_root() && Path::new("/etc/debian_version").exists();
    if let Some(told) = missing.told(may_install) {
        bail!(told);
    }
    if missing.packages.is_empty() {
        return Ok(());
    }
    say(format!("installing Debian packages: {}", missing.packages()));
    apt(["update"].as_slice())?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing.packages);
    apt(&install)?;
    let still = Missing::of(groups, is_there);
    if !still.packages.is_empty() {
        bail!("still missing after the installation: {}", still.packages());
    }
    Ok(())
}

fn is_there(file: &str) -> bool {
    if let Some((directory, rest)) = file.split_once("/*/") {
        // One of several versions.
        let versions = fs::read_dir(directory).into_iter().flatten().flatten();
        return versions.into_iter().any(|version| version.path().join(rest).exists());
    }
    match file.strip_prefix('/') {
        None => paths::find_program(file).is_some(),
        Some(_) => Path::new(file).exists() || (file.contains("/cni/") && Path::new(CNI_ELSEWHERE).exists()),
    }
}

/// The directory of the network plugins.
pub(crate) fn cni_directory() -> &'static str {
    if Path::new("/usr/lib/cni/bridge").exists() { "/usr/lib/cni" } else { "/opt/cni/bin" }
}

fn apt(args: &[&str]) -> Result<()> {
    let _quiet = NoServices::begin()?;
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "Dpkg::Use-Pty=0"]).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    exec::capture(&mut command).map(drop)
}

/// While it lives, packages start no service of theirs: this machine's ports are not ours to give away
/// (<https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt>).
struct NoServices {
    is_ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn begin() -> Result<Self> {
        let is_ours = !Path::new(POLICY).exists();
        if is_ours {
            // 101: it is forbidden.
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { is_ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.is_ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Group] = &[
        Group::Cluster,
        Group::Images,
        Group::Browser,
        Group::Dashboard,
        Group::Nginx,
        Group::Database,
        Group::Python,
        Group::Sqlite,
    ];

    #[test]
    fn everything_that_is_missing_is_told_at_once() {
        let there = ["containerd", "ctr", "openssl", "tar"];
        let missing = Missing::of(ALL, |file| there.contains(&file));
        let told = missing.told(false).unwrap();
        for name in ["buildah", "debootstrap", "chromium", "postgresql", "sqlite3", "go (", "node (", "npm ("] {
            assert!(told.contains(name), "{name}: {told}");
        }
        assert!(!told.contains("openssl"), "{told}");
    }

    #[test]
    fn packages_alone_stop_nobody_who_may_install_them() {
        let missing = Missing::of(ALL, |file| file != "buildah");
        assert_eq!(missing.told(true), None);
        assert!(missing.told(false).unwrap().contains("buildah"));
        assert_eq!(Missing::of(ALL, |_| true).told(false), None);
    }

    #[test]
    fn a_missing_tool_is_told_with_the_packages_that_would_follow() {
        let told = Missing::of(ALL, |file| file != "go" && file != "sqlite3").told(true).unwrap();
        assert!(told.contains("go.dev") && told.contains("sqlite3, which come by themselves"), "{told}");
    }
}
