//! Whether the names of stores lead anywhere from this machine.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use reqwest::Url;
use store_core::service::StoreDocument;

use super::report::Report;

const CHECK: &str = "store names";
/// A resolver may take seconds for a name that it does not know, and one name tells as much as a thousand.
const LOOKED_UP_MAX: usize = 20;
const PATIENCE: Duration = Duration::from_secs(6);

/// Looks up the hosts of stores that are not deleted, of some where there are many; `address` is where the cluster's ingress answers, if known.
pub(super) async fn examine(stores: &[StoreDocument], address: Option<&str>, report: &mut Report) {
    let hosts: BTreeSet<String> = stores
        .iter()
        .filter(|store| store.deleted_at.is_none())
        .filter_map(|store| Url::parse(&store.store_url).ok()?.host_str().map(str::to_owned))
        .take(LOOKED_UP_MAX)
        .collect();
    if hosts.is_empty() {
        report.ok(CHECK, "no stores yet whose names could be looked up");
        return;
    }
    let found = join_all(hosts.iter().map(|host| resolves(host))).await;
    let unknown: Vec<&str> =
        hosts.iter().zip(found).filter(|(_, is_found)| !is_found).map(|(host, _)| host.as_str()).collect();
    if unknown.is_empty() {
        report.ok(CHECK, format!("the {} that were looked up are known on this machine", hosts.len()));
    } else {
        report.warn(CHECK, describe(&unknown, hosts.len()), mend(&unknown, address));
    }
}

async fn resolves(host: &str) -> bool {
    let looked_up = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 80))).await;
    looked_up.is_ok_and(|found| found.is_ok_and(|mut addresses| addresses.next().is_some()))
}

fn describe(unknown: &[&str], of: usize) -> String {
    let local = unknown.iter().all(|host| host.ends_with(".localhost"));
    let note = if local { "\n(browsers and curl know *.localhost by themselves, other programs do not)" } else { "" };
    format!("{} of {of} that were looked up are not known on this machine{note}", unknown.len())
}

fn mend(unknown: &[&str], address: Option<&str>) -> String {
    let (local, public): (Vec<&str>, Vec<&str>) = unknown.iter().partition(|host| host.ends_with(".localhost"));
    let mut ways = Vec::new();
    if !local.is_empty() {
        ways.push("add to the hosts file (/etc/hosts):".to_owned());
        ways.extend(local.iter().map(|host| format!("{} {host}", address.unwrap_or("127.0.0.1"))));
    }
    if !public.is_empty() {
        let to = address.unwrap_or("the ingress controller's address");
        ways.push(format!("add DNS records that lead to {to}, or one wildcard record, for:"));
        ways.extend(public.iter().map(ToString::to_string));
    }
    ways.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_go_into_the_hosts_file_and_public_ones_into_dns() {
        let text = mend(&["demo.localhost", "shop.example.com"], Some("192.168.49.2"));
        assert!(text.contains("\n192.168.49.2 demo.localhost\n"), "{text}");
        assert!(text.contains("DNS records that lead to 192.168.49.2"), "{text}");
        assert!(mend(&["demo.localhost"], None).contains("127.0.0.1 demo.localhost"));
    }
}
