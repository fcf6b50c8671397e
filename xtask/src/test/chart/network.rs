//! Who may talk to whom: the network policies of a store as they are rendered. Nothing on the local cluster enforces
//! them, so that only what they say is judged here.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

const COMPONENT: &str = "app.kubernetes.io/component";
/// Private networks (RFC 1918), and the link-local one with the metadata of clouds (RFC 3927).
const DENIED: [&str; 4] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"];
const DNS: u64 = 53;

/// Checks that nothing is allowed but what a shop needs.
pub(super) fn judge(objects: &[Value]) -> Result<()> {
    let policies: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "NetworkPolicy").collect();
    let denies_all = |policy: &&&Value| {
        let spec = &policy["spec"];
        let says_nothing = spec["ingress"].is_null() && spec["egress"].is_null();
        spec["podSelector"] == json!({}) && spec["policyTypes"] == json!(["Ingress", "Egress"]) && says_nothing
    };
    if !policies.iter().any(|policy| denies_all(&policy)) {
        bail!("no network policy denies everything that is not allowed");
    }
    for policy in &policies {
        judge_one(policy).with_context(|| format!("NetworkPolicy {}", policy["metadata"]["name"]))?;
    }
    let reaches_database = policies.iter().filter(|policy| selects(policy, "database"));
    if reaches_database.clone().flat_map(|policy| rules(policy, "ingress")).count() != 1 {
        bail!("the database is to be reached by one rule");
    }
    Ok(())
}

fn judge_one(policy: &Value) -> Result<()> {
    if selects(policy, "database") {
        for rule in rules(policy, "ingress") {
            let mut from: Vec<&str> = peers(rule, "from").map(component).collect();
            from.sort_unstable();
            if from != ["server", "setup"] {
                bail!("the database can be reached from {from:?}");
            }
        }
        if rules(policy, "egress").next().is_some() {
            bail!("the database reaches somebody");
        }
    }
    for rule in rules(policy, "egress") {
        judge_egress(policy, rule)?;
    }
    Ok(())
}

/// What leaves a pod goes to DNS, to a component of the store, or to a public address: and that only from the server.
fn judge_egress(policy: &Value, rule: &Value) -> Result<()> {
    let ports: Vec<u64> = rule["ports"].as_array().into_iter().flatten().filter_map(|p| p["port"].as_u64()).collect();
    if !ports.is_empty() && ports.iter().all(|port| *port == DNS) {
        return Ok(());
    }
    let mut to = peers(rule, "to").peekable();
    if to.peek().is_none() {
        bail!("it may reach everybody: {rule}");
    }
    for peer in to {
        let block = &peer["ipBlock"];
        if block.is_null() {
            if component(peer).is_empty() {
                bail!("it may reach pods that are not the store's: {peer}");
            }
            continue;
        }
        if !selects(policy, "server") {
            bail!("only the server reaches public addresses, not {}", policy["spec"]["podSelector"]);
        }
        let except = |range: &str| block["except"].as_array().is_some_and(|all| all.contains(&json!(range)));
        if block["cidr"] == "0.0.0.0/0" && !DENIED.iter().all(|range| except(range)) {
            bail!("it may reach private addresses: {block}");
        }
    }
    Ok(())
}

/// Whether a policy is about pods of this component; one about all pods is not about any.
fn selects(policy: &Value, component: &str) -> bool {
    policy["spec"]["podSelector"]["matchLabels"][COMPONENT] == component
}

fn rules<'a>(policy: &'a Value, direction: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    policy["spec"][direction].as_array().into_iter().flatten()
}

fn peers<'a>(rule: &'a Value, direction: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    rule[direction].as_array().into_iter().flatten()
}

/// The component of the store's own namespace that a peer names.
fn component(peer: &Value) -> &str {
    let is_elsewhere = !peer["namespaceSelector"].is_null();
    peer["podSelector"]["matchLabels"][COMPONENT].as_str().filter(|_| !is_elsewhere).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(spec: &Value) -> Value {
        json!({"kind": "NetworkPolicy", "metadata": {"name": "x"}, "spec": spec})
    }

    fn of(component: &str) -> Value {
        json!({"podSelector": {"matchLabels": {COMPONENT: component}}})
    }

    #[test]
    fn what_opens_a_store_is_found() {
        let deny = policy(&json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
        let database = |from: Value| {
            let mut spec = of("database");
            spec["ingress"] = json!([{"from": from}]);
            policy(&spec)
        };
        let closed = database(json!([of("server"), of("setup")]));
        let egress = |component: &str, rule: Value| {
            let mut spec = of(component);
            spec["egress"] = json!([rule]);
            policy(&spec)
        };
        let public = json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": DENIED}}]});
        judge(&[deny.clone(), closed.clone(), egress("server", public.clone())]).unwrap();

        let everywhere = json!({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]});
        let foreign =
            json!({"to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {COMPONENT: "database"}}}]});
        for open in [
            vec![closed.clone()],
            vec![deny.clone()],
            vec![deny.clone(), database(json!([of("server"), {"podSelector": {}}]))],
            vec![deny.clone(), closed.clone(), egress("database", public.clone())],
            vec![deny.clone(), closed.clone(), egress("setup", public)],
            vec![deny.clone(), closed.clone(), egress("server", everywhere)],
            vec![deny.clone(), closed.clone(), egress("server", foreign)],
            vec![deny, closed, egress("server", json!({}))],
        ] {
            assert!(judge(&open).is_err(), "{open:#?}");
        }
    }
}
