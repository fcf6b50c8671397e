//! The chart that is installed: the one inside this program, or a directory of the operator's.
//!
//! The embedded one is written to a private directory named by its digest, and compared before each run: what Helm
//! reads is what was compiled in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rust_embed::Embed;
use sha2::{Digest as _, Sha256};

use super::record_size::{SECRET_MAX, too_large};

#[derive(Embed)]
#[folder = "../charts/store"]
struct Embedded;

/// Which chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ChartSource {
    /// The one inside this program.
    #[default]
    Embedded,
    /// A chart's directory (`HELM_CHART_PATH`).
    Directory(PathBuf),
}

/// Why chart or values files cannot be used. Messages name the variable.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// There is no chart.
    #[error("HELM_CHART_PATH: {} is not a chart: it has no Chart.yaml", .directory.display())]
    NotAChart {
        /// The directory.
        directory: PathBuf,
    },
    /// A values file is not there.
    #[error("HELM_VALUES_FILE or HELM_ENV_VALUES_FILE: there is no file {}", .file.display())]
    NoValuesFile {
        /// The file.
        file: PathBuf,
    },
    /// Helm would read something else into the path.
    #[error("{} cannot be given to Helm: paths of charts and values files may not contain commas, quotes or line breaks",
        .path.display())]
    BadPath {
        /// The path.
        path: PathBuf,
    },
    /// Helm could not keep a record of it.
    #[error("HELM_CHART_PATH: {} is too large: Helm keeps a chart's files in the record of the release, where they take \
        {size} bytes, and the Secret that holds it takes {SECRET_MAX} (1 MiB); list what the chart does not need in its \
        .helmignore", .directory.display())]
    TooLarge {
        /// The chart.
        directory: PathBuf,
        /// What its files take at the very least, in bytes.
        size: u64,
    },
    /// Reading or writing failed.
    #[error("the chart cannot be read or written at {}", .path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Which chart and which values an attempt was made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256 of the chart's files, in hexadecimal.
    pub chart: String,
    /// SHA-256 of the values files in their order, in hexadecimal.
    pub values: String,
}

/// A chart that can be given to Helm.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    directory: PathBuf,
    values_files: Vec<PathBuf>,
    /// Present for the embedded chart: one rewrite at a time.
    embedded: Option<Arc<Mutex<()>>>,
}

type Files = BTreeMap<String, Vec<u8>>;

impl Chart {
    /// Finds or writes the chart, and checks that everything is there. Relative values files are within the chart.
    pub(crate) fn open(source: &ChartSource, state: &Path, values_files: &[PathBuf]) -> Result<Self, ChartError> {
        let (directory, embedded) = match source {
            ChartSource::Embedded => {
                (state.join("charts").join(digest_of(&embedded_files())), Some(Arc::new(Mutex::new(()))))
            }
            ChartSource::Directory(directory) => (absolute(directory), None),
        };
        let values_files = values_files.iter().map(|file| directory.join(file)).collect();
        let chart = Self { directory, values_files, embedded };
        chart.check()?;
        Ok(chart)
    }

    /// The chart's directory, absolute.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The values files, absolute, by rising precedence.
    pub(crate) fn values_files(&self) -> &[PathBuf] {
        &self.values_files
    }

    /// Makes sure that the chart is whole; the embedded one is written again if somebody changed it. Blocks.
    pub(crate) fn check(&self) -> Result<(), ChartError> {
        if let Some(lock) = &self.embedded {
            let _one_at_a_time = lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.restore(&embedded_files()).map_err(|source| self.io(source))?;
        }
        if !self.directory.join("Chart.yaml").is_file() {
            return Err(ChartError::NotAChart { directory: self.directory.clone() });
        }
        for path in self.values_files.iter().chain([&self.directory]) {
            if path.as_os_str().as_encoded_bytes().iter().any(|byte| b",\"\n\r".contains(byte)) {
                return Err(ChartError::BadPath { path: path.clone() });
            }
        }
        match self.values_files.iter().find(|file| !file.is_file()) {
            Some(file) => Err(ChartError::NoValuesFile { file: file.clone() }),
            None => Ok(()),
        }
    }

    /// Makes sure that Helm can keep a record of a release of this chart. Blocks.
    pub(crate) fn check_size(&self) -> Result<(), ChartError> {
        // The embedded one is known to fit. Of one with a `.helmignore` only Helm knows which files are in its record.
        if self.embedded.is_some() || self.directory.join(".helmignore").exists() {
            return Ok(());
        }
        let files = files_below(&self.directory).map_err(|source| self.io(source))?;
        match too_large(files.values().map(Vec::as_slice)) {
            Some(size) => Err(ChartError::TooLarge { directory: self.directory.clone(), size }),
            None => Ok(()),
        }
    }

