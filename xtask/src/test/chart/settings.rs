//! What operators set: TLS, the classes of k3s, MySQL in MariaDB's place, one values file over the other, and the versions
//! of Kubernetes that the chart is for.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{
    helm::Helm,
    pods::of_objects,
    samples::{ENGINES, Sample, VALUES, read},
};
use crate::test::outcome::Outcome;

const HOST: &str = "sample.shops.example";
/// The only addresses that are not the store's own: within its namespace.
const INNER: &str = "http://storefront";

/// Checks all of them with both majors.
pub(super) fn check(helms: &[Helm; 2], outcome: &mut Outcome) -> Result<()> {
    for helm in helms {
        for engine in ENGINES {
            let mut check = |what: &str, result| outcome.check(&format!("{}, {engine}: {what}", helm.name), result);
            check("with TLS, every address of the store is https", tls(helm, engine));
            check("traefik and local-path, as on k3s", k3s(helm, engine));
            check("values.yaml < first file < second file < the platform's document", precedence(helm, engine));
            check("a platform document of exactly 4096 bytes", whole_pages(helm, engine));
            check("without its plugin only if somebody says so", with_plugin(helm, engine));
        }
        outcome.check(&format!("{}: MySQL in MariaDB's place", helm.name), mysql(helm));
    }
    kubernetes(&helms[0], outcome)
}

fn tls(helm: &Helm, engine: &str) -> Result<()> {
    let sample = Sample::new(engine).values_file(VALUES[1]);
    let sample = sample.platform("host", json!(HOST)).platform("publicUrl", json!(format!("https://{HOST}")));
    let objects = helm.render(&sample)?;
    let ingress = &object(&objects, "Ingress")?["spec"];
    demand(&ingress["tls"], &json!([{"hosts": [HOST], "secretName": "storefront-tls"}]), "the ingress's TLS")?;
    demand(&ingress["rules"][0]["host"], &json!(HOST), "the ingress's host")?;
    let mut found = 0;
    for text in texts(&objects) {
        found += text.matches(&format!("https://{HOST}")).count();
        if text.replace(INNER, "").contains("http://") {
            bail!("there is an address without TLS: {text}");
        }
    }
    if found == 0 {
        bail!("the store's own address is nowhere");
    }
    let named = sample.values(json!({"ingress": {"tls": {"secretName": "wildcard"}}}));
    let objects = helm.render(&named)?;
    demand(&object(&objects, "Ingress")?["spec"]["tls"][0]["secretName"], &json!("wildcard"), "a secret of one's own")
}

/// Some versions of Helm lose the last line of values that fill their buffer to the byte.
fn whole_pages(helm: &Helm, engine: &str) -> Result<()> {
    let sample = Sample::new(engine).values_file(VALUES[0]);
    let expected = helm.render(&sample)?;
    for length in [4096, 8192] {
        let document = format!("{:<1$}\n", sample.document.to_string(), length - 1);
        if document.len() != length || helm.render_with(&sample, &document)? != expected {
            bail!("{length} bytes render something else");
        }
    }
    Ok(())
}

fn k3s(helm: &Helm, engine: &str) -> Result<()> {
    let sample = Sample::new(engine)
        .values_file(VALUES[1])
        .values(json!({"ingress": {"className": "traefik"}}))
        .kubernetes("1.33.1+k3s1");
    let objects = helm.render(&sample)?;
    let ingress = object(&objects, "Ingress")?;
    demand(&ingress["spec"]["ingressClassName"], &json!("traefik"), "the ingress class")?;
    let claims = claims(&objects);
    if claims.len() != 2 {
        bail!("{} claims: a store has two", claims.len());
    }
    claims.iter().try_for_each(|claim| demand(&claim["storageClassName"], &json!("local-path"), "the storage class"))
}

/// The claims of volumes, wherever they are written.
fn claims(objects: &[Value]) -> Vec<&Value> {
    let own = objects.iter().filter(|object| object["kind"] == "PersistentVolumeClaim").map(|object| &object["spec"]);
    let templates = objects.iter().filter_map(|object| object["spec"]["volumeClaimTemplates"].as_array()).flatten();
    own.chain(templates.map(|template| &template["spec"])).collect()
}

fn precedence(helm: &Helm, engine: &str) -> Result<()> {
    let first = json!({
        "ingress": {"className": "first", "annotations": {"a": "first", "b": "first"}},
        "image": {"registry": "first.example"},
    });
    let second = json!({
        "ingress": {"className": "second", "annotations": {"b": "second"}},
        "platform": {"engine": "other", "plan": "large", "host": "stolen.example", "publicUrl": "http://stolen.example"},
    });
    let sample = Sample::new(engine).values(first).values(second);
    let objects = helm.render(&sample)?;
    let ingress = object(&objects, "Ingress")?;
    demand(&ingress["spec"]["ingressClassName"], &json!("second"), "the stronger file")?;
    demand(&ingress["metadata"]["annotations"], &json!({"a": "first", "b": "second"}), "both files, key by key")?;
    demand(&ingress["spec"]["rules"][0]["host"], &json!("sample.localhost"), "the platform's host")?;
    if let Some(text) = texts(&objects).into_iter().find(|text| text.contains("stolen")) {
        bail!("an operator's file changed what belongs to the platform: {text}");
    }
    let quota = &object(&objects, "ResourceQuota")?["spec"]["hard"];
    demand(quota, &sample.merged_values()?["plans"]["small"]["quota"], "the platform's plan")?;
    for pod in of_objects(&objects) {
        let pod = pod.object("x");
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned();
        if !image.starts_with("first.example/") {
            bail!("the image {image} does not come from the first file's registry");
        }
    }
    Ok(())
}

