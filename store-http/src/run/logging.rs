//! Where log lines go: to standard error always, and to a file that is rotated daily, as long as it can be written.

use std::io::{self, IsTerminal as _, Write};
use std::path::Path;

use store_platform::configuration::{LogFormat, LoggingSettings};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::fmt::writer::MakeWriterExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// How many days of log files are kept.
const FILES_MAX: usize = 14;
/// How many lines wait for a slow disk; more are dropped, so that memory stays bounded.
const LINES_MAX: usize = 4096;
/// The client's own words about each failed request say nothing that our one warning does not, but every time.
const DEFAULT_FILTER: &str = "info,kube_client=off";

/// Keeps the file's writer alive; dropping it writes what is left.
pub(super) struct Logging {
    _file: Option<WorkerGuard>,
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging. A wrong filter is an error that names it; a file that cannot be written is only a warning.
pub(super) fn start(settings: &LoggingSettings) -> Result<Logging, String> {
    let filter = settings.filter.as_deref().unwrap_or(DEFAULT_FILTER);
    let allowed = "levels such as info, or targets with levels such as store_core=debug,info";
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| format!("RUST_LOG={filter:?}: {error}; allowed is a list of {allowed}"))?;
    let (file, problem) = match settings.file.as_ref().map(|(directory, name)| open(directory, name)) {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(problem)) => (None, Some(problem)),
        None => (None, None),
    };
    let (writer, guard) = file.unzip();
    let is_terminal = io::stderr().is_terminal();
    let layers = match writer {
        // A line for both is made once.
        Some(file) if !is_terminal => vec![layer(settings.format, false, file.and(io::stderr))],
        file => {
            let file = file.map(|file| layer(settings.format, false, file));
            file.into_iter().chain([layer(settings.format, is_terminal, io::stderr)]).collect()
        }
    };
    // A subscriber that a test has installed stays.
    let _ = tracing_subscriber::registry().with(layers.with_filter(filter)).try_init();
    log_panics();
    if let Some(problem) = problem {
        tracing::warn!("{problem}; logging goes on to standard error only");
    }
    Ok(Logging { _file: guard })
}

fn layer<W>(format: LogFormat, ansi: bool, writer: W) -> BoxedLayer
where
    W: for<'writer> fmt::MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = fmt::layer().with_writer(writer).with_ansi(ansi);
    match format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    }
}

/// `store_platform.log` is a link to the newest of `store_platform.2026-01-31.log` and its like.
fn open(directory: &Path, name: &str) -> Result<(NonBlocking, WorkerGuard), String> {
    let problem = |error: &dyn std::error::Error| {
        let cause = error.source().map(|source| format!(": {source}")).unwrap_or_default();
        format!("LOG_DIR: no log file can be written in {} ({error}{cause})", directory.display())
    };
    std::fs::create_dir_all(directory).map_err(|error| problem(&error))?;
    keep_foreign(&directory.join(name)).map_err(|error| problem(&error))?;
    let (prefix, suffix) = name.rsplit_once('.').filter(|(prefix, _)| !prefix.is_empty()).unwrap_or((name, "log"));
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(prefix)
        .filename_suffix(suffix)
        .max_log_files(FILES_MAX)
        .latest_symlink(name)
        .build(directory)
        .map_err(|error| problem(&error))?;
    let writer = Telling { inner: appender, is_failing: false };
    Ok(NonBlockingBuilder::default().buffered_lines_limit(LINES_MAX).lossy(true).finish(writer))
}

/// The link would replace a file of that name, such as the log of an earlier program: that one is kept as `<name>.old`.
fn keep_foreign(file: &Path) -> io::Result<()> {
    if !file.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
        return Ok(());
    }
    let mut kept = file.as_os_str().to_owned();
    kept.push(".old");
    // Unlike a rename, this never replaces what is there.
    std::fs::hard_link(file, &kept)?;
    std::fs::remove_file(file)
}

/// Says once on standard error that the file cannot be written, and once that it can again. What could not be written
/// is lost to the file, but not to standard error.
struct Telling<W> {
    inner: W,
    is_failing: bool,
}

impl<W: Write> Telling<W> {
    fn tell<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        match (&result, self.is_failing) {
            (Err(error), false) => {
                let _ = writeln!(io::stderr(), "the log file cannot be written ({error}); standard error goes on");
            }
            (Ok(_), true) => {
                let _ = writeln!(io::stderr(), "the log file can be written again");
            }
            _ => {}
        }
        self.is_failing = result.is_err();
        result
    }
}

impl<W: Write> Write for Telling<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.inner.write(bytes);
        self.tell(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Panics go to the log as well, with their place.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        tracing::error!(place, message, "a task panicked");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Full(bool);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(bytes.len()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_noticed_and_so_is_its_end() {
        let mut writer = Telling { inner: Full(true), is_failing: false };
        assert!(writer.write(b"a line").is_err());
        assert!(writer.is_failing);
        writer.inner.0 = false;
        assert_eq!(writer.write(b"a line").unwrap(), 6);
        assert!(!writer.is_failing);
    }

    #[test]
    fn a_file_in_the_place_of_the_link_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        std::fs::write(file("store.log"), "from before").unwrap();
        let (mut writer, guard) = open(directory.path(), "store.log").unwrap();
        writer.write_all(b"a line").unwrap();
        drop(guard);
        assert_eq!(std::fs::read_to_string(file("store.log.old")).unwrap(), "from before");
        assert_eq!(std::fs::read_to_string(file("store.log")).unwrap(), "a line");
        assert!(open(directory.path(), "store.log").is_ok(), "the link is ours");
        std::fs::remove_file(file("store.log")).unwrap();
        std::fs::write(file("store.log"), "once more").unwrap();
        let problem = open(directory.path(), "store.log").unwrap_err();
        assert!(problem.contains("File exists"), "{problem}");
        assert_eq!(std::fs::read_to_string(file("store.log")).unwrap(), "once more");
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_a_problem_with_its_name() {
        let problem = open(Path::new("/dev/null/logs"), "store.log").unwrap_err();
        assert!(problem.starts_with("LOG_DIR: no log file can be written in /dev/null/logs ("), "{problem}");
    }
}
