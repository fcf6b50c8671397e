//! The programs of the cluster: how each is started, and when it counts as ready.

use std::path::PathBuf;

use super::{
    certificates::file,
    configs::{self, NODE_NAME},
    layout::{Layout, Nodes, Settings},
    network::{NODE_ADDRESS, POD_RANGE, SERVICE_RANGE},
    programs,
};
use crate::paths;

pub(crate) const ETCD: &str = "etcd";
pub(crate) const API_SERVER: &str = "kube-apiserver";
pub(crate) const CONTROLLER_MANAGER: &str = "kube-controller-manager";
pub(crate) const SCHEDULER: &str = "kube-scheduler";
pub(crate) const CONTAINERD: &str = "containerd";
pub(crate) const KUBELET: &str = "kubelet";
pub(crate) const PROXY: &str = "kube-proxy";
pub(crate) const COREDNS: &str = "coredns";
pub(crate) const LOCAL_PATH: &str = "local-path-provisioner";
pub(crate) const INGRESS: &str = "local-ingress";
pub(crate) const KWOK: &str = "kwok";

/// The programs of a cluster whose node runs containers, in the order of their start.
pub(crate) const OF_A_REAL_NODE: &[&str] =
    &[ETCD, CONTAINERD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KUBELET, PROXY, COREDNS, LOCAL_PATH, INGRESS];
/// The programs of a cluster whose node is simulated, in the order of their start.
pub(crate) const OF_A_SIMULATED_NODE: &[&str] = &[ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK];

/// Not where the node is simulated: nothing mounts a volume there, and what protects volumes that are in use, in the API
/// server too, makes each namespace take five more seconds to go.
const WITHOUT_PROTECTION: [&str; 2] =
    ["persistentvolumeclaim-protection-controller", "persistentvolume-protection-controller"];

/// How to see that a program does its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ready {
    /// It lives; its work shows elsewhere (node Ready, service accounts).
    Alive,
    /// `GET` on 127.0.0.1 answers 200.
    Http(u16, &'static str),
    /// It accepts connections on a Unix socket.
    Socket(PathBuf),
    /// The API server's own `/readyz`.
    Api,
}

/// One program of the cluster.
#[derive(Debug, Clone)]
pub(crate) struct Component {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) ready: Ready,
}

/// The program with this name; the names are those of [`OF_A_REAL_NODE`] and [`OF_A_SIMULATED_NODE`].
pub(crate) fn component(name: &'static str, layout: &Layout, settings: &Settings) -> Component {
    let ports = &settings.ports;
    let (args, ready) = match name {
        ETCD => (etcd(layout, settings), Ready::Http(ports.etcd_health, "/health")),
        CONTAINERD => (
            vec![format!("--config={}", layout.config("containerd.toml").display())],
            Ready::Socket(layout.containerd_socket()),
        ),
        API_SERVER => (api_server(layout, settings), Ready::Api),
        CONTROLLER_MANAGER => (controller_manager(layout, settings), Ready::Alive),
        SCHEDULER => (scheduler(layout, settings), Ready::Alive),
        KUBELET => (kubelet(layout), Ready::Http(ports.kubelet_health, "/healthz")),
        PROXY => (proxy(layout, settings), Ready::Http(ports.proxy_health, "/livez")),
        COREDNS => (
            vec!["-conf".into(), layout.config("Corefile").display().to_string()],
            Ready::Http(ports.dns_ready, "/ready"),
        ),
        LOCAL_PATH => (local_path(layout), Ready::Alive),
        KWOK => (kwok(layout, settings), Ready::Http(ports.kwok, "/healthz")),
        _ => (ingress(layout, settings), Ready::Http(ports.ingress_health, "/healthz")),
    };
    let program = match name {
        CONTAINERD => paths::find_program(name).unwrap_or_else(|| name.into()),
        INGRESS => settings.programs.join("ingress"),
        KWOK => kwok_home(settings).join(KWOK),
        _ => settings.programs.join(name),
    };
    Component { program, args, ready }
}

