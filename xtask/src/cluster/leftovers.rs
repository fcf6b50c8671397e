//! What a stopped or killed cluster leaves on a machine: container processes, mounts, sockets, cgroups, log links, rules.
//! Only what is provably ours is touched: recognised by our socket, our directories, or a marker of our own.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use rustix::process::Signal;

use super::{
    layout::Layout,
    network,
    processes::{self, Process, Stat},
};
use crate::exec;

/// How long containers get between SIGTERM and SIGKILL: databases shut down cleanly in it.
const CONTAINER_GRACE: Duration = Duration::from_secs(5);

/// Programs of this cluster that no pid file names: started by an `up` that was killed before it could write one.
pub(crate) fn strays(layout: &Layout) -> Vec<Process> {
    let ours = format!("{}/", layout.state.display());
    let known: Vec<Process> =
        layout.nodes.programs().iter().filter_map(|name| processes::living(layout, name)).collect();
    processes::all()
        .into_iter()
        .filter(|process| !known.contains(process))
        .filter(|process| is_component(&processes::arguments(process.pid), layout.nodes.programs(), &ours))
        .collect()
}

fn is_component(arguments: &[String], programs: &[&str], state: &str) -> bool {
    let Some((program, rest)) = arguments.split_first() else { return false };
    let name = program.rsplit('/').next().unwrap_or_default();
    (programs.contains(&name) || name == "ingress") && rest.iter().any(|argument| argument.contains(state))
}

/// Ends every container: SIGTERM to all of its processes, SIGKILL after a grace period, then the shims.
pub(crate) fn end_containers(layout: &Layout) -> Result<()> {
    let shims = shims(layout);
    let inside: Vec<Process> = container_processes(layout, &shims);
    processes::end(&inside, CONTAINER_GRACE)?;
    // A container that was being started meanwhile.
    processes::end(&container_processes(layout, &shims), Duration::ZERO)?;
    for shim in &shims {
        shim.signal(Signal::KILL);
    }
    processes::end(&shims, Duration::ZERO)
}

/// Whether containers of this cluster still run.
pub(crate) fn has_containers(layout: &Layout) -> bool {
    !shims(layout).is_empty()
}

/// The shims of our containerd, by the socket in their arguments.
fn shims(layout: &Layout) -> Vec<Process> {
    let socket = layout.containerd_socket().display().to_string();
    processes::all().into_iter().filter(|process| is_shim(&processes::arguments(process.pid), &socket)).collect()
}

fn is_shim(arguments: &[String], socket: &str) -> bool {
    arguments.first().is_some_and(|program| program.ends_with("containerd-shim-runc-v2"))
        && arguments.windows(2).any(|pair| pair[0] == "-address" && pair[1] == socket)
}

/// Descendants of the shims, and what lost its shim but still stands on our file systems in a pod's cgroup.
fn container_processes(layout: &Layout, shims: &[Process]) -> Vec<Process> {
    let all: Vec<(Process, i32)> =
        processes::all().into_iter().filter_map(|p| Some((p, Stat::read(p.pid)?.parent))).collect();
    let mut family: BTreeSet<i32> = shims.iter().map(|shim| shim.pid).collect();
    loop {
        let before = family.len();
        family.extend(all.iter().filter(|(_, parent)| family.contains(parent)).map(|(p, _)| p.pid).collect::<Vec<_>>());
        if family.len() == before {
            break;
        }
    }
    all.into_iter()
        .map(|(process, _)| process)
        .filter(|process| !shims.contains(process))
        .filter(|process| family.contains(&process.pid) || is_orphan(layout, process.pid))
        .collect()
}

fn is_orphan(layout: &Layout, pid: i32) -> bool {
    let in_a_pod = fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|text| text.contains("/kubepods/"));
    let root = layout.containerd_root().display().to_string();
    in_a_pod && fs::read_to_string(format!("/proc/{pid}/mountinfo")).is_ok_and(|text| text.contains(&root))
}

/// Removes what the container runtime left, after its processes have ended; it then starts as after a reboot.
pub(crate) fn clean_runtime(layout: &Layout) -> Result<()> {
    for socket in shim_sockets(&layout.containerd_state()) {
        let _ = fs::remove_file(socket);
    }
    unmount(layout)?;
    for directory in [&layout.run, &layout.addresses()] {
        if directory.exists() {
            fs::remove_dir_all(directory)?;
        }
    }
    remove_network_results();
    remove_log_links(layout);
    Ok(())
}

/// Shims put their sockets into a directory that all containerds share; the bundle names each.
fn shim_sockets(state: &Path) -> Vec<PathBuf> {
    let bundles = state.join("io.containerd.runtime.v2.task/k8s.io");
    let Ok(entries) = fs::read_dir(bundles) else { return Vec::new() };
    entries
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("address")).ok())
        .filter_map(|address| Some(PathBuf::from(address.trim().strip_prefix("unix://")?)))
        .collect()
}

