//! Builds the cluster's programs from source into the cache, once for each set of sources and versions.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use sha2::{Digest, Sha256};

use crate::{digest, exec, paths, progress::say};

const KUBERNETES: &str = "1.37.2";
const HELM_3: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";
const LOCAL_PATH: &str = "github.com/rancher/local-path-provisioner@v0.0.30";

/// What the module in `xtask/cluster` builds, in one go so that the packages are compiled side by side.
const PACKAGES: &[&str] = &[
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-scheduler",
    "k8s.io/kubernetes/cmd/kubelet",
    "k8s.io/kubernetes/cmd/kube-proxy",
    "k8s.io/kubernetes/cmd/kubectl",
    "go.etcd.io/etcd/server/v3",
    "helm.sh/helm/v4/cmd/helm",
    "./coredns",
    "./pause",
    "./ingress",
];

/// Makes sure of the programs and gives the directory that holds them.
pub(crate) fn ensure() -> Result<PathBuf> {
    let root = paths::cache()?.join("programs");
    let home = root.join(key(&module())?);
    let bin = home.join("bin");
    if bin.is_dir() {
        return Ok(bin);
    }
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive).context("cannot lock the programs' directory")?;
    // Another build may have finished while this one waited for the lock.
    if !bin.is_dir() {
        build(&root, &home)?;
    }
    Ok(bin)
}

/// The Kubernetes version that the cluster runs.
pub(crate) fn kubernetes_version() -> &'static str {
    KUBERNETES
}

fn module() -> PathBuf {
    paths::workspace().join("xtask/cluster")
}

fn build(root: &Path, home: &Path) -> Result<()> {
    let partial = root.join("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let bin = partial.join("bin");
    fs::create_dir_all(&bin)?;
    say("building the cluster's programs from source (8 to 12 minutes the first time, on 2 cores)");
    build_module(root, &bin)?;
    fs::rename(bin.join("server"), bin.join("etcd"))?;
    install(root, &bin, LOCAL_PATH)?;
    let helm_3 = partial.join("helm3");
    install(root, &helm_3, HELM_3)?;
    fs::rename(helm_3.join("helm"), bin.join("helm3"))?;
    fs::rename(&partial, home).with_context(|| format!("cannot move the programs to {}", home.display()))
}

fn build_module(root: &Path, bin: &Path) -> Result<()> {
    let mut go = go();
    go.current_dir(module()).args(["build", "-buildvcs=false", "-trimpath", "-ldflags", &link_flags()]);
    go.arg("-o").arg(bin).args(PACKAGES);
    exec::logged(&mut go, "building Kubernetes, etcd, Helm 4 and CoreDNS", &root.join("build.log"), || {
        let done = fs::read_dir(bin).map(Iterator::count).unwrap_or_default();
        format!("({done} of {} programs linked)", PACKAGES.len())
    })
}

fn install(root: &Path, bin: &Path, package: &str) -> Result<()> {
    let mut go = go();
    go.args(["install", "-trimpath", "-ldflags", "-s -w", package]).env("GOBIN", bin);
    exec::logged(&mut go, &format!("building {package}"), &root.join("build.log"), String::new)
}

fn go() -> Command {
    let mut go = Command::new("go");
    // Static programs: `pause` runs in an empty image, and nothing depends on this machine's C library.
    go.env("CGO_ENABLED", "0");
    go
}

/// Without these the programs report a version that clients cannot parse.
fn link_flags() -> String {
    let package = "k8s.io/component-base/version";
    let mut numbers = KUBERNETES.split('.');
    let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
    format!("-s -w -X {package}.gitVersion=v{KUBERNETES} -X {package}.gitMajor={major} -X {package}.gitMinor={minor}")
}

/// The digest of everything that the programs are made from.
fn key(module: &Path) -> Result<String> {
    let mut files = vec![module.join("go.mod"), module.join("go.sum")];
    for directory in ["coredns", "ingress", "pause"] {
        let listed = fs::read_dir(module.join(directory)).with_context(|| format!("cannot list {directory}"))?;
        for entry in listed {
            let path = entry?.path();
            let name = path.to_string_lossy();
            if name.ends_with(".go") && !name.ends_with("_test.go") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut digest = Sha256::new();
    for pin in [&link_flags(), HELM_3, LOCAL_PATH] {
        digest.update(pin.as_bytes());
        digest.update([0]);
    }
    for file in files {
        let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        digest.update(Sha256::digest(text));
    }
    Ok(digest::hex(&digest.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_follows_the_sources() {
        let module = tempfile::tempdir().unwrap();
        for directory in ["coredns", "ingress", "pause"] {
            fs::create_dir(module.path().join(directory)).unwrap();
            fs::write(module.path().join(directory).join("main.go"), "package main").unwrap();
        }
        fs::write(module.path().join("go.mod"), "module x").unwrap();
        fs::write(module.path().join("go.sum"), "").unwrap();
        let before = key(module.path()).unwrap();
        assert_eq!(before, key(module.path()).unwrap());
        fs::write(module.path().join("ingress/main.go"), "package main // changed").unwrap();
        assert_ne!(before, key(module.path()).unwrap());
    }

    #[test]
    fn clients_see_the_version_in_its_parts() {
        assert!(link_flags().contains("gitMajor=1 ") && link_flags().ends_with("gitMinor=37"));
    }
}