fn etcd(layout: &Layout, settings: &Settings) -> Vec<String> {
    let ports = &settings.ports;
    let (client, peer) =
        (format!("https://127.0.0.1:{}", ports.etcd), format!("https://127.0.0.1:{}", ports.etcd_peer));
    vec![
        "--name=local".into(),
        format!("--data-dir={}", layout.etcd().display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=local={peer}"),
        format!("--listen-metrics-urls=http://127.0.0.1:{}", ports.etcd_health),
        format!("--cert-file={}", file(layout, "etcd.crt").display()),
        format!("--key-file={}", file(layout, "etcd.key").display()),
        format!("--trusted-ca-file={}", file(layout, "ca.crt").display()),
        "--client-cert-auth".into(),
        format!("--peer-cert-file={}", file(layout, "etcd.crt").display()),
        format!("--peer-key-file={}", file(layout, "etcd.key").display()),
        format!("--peer-trusted-ca-file={}", file(layout, "ca.crt").display()),
        "--peer-client-cert-auth".into(),
        // A developer's cluster: speed before surviving a power cut.
        "--unsafe-no-fsync".into(),
        "--auto-compaction-retention=1h".into(),
        "--log-level=warn".into(),
    ]
}

fn api_server(layout: &Layout, settings: &Settings) -> Vec<String> {
    let mut args = any_api_server(layout, settings);
    if layout.nodes == Nodes::Simulated {
        args.push("--disable-admission-plugins=StorageObjectInUseProtection".into());
    }
    args
}

fn any_api_server(layout: &Layout, settings: &Settings) -> Vec<String> {
    let pki = |name: &str| file(layout, name).display().to_string();
    vec![
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", settings.ports.api),
        // Pods reach it there: the local ingress passes connections on to loopback.
        format!("--advertise-address={NODE_ADDRESS}"),
        format!("--etcd-servers=https://127.0.0.1:{}", settings.ports.etcd),
        format!("--etcd-cafile={}", pki("ca.crt")),
        format!("--etcd-certfile={}", pki("etcd.crt")),
        format!("--etcd-keyfile={}", pki("etcd.key")),
        format!("--client-ca-file={}", pki("ca.crt")),
        format!("--tls-cert-file={}", pki("kube-apiserver.crt")),
        format!("--tls-private-key-file={}", pki("kube-apiserver.key")),
        format!("--kubelet-certificate-authority={}", pki("ca.crt")),
        format!("--kubelet-client-certificate={}", pki("kube-apiserver-kubelet-client.crt")),
        format!("--kubelet-client-key={}", pki("kube-apiserver-kubelet-client.key")),
        "--kubelet-preferred-address-types=InternalIP".into(),
        // Nobody holds a certificate of this name: the setting only lets other programs find their configuration whole.
        format!("--requestheader-client-ca-file={}", pki("ca.crt")),
        "--requestheader-allowed-names=front-proxy-client".into(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-signing-key-file={}", pki("service-account.key")),
        format!("--service-account-key-file={}", pki("service-account.key")),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        "--authorization-mode=Node,RBAC".into(),
        "--enable-admission-plugins=NodeRestriction".into(),
        "--anonymous-auth=false".into(),
        "--allow-privileged=true".into(),
        "--profiling=false".into(),
        format!("--audit-policy-file={}", layout.config("audit-policy.yaml").display()),
        format!("--audit-log-path={}", layout.audit_log().display()),
        "--audit-log-maxsize=100".into(),
        "--audit-log-maxbackup=2".into(),
    ]
}

fn controller_manager(layout: &Layout, settings: &Settings) -> Vec<String> {
    let pki = |name: &str| file(layout, name).display().to_string();
    let mut args = client_of_the_api(layout, CONTROLLER_MANAGER);
    args.extend([
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", settings.ports.controller_manager),
        "--leader-elect=false".into(),
        "--use-service-account-credentials".into(),
        "--allocate-node-cidrs".into(),
        format!("--cluster-cidr={POD_RANGE}"),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        format!("--cluster-signing-cert-file={}", pki("ca.crt")),
        format!("--cluster-signing-key-file={}", pki("ca.key")),
        format!("--root-ca-file={}", pki("ca.crt")),
        format!("--service-account-private-key-file={}", pki("service-account.key")),
    ]);
    if layout.nodes == Nodes::Simulated {
        args.push(format!("--controllers=*{}", WITHOUT_PROTECTION.map(|name| format!(",-{name}")).concat()));
        // After an outage of the API server a node would count as lost, and its pods as not ready: a kubelet says
        // otherwise, kwok does not.
        args.push("--node-monitor-grace-period=24h".into());
    }
    args
}

fn scheduler(layout: &Layout, settings: &Settings) -> Vec<String> {
    let mut args = client_of_the_api(layout, SCHEDULER);
    args.extend([
        "--bind-address=127.0.0.1".into(),
        format!("--secure-port={}", settings.ports.scheduler),
        "--leader-elect=false".into(),
    ]);
    args
}

fn client_of_the_api(layout: &Layout, name: &str) -> Vec<String> {
    let kubeconfig = layout.kubeconfig(name).display().to_string();
    ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
        .map(|flag| format!("--{flag}={kubeconfig}"))
        .to_vec()
}

fn kubelet(layout: &Layout) -> Vec<String> {
    vec![
        format!("--config={}", layout.config("kubelet.json").display()),
        format!("--kubeconfig={}", layout.kubeconfig(KUBELET).display()),
        format!("--root-dir={}", layout.kubelet().display()),
        format!("--cert-dir={}", layout.kubelet().join("pki").display()),
        format!("--hostname-override={NODE_NAME}"),
        format!("--node-ip={NODE_ADDRESS}"),
    ]
}

fn proxy(layout: &Layout, settings: &Settings) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig(PROXY).display()),
        "--proxy-mode=iptables".into(),
        format!("--cluster-cidr={POD_RANGE}"),
        format!("--hostname-override={NODE_NAME}"),
        format!("--healthz-bind-address=127.0.0.1:{}", settings.ports.proxy_health),
        format!("--metrics-bind-address=127.0.0.1:{}", settings.ports.proxy_metrics),
        // The machine's own connection tracking and routing stay as they are.
        "--conntrack-max-per-core=0".into(),
        "--conntrack-tcp-timeout-established=0".into(),
        "--conntrack-tcp-timeout-close-wait=0".into(),
        "--iptables-localhost-nodeports=false".into(),
        format!("--nodeport-addresses={NODE_ADDRESS}/32"),
        // A shop is reachable as soon as its pod is ready, not up to a second later.
        "--iptables-min-sync-period=100ms".into(),
    ]
}

