//! Helm, linting and rendering the chart for a sample store.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::samples::{RELEASE, Sample, chart};
use crate::exec;

/// One Helm.
#[derive(Debug)]
pub(super) struct Helm {
    pub(super) name: &'static str,
    program: PathBuf,
}

impl Helm {
    pub(super) fn new(name: &'static str, program: PathBuf) -> Self {
        Self { name, program }
    }

    /// Both majors.
    pub(super) fn both(bin: &Path) -> [Self; 2] {
        [Self::new("helm 4", bin.join("helm")), Self::new("helm 3", bin.join("helm3"))]
    }

    /// The output of `lint` or `template`.
    pub(super) fn run(&self, verb: &str, sample: &Sample) -> Result<String> {
        self.run_with(verb, sample, &format!("{}\n", sample.document))
    }

    /// The rendered objects with this platform document, written so.
    pub(super) fn render_with(&self, sample: &Sample, document: &str) -> Result<Vec<Value>> {
        objects(&self.run_with("template", sample, document)?)
    }

    fn run_with(&self, verb: &str, sample: &Sample, document: &str) -> Result<String> {
        let mut command = Command::new(&self.program);
        // Without a version Helm 3 renders for a Kubernetes of its own that no chart of today supports.
        command.args([verb, "--kube-version", &sample.kubernetes]);
        if verb == "template" {
            command.arg(RELEASE);
        }
        command.arg(chart()).args(["--namespace", RELEASE]);
        let files = tempfiles(&sample.files)?;
        for file in &files {
            command.arg("--values").arg(file);
        }
        let output = exec::feed(command.args(["--values", "-"]), document);
        for file in files.iter().filter(|file| !file.starts_with(chart())) {
            std::fs::remove_file(file)?;
        }
        output
    }

    /// The rendered objects, sorted.
    pub(super) fn render(&self, sample: &Sample) -> Result<Vec<Value>> {
        objects(&self.run("template", sample)?)
    }

    /// Demands that the sample is refused, with all these words.
    pub(super) fn refuses(&self, sample: &Sample, blamed: &[&str]) -> Result<()> {
        let Err(error) = self.run("template", sample) else { bail!("it was rendered") };
        match blamed.iter().find(|word| !error.to_string().contains(*word)) {
            None => Ok(()),
            Some(word) => bail!("refused, but not for {word}: {error:#}"),
        }
    }
}

/// The values files as Helm takes them: the chart's own by name, others written down.
fn tempfiles(files: &[Value]) -> Result<Vec<PathBuf>> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut paths = Vec::new();
    for file in files {
        if let Some(name) = file.as_str() {
            paths.push(chart().join(name));
            continue;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("store-chart-values-{}-{number}.yaml", std::process::id()));
        // JSON is YAML.
        std::fs::write(&path, file.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
        paths.push(path);
    }
    Ok(paths)
}

/// Kubernetes reads YAML 1.1, in which the mode of a file may be written `0440`; YAML 1.2 sees a text there.
fn read_octal_numbers(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(read_octal_numbers),
        Value::Object(map) => {
            for (key, value) in map {
                let mode = value.as_str().filter(|_| matches!(key.as_str(), "mode" | "defaultMode"));
                match mode.and_then(|mode| i64::from_str_radix(mode, 8).ok()) {
                    Some(mode) => *value = mode.into(),
                    None => read_octal_numbers(value),
                }
            }
        }
        _ => {}
    }
}

/// The objects of a stream of YAML documents.
pub(super) fn objects(rendered: &str) -> Result<Vec<Value>> {
    let mut objects = Vec::new();
    for document in yaml_serde::Deserializer::from_str(rendered) {
        let mut object = Value::deserialize(document).context("helm rendered something that is no YAML")?;
        read_octal_numbers(&mut object);
        if !object.is_null() {
            objects.push(object);
        }
    }
    if objects.is_empty() {
        bail!("helm rendered nothing");
    }
    objects.sort_by_key(|object| (object["kind"].to_string(), object["metadata"]["name"].to_string()));
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_of_files_are_octal_numbers() {
        let found = objects("kind: Pod\nspec: {volumes: [{secret: {defaultMode: 0440, name: \"0440\"}}]}\n").unwrap();
        let secret = &found[0]["spec"]["volumes"][0]["secret"];
        assert_eq!((&secret["defaultMode"], &secret["name"]), (&Value::from(288), &Value::from("0440")));
    }
}
