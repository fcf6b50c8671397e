//! The Debian packages that the local cluster and the image build need: found by the files that they bring, installed
//! where that is allowed, and named where it is not.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use anyhow::{Result, bail};

use crate::{exec, paths, progress::say};

/// A file that must be there and the Debian package that brings it.
struct Need {
    package: &'static str,
    file: &'static str,
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

const BROWSER: &[Need] = &[
    Need { package: "chromium", file: "chromium" },
    // The admin dashboard is read by its texts; without any font there are none.
    Need { package: "fonts-dejavu-core", file: "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" },
];

const DATABASE: &[Need] = &[
    Need { package: "postgresql", file: "/usr/lib/postgresql/*/bin/initdb" },
    Need { package: "openssl", file: "openssl" },
    Need { package: "util-linux", file: "setpriv" },
];

/// Where other distributions than Debian put the network plugins.
const CNI_ELSEWHERE: &str = "/opt/cni/bin/bridge";

/// Makes sure of what the cluster runs on.
pub(crate) fn for_cluster() -> Result<()> {
    ensure(CLUSTER)?;
    demand_go()
}

/// Makes sure of what a cluster with simulated nodes runs on.
pub(crate) fn for_simulated_nodes() -> Result<()> {
    ensure(SIMULATED_NODES)?;
    demand_go()
}

fn demand_go() -> Result<()> {
    if paths::find_program("go").is_none() {
        bail!("the local cluster's programs are built from source: Go 1.26 or newer is needed (https://go.dev/dl)");
    }
    Ok(())
}

/// Makes sure of what images are built with where there is no Docker or Podman engine.
pub(crate) fn for_images() -> Result<()> {
    ensure(IMAGES)
}

/// Makes sure of the browser, and of what runs its scripts.
pub(crate) fn for_browser() -> Result<()> {
    ensure(BROWSER)?;
    for program in ["node", "npm"] {
        if paths::find_program(program).is_none() {
            bail!("the browser tests need Node 20 or newer with npm: {program} is missing (https://nodejs.org)");
        }
    }
    Ok(())
}

/// Makes sure of PostgreSQL's server, and of what makes certificates for it.
pub(crate) fn for_database() -> Result<()> {
    ensure(DATABASE)
}

fn ensure(needs: &[Need]) -> Result<()> {
    let missing = missing(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.iter().copied().collect::<Vec<_>>().join(" ");
    if !rustix::process::geteuid().is_root() || !Path::new("/etc/debian_version").exists() {
        bail!("these are missing and can be installed here only by you (names of Debian packages): {list}");
    }
    say(format!("installing Debian packages: {list}"));
    apt(["update"].as_slice())?;
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)?;
    let still = self::missing(needs);
    if !still.is_empty() {
        bail!("still missing after the installation: {}", still.into_iter().collect::<Vec<_>>().join(" "));
    }
    Ok(())
}

fn missing(needs: &[Need]) -> BTreeSet<&'static str> {
    needs.iter().filter(|need| !is_there(need.file)).map(|need| need.package).collect()
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
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "Dpkg::Use-Pty=0"]).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    exec::capture(&mut command).map(drop)
}