/// Unmounts everything below our directories, and fails if something stays mounted.
pub(crate) fn unmount(layout: &Layout) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        let mounted = mounts_below(&table, &[&layout.state, &layout.run]);
        if mounted.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("these stay mounted: {}", mounted.join(" "));
        }
        for point in &mounted {
            exec::succeeds(Command::new("umount").args(["-l", point]));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Mount points strictly below one of `roots`, the last mounted first.
fn mounts_below(table: &str, roots: &[&Path]) -> Vec<String> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(4)).map(unescape);
    let mut below: Vec<String> =
        points.filter(|p| roots.iter().any(|root| Path::new(p) != *root && Path::new(p).starts_with(root))).collect();
    below.reverse();
    below
}

/// The kernel writes blanks and backslashes of a path as octal numbers.
fn unescape(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

/// The plugins' record of what they attached, kept in a directory that all networks share.
fn remove_network_results() {
    remove_entries("/var/lib/cni/results", |name, _| name.starts_with(&format!("{}-", network::NETWORK)));
}

/// Links to pod logs that the kubelet makes in a directory of the system.
fn remove_log_links(layout: &Layout) {
    let pod_logs = layout.pod_logs();
    remove_entries("/var/log/containers", |_, path| fs::read_link(path).is_ok_and(|to| to.starts_with(&pod_logs)));
}

fn remove_entries(directory: &str, ours: impl Fn(&str, &Path) -> bool) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if ours(&entry.file_name().to_string_lossy(), &entry.path()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Undoes what the cluster changed on the machine as a whole: cgroups and network. A no-op without the marker.
pub(crate) fn clean_machine(layout: &Layout) -> Result<()> {
    if !layout.machine_marker().exists() {
        return Ok(());
    }
    network::clean()?;
    remove_cgroups();
    remove_empty_directories();
    fs::remove_file(layout.machine_marker())?;
    Ok(())
}

/// Removes the pods' cgroups; the kernel refuses for those that still hold a process.
fn remove_cgroups() {
    let root = Path::new("/sys/fs/cgroup");
    let mut tops = vec![root.join("kubepods")];
    tops.extend(fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path().join("kubepods")));
    for top in tops.iter().filter(|top| top.is_dir()) {
        remove_cgroup(top);
    }
}

/// Directories of the system that our programs made; those that others use too are not empty, and stay.
fn remove_empty_directories() {
    // Its path is fixed in the kubelet, and there is no other kubelet on this machine.
    let _ = fs::remove_file("/var/lib/kubelet/device-plugins/kubelet.sock");
    let directories = [
        "/var/lib/kubelet/device-plugins",
        "/var/lib/kubelet",
        "/var/log/containers",
        "/var/lib/cni/results",
        "/var/lib/cni",
        "/run/containerd/s",
        "/run/containerd",
        "/run/store-platform",
    ];
    for directory in directories {
        let _ = fs::remove_dir(directory);
    }
}

fn remove_cgroup(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    let _ = fs::remove_dir(directory);
}

#[cfg(test)]
mod tests {
    use super::{super::components::OF_A_REAL_NODE, *};

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn only_mounts_below_our_directories_are_ours_and_the_last_comes_first() {
        let table = "1 0 8:1 / / rw - ext4 /dev/a rw\n\
                     2 1 0:1 / /state rw - tmpfs t rw\n\
                     3 1 0:1 / /state/kubelet/a rw - tmpfs t rw\n\
                     4 1 0:1 / /state/kubelet/a/with\\040blank rw - tmpfs t rw\n\
                     5 1 0:1 / /state2/kubelet rw - tmpfs t rw\n";
        let found = mounts_below(table, &[Path::new("/state"), Path::new("/run/x")]);
        assert_eq!(found, ["/state/kubelet/a/with blank", "/state/kubelet/a"]);
    }

    #[test]
    fn a_shim_is_ours_by_its_socket() {
        let ours = words("/usr/bin/containerd-shim-runc-v2 -namespace k8s.io -id a -address /run/x/containerd.sock");
        assert!(is_shim(&ours, "/run/x/containerd.sock"));
        assert!(!is_shim(&ours, "/run/y/containerd.sock"));
        assert!(!is_shim(&words("vim -address /run/x/containerd.sock"), "/run/x/containerd.sock"));
    }

    #[test]
    fn a_stray_is_a_program_of_ours_with_our_directory_in_its_arguments() {
        let is_ours = |line: &str| is_component(&words(line), OF_A_REAL_NODE, "/state/");
        assert!(is_ours("/p/bin/etcd --data-dir=/state/etcd"));
        assert!(!is_ours("/p/bin/etcd --data-dir=/other/etcd"));
        assert!(!is_ours("tail -f /state/logs/etcd.log"));
    }
}
