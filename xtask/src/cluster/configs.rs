//! The configuration files of the cluster's programs.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    certificates::file,
    layout::{Layout, Nodes, Settings},
    network::{NETWORK, NODE_ADDRESS, NODE_RANGE},
    simulated,
};
use crate::install;

/// The node's name, whatever the machine is called: certificates and volumes refer to it.
pub(crate) const NODE_NAME: &str = "store-platform-local";
/// The image that holds a pod's namespaces.
pub(crate) const PAUSE_IMAGE: &str = "docker.io/library/pause:local";

/// What kwok does beside its own stages.
pub(crate) const OWN_STAGES: &str = "stages.yaml";

/// Pods on the node; below the number of addresses in its range.
const MAX_PODS: u32 = 240;

/// All files: name and text.
pub(crate) fn files(layout: &Layout, settings: &Settings) -> Vec<(&'static str, String)> {
    if layout.nodes == Nodes::Simulated {
        return vec![("audit-policy.yaml", AUDIT_POLICY.to_owned()), (OWN_STAGES, simulated::STAGES.to_owned())];
    }
    vec![
        ("containerd.toml", containerd(layout)),
        ("cni/10-store-platform.conflist", network(layout)),
        ("kubelet.json", kubelet(layout, settings)),
        ("audit-policy.yaml", AUDIT_POLICY.to_owned()),
        ("Corefile", corefile(layout, settings)),
        // Pods of the cluster's own DNS get their resolver from the kubelet; the machine's is none of their business.
        ("resolv.conf", format!("nameserver {NODE_ADDRESS}\n")),
    ]
}

/// Writes all files.
pub(crate) fn write(layout: &Layout, settings: &Settings) -> Result<()> {
    fs::create_dir_all(layout.config("cni"))?;
    for (name, text) in files(layout, settings) {
        let path = layout.config(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Requests are logged when they have been answered, without their bodies: enough to count them by user agent.
const AUDIT_POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
";

fn containerd(layout: &Layout) -> String {
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{socket}"
[ttrpc]
  address = "{socket}.ttrpc"
[plugins."io.containerd.internal.v1.opt"]
  path = "{root}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  stream_server_address = "127.0.0.1"
  # Root without CAP_SYS_RESOURCE cannot lower a score; without this every sandbox fails on such machines.
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  # Below our own state directory, so that leftovers can be told from other people's namespaces.
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{cni}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{runc}"
"#,
        root = layout.containerd_root().display(),
        state = layout.containerd_state().display(),
        runc = layout.run.join("runc").display(),
        socket = layout.containerd_socket().display(),
        plugins = install::cni_directory(),
        cni = layout.config("cni").display(),
    )
}

fn network(layout: &Layout) -> String {
    let config = json!({
        "cniVersion": "0.4.0",
        "name": NETWORK,
        "plugins": [{
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": true,
            "ipMasq": true,
            "hairpinMode": true,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": NODE_RANGE, "gateway": NODE_ADDRESS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": layout.addresses(),
            },
        }],
    });
    format!("{config:#}")
}

fn kubelet(layout: &Layout, settings: &Settings) -> String {
    let config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": NODE_ADDRESS,
        "port": settings.ports.kubelet,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": settings.ports.kubelet_health,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": file(layout, "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": file(layout, "kubelet-server.crt"),
        "tlsPrivateKeyFile": file(layout, "kubelet-server.key"),
        "containerRuntimeEndpoint": format!("unix://{}", layout.containerd_socket().display()),
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": false,
        "failSwapOn": false,
        "clusterDNS": [NODE_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": layout.config("resolv.conf"),
        "maxPods": MAX_PODS,
        "podLogsDir": layout.pod_logs(),
        "containerLogMaxSize": "10Mi",
        "containerLogMaxFiles": 2,
        "volumePluginDir": layout.kubelet().join("plugins-exec"),
        // Images cannot be pulled again, and a developer's disk is nearly always nearly full.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%",
            "nodefs.inodesFree": "1%", "imagefs.inodesFree": "1%"},
    });
    format!("{config:#}")
}

fn corefile(layout: &Layout, settings: &Settings) -> String {
    format!(
        ".:53 {{
    bind {NODE_ADDRESS}
    ready 127.0.0.1:{ready}
    errors
    cache 5
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {kubeconfig}
    }}
}}
",
        ready = settings.ports.dns_ready,
        kubeconfig = layout.kubeconfig("coredns").display(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn containerd_keeps_to_its_own_directories() {
        let layout = Layout::new(Path::new("/state"), Nodes::Real).unwrap();
        let text = containerd(&layout);
        assert!(text.contains("root = \"/state/containerd\"") && text.contains("restrict_oom_score_adj = true"));
    }
}
