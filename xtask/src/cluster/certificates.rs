//! The cluster's certificate authority, its certificates, and the kubeconfig files that use them. Made by `openssl`,
//! valid for a year, made anew when less than a month is left.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    configs::NODE_NAME,
    layout::{Layout, Nodes, Settings},
    network::{API_SERVICE, NODE_ADDRESS},
};
use crate::exec;

/// Part of the marker: raise it when the list below changes, so that existing clusters get the new certificates.
const EDITION: &str = "1";
const DAYS: &str = "365";
const SECONDS_LEFT: &str = "2592000";
/// Name of the context in the kubeconfig for people and tests.
const CONTEXT: &str = "store-platform-local";

/// A client or server certificate.
struct Leaf {
    name: &'static str,
    subject: String,
    alternatives: String,
}

fn leaves(nodes: Nodes) -> Vec<Leaf> {
    let client = |name, subject: &str| Leaf { name, subject: subject.to_owned(), alternatives: String::new() };
    let server = |name, alternatives: String| Leaf { name, subject: format!("/CN={name}"), alternatives };
    let mut leaves = vec![
        server("etcd", "DNS:localhost,IP:127.0.0.1".into()),
        server(
            "kube-apiserver",
            format!(
                "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
                 DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:{API_SERVICE},IP:{NODE_ADDRESS}"
            ),
        ),
        client("admin", "/O=system:masters/CN=admin"),
        client("kube-apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        client("kube-controller-manager", "/CN=system:kube-controller-manager"),
        client("kube-scheduler", "/CN=system:kube-scheduler"),
    ];
    match nodes {
        // It stands for everything that a node does, and for the provisioner of its volumes.
        Nodes::Simulated => leaves.push(client("kwok", "/O=system:masters/CN=kwok")),
        Nodes::Real => leaves.extend([
            // It must name the node's own address, or the API server refuses to fetch logs and to execute.
            server("kubelet-server", format!("DNS:{NODE_NAME},IP:{NODE_ADDRESS}")),
            client("kubelet", &format!("/O=system:nodes/CN=system:node:{NODE_NAME}")),
            client("kube-proxy", "/CN=system:kube-proxy"),
            client("coredns", "/CN=store-platform:coredns"),
            client("local-path-provisioner", "/CN=store-platform:local-path-provisioner"),
            client("local-ingress", "/CN=store-platform:local-ingress"),
        ]),
    }
    leaves
}

/// A file of the certificate directory.
pub(crate) fn file(layout: &Layout, name: &str) -> PathBuf {
    layout.pki().join(name)
}

/// Makes sure of all certificates. The service account key is never replaced: issued tokens would lose their worth.
pub(crate) fn ensure(layout: &Layout) -> Result<()> {
    let service_account = file(layout, "service-account.key");
    if !service_account.exists() {
        let mut command = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out"]);
        exec::capture(command.arg(&service_account))?;
    }
    let marker = file(layout, "edition");
    if fs::read_to_string(&marker).is_ok_and(|text| text == EDITION) && all_fresh(layout) {
        return Ok(());
    }
    issue_authority(layout)?;
    for leaf in leaves(layout.nodes) {
        issue(layout, &leaf).with_context(|| format!("cannot issue the certificate {}", leaf.name))?;
    }
    fs::write(marker, EDITION)?;
    Ok(())
}

fn all_fresh(layout: &Layout) -> bool {
    std::iter::once("ca").chain(leaves(layout.nodes).iter().map(|leaf| leaf.name)).all(|name| {
        let certificate = file(layout, &format!("{name}.crt"));
        exec::succeeds(openssl(&["x509", "-noout", "-checkend", SECONDS_LEFT, "-in"]).arg(certificate))
    })
}

fn issue_authority(layout: &Layout) -> Result<()> {
    let config = file(layout, "ca.cnf");
    fs::write(
        &config,
        "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:TRUE\n\
         keyUsage=critical,keyCertSign,cRLSign,digitalSignature\nsubjectKeyIdentifier=hash\n",
    )?;
    let mut command = request(&config, &file(layout, "ca.key"), &file(layout, "ca.crt"), "/CN=store-platform-local");
    exec::capture(&mut command).map(drop).context("cannot make the certificate authority")
}

fn issue(layout: &Layout, leaf: &Leaf) -> Result<()> {
    let config = file(layout, &format!("{}.cnf", leaf.name));
    let mut text = String::from(
        "[req]\ndistinguished_name=dn\nx509_extensions=ext\n[dn]\n[ext]\nbasicConstraints=critical,CA:FALSE\n\
         keyUsage=critical,digitalSignature,keyEncipherment\nextendedKeyUsage=serverAuth,clientAuth\n",
    );
    if !leaf.alternatives.is_empty() {
        text += "subjectAltName=";
        text += &leaf.alternatives;
        text += "\n";
    }
    fs::write(&config, text)?;
    let key = file(layout, &format!("{}.key", leaf.name));
    let mut command = request(&config, &key, &file(layout, &format!("{}.crt", leaf.name)), &leaf.subject);
    command.arg("-CA").arg(file(layout, "ca.crt")).arg("-CAkey").arg(file(layout, "ca.key"));
    exec::capture(&mut command).map(drop)
}

fn request(config: &Path, key: &Path, certificate: &Path, subject: &str) -> Command {
    let mut command = openssl(&["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]);
    command.args(["-days", DAYS, "-subj", subject, "-config"]).arg(config);
    command.arg("-keyout").arg(key).arg("-out").arg(certificate);
    command
}

fn openssl(args: &[&str]) -> Command {
    let mut command = Command::new("openssl");
    command.args(args);
    command
}

/// Writes the kubeconfig of each client, and the self-contained one for people and tests.
pub(crate) fn write_kubeconfigs(layout: &Layout, settings: &Settings) -> Result<()> {
    let of_the_node: &[&str] = match layout.nodes {
        Nodes::Real => &["kubelet", "kube-proxy", "coredns", "local-path-provisioner", "local-ingress"],
        Nodes::Simulated => &["kwok"],
    };
    for client in ["admin", "kube-controller-manager", "kube-scheduler"].iter().chain(of_the_node) {
        // Every JSON document is a YAML document too.
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": {
                "server": format!("https://127.0.0.1:{}", settings.ports.api),
                "certificate-authority": file(layout, "ca.crt"),
            }}],
            "users": [{"name": client, "user": {
                "client-certificate": file(layout, &format!("{client}.crt")),
                "client-key": file(layout, &format!("{client}.key")),
            }}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": client}}],
            "current-context": CONTEXT,
        });
        write_private(&layout.kubeconfig(client), serde_json::to_string_pretty(&config)?.as_bytes())?;
    }
    let mut flatten = Command::new(settings.programs.join("kubectl"));
    flatten.arg("--kubeconfig").arg(layout.kubeconfig("admin")).args(["config", "view", "--raw", "--flatten"]);
    let text = exec::capture(&mut flatten)?;
    write_private(&layout.admin_kubeconfig(), text.as_bytes())
}

/// Replaces a file by one that only its owner can read.
pub(super) fn write_private(path: &Path, text: &[u8]) -> Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let partial = path.with_extension("partial");
    let _ = fs::remove_file(&partial);
    let mut file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&partial)?;
    file.write_all(text)?;
    fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}