fn local_path(layout: &Layout) -> Vec<String> {
    vec![
        "start".into(),
        format!("--kubeconfig={}", layout.kubeconfig(LOCAL_PATH).display()),
        "--namespace=local-path-storage".into(),
        "--configmap-name=local-path-config".into(),
        "--service-account-name=local-path-provisioner-service-account".into(),
        "--helper-image=busybox:latest".into(),
    ]
}

fn kwok_home(settings: &Settings) -> PathBuf {
    settings.kwok.clone().unwrap_or_default()
}

fn kwok(layout: &Layout, settings: &Settings) -> Vec<String> {
    vec![
        format!("--kubeconfig={}", layout.kubeconfig(KWOK).display()),
        // Its own stages, then ours: of two that match, the one with a weight is taken.
        format!("--config={}", kwok_home(settings).join(programs::KWOK_STAGES).display()),
        format!("--config={}", layout.config(configs::OWN_STAGES).display()),
        "--manage-all-nodes=true".into(),
        format!("--cidr={POD_RANGE}"),
        format!("--server-address=127.0.0.1:{}", settings.ports.kwok),
    ]
}

fn ingress(layout: &Layout, settings: &Settings) -> Vec<String> {
    let ports = &settings.ports;
    vec![
        format!("-kubeconfig={}", layout.kubeconfig(INGRESS).display()),
        format!("-listen=127.0.0.1:{}", ports.ingress),
        format!("-health=127.0.0.1:{}", ports.ingress_health),
        format!("-forward={NODE_ADDRESS}:{0}=127.0.0.1:{0}", ports.api),
    ]
}
