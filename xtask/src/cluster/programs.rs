//! Builds the cluster's programs from source into the cache, once for each set of sources and versions.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{digest, exec, paths, progress::say};

const KUBERNETES: &str = "1.37.2";
const HELM_3: &str = "helm.sh/helm/v3/cmd/helm@v3.22.0";
const LOCAL_PATH: &str = "github.com/rancher/local-path-provisioner@v0.0.30";
const KWOK_MODULE: &str = "sigs.k8s.io/kwok";
const KWOK_VERSION: &str = "v0.8.0";
/// Folders of its module that say how nodes, pods and volumes live; each file in them is an object.
const KWOK_STAGE_FOLDERS: &[&str] = &["node/fast", "node/heartbeat-with-lease", "pod/fast", "volume/fast"];
/// How those files are joined: part of the key, so that another way makes another directory.
const KWOK_EDITION: &str = "1";
/// The stages, in kwok's directory.
pub(crate) const KWOK_STAGES: &str = "stages.yaml";
/// The storage class whose volumes those stages make, in kwok's directory.
pub(crate) const KWOK_STORAGE_CLASS: &str = "storage-class.yaml";

/// Where the programs of a cluster are.
#[derive(Debug)]
pub(crate) struct Programs {
    /// Everything but kwok.
    pub(crate) bin: PathBuf,
    /// kwok with its stages, for a cluster whose node is simulated.
    pub(crate) kwok: Option<PathBuf>,
}

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
    once(&key(&module())?, build).map(|home| home.join("bin"))
}

/// Makes sure of kwok and its stages, and gives the directory that holds them.
pub(crate) fn ensure_kwok() -> Result<PathBuf> {
    let recipe = [&[KWOK_VERSION, KWOK_EDITION], KWOK_STAGE_FOLDERS].concat().join("\0");
    once(&format!("kwok-{KWOK_VERSION}-{}", &digest::of(recipe.as_bytes())[..8]), build_kwok)
}

/// The directory of this name, made by `make` if it is not there: whole or not at all.
fn once(name: &str, make: fn(&Path, &Path) -> Result<()>) -> Result<PathBuf> {
    let root = paths::cache()?.join("programs");
    let home = root.join(name);
    if home.is_dir() {
        return Ok(home);
    }
    fs::create_dir_all(&root)?;
    let lock = File::create(root.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive).context("cannot lock the programs' directory")?;
    // Another build may have finished while this one waited for the lock.
    if !home.is_dir() {
        let partial = root.join("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        make(&root, &partial)?;
        fs::rename(&partial, &home).with_context(|| format!("cannot move the programs to {}", home.display()))?;
    }
    Ok(home)
}

/// The Kubernetes version that the cluster runs.
pub(crate) fn kubernetes_version() -> &'static str {
    KUBERNETES
}

fn module() -> PathBuf {
    paths::workspace().join("xtask/cluster")
}

fn build(root: &Path, partial: &Path) -> Result<()> {
    let bin = partial.join("bin");
    fs::create_dir_all(&bin)?;
    say("building the cluster's programs from source (8 to 12 minutes the first time, on 2 cores)");
    build_module(root, &bin)?;
    fs::rename(bin.join("server"), bin.join("etcd"))?;
    install(root, &bin, LOCAL_PATH)?;
    let helm_3 = partial.join("helm3");
    install(root, &helm_3, HELM_3)?;
    fs::rename(helm_3.join("helm"), bin.join("helm3"))?;
    Ok(())
}

fn build_kwok(root: &Path, partial: &Path) -> Result<()> {
    say("building kwok from source (2 minutes the first time, on 2 cores)");
    let module = format!("{KWOK_MODULE}@{KWOK_VERSION}");
    install(root, partial, &format!("{KWOK_MODULE}/cmd/kwok@{KWOK_VERSION}"))?;
    let found: Value = serde_json::from_str(&exec::capture(go().args(["mod", "download", "-json", &module]))?)?;
    let sources = Path::new(found["Dir"].as_str().context("go does not say where kwok's module is")?);
    let mut stages = Vec::new();
    for folder in KWOK_STAGE_FOLDERS {
        stages.extend(objects(&sources.join("kustomize/stage").join(folder))?);
    }
    let is_stage = |text: &String| text.lines().any(|line| line == "kind: Stage");
    fs::write(partial.join(KWOK_STAGES), stages.into_iter().filter(is_stage).collect::<Vec<_>>().join("\n---\n"))?;
    fs::copy(sources.join("kustomize/stage/volume/fast/storage-class.yaml"), partial.join(KWOK_STORAGE_CLASS))?;
    Ok(())
}

/// The YAML files of a folder.
fn objects(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(path);
        }
    }
    files.sort();
    files.iter().map(|file| Ok(fs::read_to_string(file)?.trim_end().to_owned())).collect()
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