fn with_plugin(helm: &Helm, engine: &str) -> Result<()> {
    for values in VALUES {
        let objects = helm.render(&Sample::new(engine).values_file(values))?;
        let envs = environment(&objects, "WITHOUT_PLUGIN");
        if envs.iter().any(|value| *value != "false") || (engine == "woocommerce") == envs.is_empty() {
            bail!("{values}: {envs:?}");
        }
    }
    Ok(())
}

fn mysql(helm: &Helm) -> Result<()> {
    let values =
        json!({"woocommerce": {"mysql": {"flavour": "mysql", "image": {"repository": "mysql", "tag": "8.4"}}}});
    let objects = helm.render(&Sample::new("woocommerce").values_file(VALUES[0]).values(values))?;
    let database = object(&objects, "StatefulSet")?;
    let container = &database["spec"]["template"]["spec"]["containers"][0];
    demand(&container["image"], &json!("mysql:8.4"), "the image")?;
    let names: Vec<&str> =
        container["env"].as_array().into_iter().flatten().filter_map(|entry| entry["name"].as_str()).collect();
    if !names.contains(&"MYSQL_DATABASE") || names.iter().any(|name| name.starts_with("MARIADB_")) {
        bail!("the variables are not those of MySQL's image: {names:?}");
    }
    let probe = container["readinessProbe"].to_string();
    if probe.contains("mariadb") {
        bail!("the probe runs a program that MySQL's image lacks: {probe}");
    }
    Ok(())
}

/// The range that `Chart.yaml` states is the one that Helm applies, with the suffixes that vendors add.
fn kubernetes(helm: &Helm, outcome: &mut Outcome) -> Result<()> {
    let chart = read(Path::new("Chart.yaml"))?;
    let range = chart["kubeVersion"].as_str().context("Chart.yaml states no kubeVersion")?;
    let (least, most) = (bound(range, ">=").context("kubeVersion has no lower bound")?, bound(range, "<"));
    let sample = |minor: u32, rest: &str| Sample::new("medusa").kubernetes(&format!("1.{minor}.{rest}"));
    let accepts = |minor: u32, rest: &str| helm.render(&sample(minor, rest)).map(drop);
    outcome.check(&format!("Kubernetes 1.{least} is old enough"), accepts(least, "0"));
    outcome.check(
        "the versions of k3s and of clouds are understood",
        accepts(least, "3+k3s1").and_then(|()| accepts(least, "5-gke.100")),
    );
    outcome.check(&format!("Kubernetes 1.{} is too old", least - 1), helm.refuses(&sample(least - 1, "9"), &["1."]));
    if let Some(most) = most {
        outcome.check(&format!("Kubernetes 1.{} is in the range", most - 1), accepts(most - 1, "9"));
        outcome.check(&format!("Kubernetes 1.{most} is too new"), helm.refuses(&sample(most, "0"), &["1."]));
    }
    Ok(())
}

/// The minor version after a comparison.
fn bound(range: &str, comparison: &str) -> Option<u32> {
    let word = range.split([' ', ',']).find_map(|word| word.strip_prefix(comparison))?;
    word.split('.').nth(1)?.parse().ok()
}

fn demand(seen: &Value, wanted: &Value, what: &str) -> Result<()> {
    if seen != wanted {
        bail!("{what}: {seen} where {wanted} is wanted");
    }
    Ok(())
}

fn object<'a>(objects: &'a [Value], kind: &str) -> Result<&'a Value> {
    objects.iter().find(|object| object["kind"] == kind).with_context(|| format!("there is no {kind}"))
}

/// The values of a variable in all containers.
fn environment(objects: &[Value], name: &str) -> Vec<String> {
    let mut values = Vec::new();
    for pod in of_objects(objects) {
        let pod = pod.object("x");
        for list in ["initContainers", "containers"] {
            let containers = pod["spec"][list].as_array().into_iter().flatten();
            let env = containers.flat_map(|container| container["env"].as_array().into_iter().flatten());
            let found = env.filter(|entry| entry["name"] == name).filter_map(|entry| entry["value"].as_str());
            values.extend(found.map(str::to_owned));
        }
    }
    values
}

/// Every text in the objects, scripts and arguments included.
fn texts(objects: &[Value]) -> Vec<&str> {
    fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => found.push(text),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(map) => map.values().for_each(|value| collect(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for object in objects {
        collect(object, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_read_from_the_range() {
        assert_eq!((bound(">=1.27.0-0", ">="), bound(">=1.27.0-0", "<")), (Some(27), None));
        assert_eq!(bound(">=1.27.0-0 <1.40.0-0", "<"), Some(40));
    }

    #[test]
    fn texts_are_found_wherever_they_are() {
        let objects = [json!({"a": ["x", {"b": "y"}], "c": 1})];
        assert_eq!(texts(&objects), ["x", "y"]);
    }
}