    /// The digests of what would be installed now. Blocks.
    pub(crate) fn digests(&self) -> Result<Digests, ChartError> {
        let chart = digest_of(&files_below(&self.directory).map_err(|source| self.io(source))?);
        let mut values = Files::new();
        for (index, file) in self.values_files.iter().enumerate() {
            let content = fs::read(file).map_err(|source| ChartError::Io { path: file.clone(), source })?;
            values.insert(index.to_string(), content);
        }
        Ok(Digests { chart, values: digest_of(&values) })
    }

    fn restore(&self, wanted: &Files) -> io::Result<()> {
        match files_below(&self.directory) {
            Ok(there) if there == *wanted => return Ok(()),
            Ok(_) => {
                tracing::warn!(directory = %self.directory.display(), "the chart was changed; it is written again");
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let parent = self.directory.parent().unwrap_or(Path::new("/"));
        private_directory(parent)?;
        // Written beside its place and moved there, so that nobody ever sees half a chart.
        let beside = parent.join(format!(".{}.{}", file_name(&self.directory), std::process::id()));
        remove_all(&beside)?;
        for (name, content) in wanted {
            let file = beside.join(name);
            private_directory(file.parent().unwrap_or(&beside))?;
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(content)?;
        }
        remove_all(&self.directory)?;
        match fs::rename(&beside, &self.directory) {
            // Another process was faster with the same chart.
            Err(_) if files_below(&self.directory).is_ok_and(|there| there == *wanted) => remove_all(&beside),
            renamed => renamed,
        }
    }

    fn io(&self, source: io::Error) -> ChartError {
        ChartError::Io { path: self.directory.clone(), source }
    }
}

fn embedded_files() -> Files {
    Embedded::iter()
        .filter_map(|name| Embedded::get(&name).map(|file| (name.into_owned(), file.data.into_owned())))
        .collect()
}

fn digest_of(files: &Files) -> String {
    let mut digest = Sha256::new();
    for (name, content) in files {
        for part in [name.as_bytes(), content] {
            // With its length, so that no two sets of files give the same bytes.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
    }
    digest.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn files_below(directory: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(current) = pending.pop() {
        for entry in fs::read_dir(current)? {
            let path = entry?.path();
            if fs::metadata(&path)?.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
                files.insert(name, fs::read(&path)?);
            }
        }
    }
    Ok(files)
}

fn private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn remove_all(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_chart_that_no_record_can_hold_is_refused_with_its_size() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("Chart.yaml"), "name: large").unwrap();
        let blocks = (0_u64..).flat_map(|block| Sha256::digest(block.to_be_bytes()));
        fs::write(directory.path().join("noise"), blocks.take(900_000).collect::<Vec<u8>>()).unwrap();
        let state = tempfile::tempdir().unwrap();
        let chart = Chart::open(&ChartSource::Directory(directory.path().to_owned()), state.path(), &[]).unwrap();
        let refused = chart.check_size().unwrap_err().to_string();
        assert!(refused.contains("1 MiB") && refused.contains("HELM_CHART_PATH"), "{refused}");
        fs::write(directory.path().join(".helmignore"), "noise").unwrap();
        chart.check_size().unwrap();
    }

    #[test]
    fn the_embedded_chart_is_written_privately_and_restored_when_changed() {
        let state = tempfile::tempdir().unwrap();
        let chart = Chart::open(&ChartSource::Embedded, state.path(), &[]).unwrap();
        let digests = chart.digests().unwrap();
        assert!(chart.directory().ends_with(&digests.chart));
        let mode = fs::metadata(chart.directory()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        fs::write(chart.directory().join("Chart.yaml"), "name: tampered").unwrap();
        fs::write(chart.directory().join("templates/evil.yaml"), "kind: Pod").unwrap();
        chart.check().unwrap();
        assert_eq!(chart.digests().unwrap(), digests);
        assert_eq!(files_below(chart.directory()).unwrap(), embedded_files());
    }

    #[test]
    fn a_directory_of_the_operators_is_taken_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let source = ChartSource::Directory(directory.path().to_owned());
        let open = |files: &[&str]| {
            let files: Vec<_> = files.iter().map(PathBuf::from).collect();
            Chart::open(&source, Path::new("/nowhere"), &files)
        };
        let error = open(&[]).unwrap_err().to_string();
        assert!(error.starts_with("HELM_CHART_PATH: ") && error.ends_with("it has no Chart.yaml"), "{error}");

        fs::write(directory.path().join("Chart.yaml"), "name: x").unwrap();
        fs::write(directory.path().join("values-local.yaml"), "a: 1").unwrap();
        let chart = open(&["values-local.yaml"]).unwrap();
        assert_eq!(chart.values_files(), [directory.path().join("values-local.yaml")]);
        let before = chart.digests().unwrap();
        fs::write(directory.path().join("values-local.yaml"), "a: 2").unwrap();
        let after = chart.digests().unwrap();
        assert_ne!(before.values, after.values);
        assert!(open(&["values-prod.yaml"]).unwrap_err().to_string().contains("there is no file"));
        assert!(matches!(open(&["a,b.yaml"]), Err(ChartError::BadPath { .. })));
    }
}
