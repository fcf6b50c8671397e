//! What the chart's values ask of a cluster. Best effort: what cannot be read is not checked.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use yaml_serde::Value;

/// What of the values has an image and a volume, of both engines: any store may be the next one.
const PARTS: [&str; 4] = ["medusa", "medusa.postgres", "woocommerce.wordpress", "woocommerce.mysql"];

/// What is asked of a cluster.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The ingress class; absent if not known, empty for the cluster's default.
    pub(super) ingress_class: Option<String>,
    /// The storage classes; an empty name is the cluster's default.
    pub(super) storage_classes: BTreeSet<String>,
    /// The images.
    pub(super) images: Vec<String>,
}

/// Values files, the strongest last.
struct Values(Vec<Value>);

impl Wanted {
    /// Reads the chart in `directory`, under these values files.
    pub(super) fn read(directory: &Path, files: &[PathBuf]) -> Self {
        let chart = parse(&directory.join("Chart.yaml")).unwrap_or_default();
        let own = directory.join("values.yaml");
        let values = std::iter::once(&own).chain(files).filter_map(|file| parse(file));
        Self::of(&chart, &Values(values.collect()))
    }

    fn of(chart: &Value, values: &Values) -> Self {
        let class = |path: &&str| values.text(&format!("{path}.persistence.storageClass"));
        Self {
            ingress_class: values.text("ingress.className"),
            storage_classes: PARTS.iter().filter_map(class).collect(),
            images: PARTS.iter().filter_map(|path| image(path, chart, values)).collect(),
        }
    }
}

fn image(path: &str, chart: &Value, values: &Values) -> Option<String> {
    let registry = values.text("image.registry").filter(|registry| !registry.is_empty());
    let repository = values.text(&format!("{path}.image.repository"))?;
    let own = || chart["appVersion"].as_str().or_else(|| chart["version"].as_str()).map(str::to_owned);
    let tag = values.text(&format!("{path}.image.tag")).filter(|tag| !tag.is_empty()).or_else(own)?;
    let prefix = registry.map(|registry| format!("{}/", registry.trim_end_matches('/'))).unwrap_or_default();
    Some(format!("{prefix}{repository}:{tag}"))
}

fn parse(file: &Path) -> Option<Value> {
    yaml_serde::from_str(&std::fs::read_to_string(file).ok()?).ok()
}

impl Values {
    /// The strongest value at a dotted path.
    fn text(&self, path: &str) -> Option<String> {
        let at = |value: &Value| path.split('.').try_fold(value.clone(), |value, key| value.get(key).cloned());
        self.0.iter().rev().find_map(at).and_then(|value| value.as_str().map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn yaml(text: &str) -> Value {
        yaml_serde::from_str(text).unwrap()
    }

    #[test]
    fn the_stronger_file_wins_key_by_key() {
        let chart = yaml("{version: 1.2.3}");
        let values = Values(vec![
            yaml(
                "{image: {registry: ''}, ingress: {className: nginx}, medusa: {image: {repository: shop, tag: ''}, \
                 persistence: {storageClass: ''}, postgres: {image: {repository: postgres, tag: '17'}, \
                 persistence: {storageClass: ''}}}, woocommerce: {wordpress: {image: {repository: blog, tag: ''}, \
                 persistence: {storageClass: ''}}, mysql: {image: {repository: mariadb, tag: '11.8'}, \
                 persistence: {storageClass: ''}}}}",
            ),
            yaml(
                "{image: {registry: ghcr.io/me/}, medusa: {persistence: {storageClass: fast}}, \
                 woocommerce: {mysql: {persistence: {storageClass: safe}}}}",
            ),
        ]);
        let wanted = Wanted::of(&chart, &values);
        assert_eq!(wanted.ingress_class.as_deref(), Some("nginx"));
        assert_eq!(wanted.storage_classes, ["", "fast", "safe"].map(str::to_owned).into());
        let images = ["shop:1.2.3", "postgres:17", "blog:1.2.3", "mariadb:11.8"];
        assert_eq!(wanted.images, images.map(|image| format!("ghcr.io/me/{image}")));
    }

    #[test]
    fn what_is_not_there_is_not_wanted() {
        assert_eq!(Wanted::read(Path::new("nowhere"), &[]), Wanted::default());
    }
}
