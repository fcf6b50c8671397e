//! The program `store-http`: reads its configuration, opens the platform, serves, and ends in good order.

mod cli;
mod demo;
mod logging;

use std::collections::BTreeMap;
use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use store_core::reconcile::Scope;
use store_platform::configuration::MovingSettings;
use store_platform::{
    Access, Configuration, EnvFile, LockError, OsEntropy, Platform, Sources, Start, Work, move_installation,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::tokens::{self, NewToken, TokenName, TokenRole, TokensFile};
use crate::{App, Facts, HostRule, ReconcilerRole, metrics, server};

const FAILURE: u8 = 1;
const USAGE: u8 = 2;
/// After the signal, running actions get this long to end.
const GRACE: Duration = Duration::from_secs(20);
/// How often a standby looks whether it can take over.
const TAKE_OVER_EVERY: Duration = Duration::from_secs(5);

/// Why the program ends early: the exit code and what is said about it.
struct Failure {
    code: u8,
    message: String,
    /// Whether the log, and so standard error, has it already.
    is_logged: bool,
}

impl Failure {
    fn usage(message: impl Into<String>) -> Self {
        Self { code: USAGE, message: message.into(), is_logged: false }
    }

    fn error(error: &dyn Error) -> Self {
        Self { code: FAILURE, message: chain(error), is_logged: false }
    }
}

/// Runs the program with these arguments and this environment until it ends.
pub fn main(arguments: impl IntoIterator<Item = OsString>, environment: BTreeMap<OsString, OsString>) -> ExitCode {
    let matches = match cli::command().try_get_matches_from(arguments) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version go to standard output and are no error; clap knows which is which.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let result = match cli::read(&matches) {
        cli::Request::OpenApi => print_openapi(),
        cli::Request::Serve { flags, env_file, demo } => {
            configure(flags, env_file, environment, demo.is_some()).and_then(|configuration| run(configuration, demo))
        }
        cli::Request::NewToken { name, role, file } => new_token(name, role, file.as_deref()),
        cli::Request::Migrate { flags, env_file } => migrate(flags, env_file, environment),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let unsaid = failure.message.lines().filter(|_| !failure.is_logged);
            unsaid.for_each(|line| _ = writeln!(std::io::stderr(), "store-http: {line}"));
            ExitCode::from(failure.code)
        }
    }
}

fn print_openapi() -> Result<(), Failure> {
    match std::io::stdout().write_all(crate::openapi_text().as_bytes()) {
        // Whoever reads only the beginning, such as `head`, has what they want.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Failure::error(&error)),
    }
}

/// The token goes to standard output, once, and everything else to standard error.
fn new_token(name: TokenName, role: TokenRole, file: Option<&Path>) -> Result<(), Failure> {
    let NewToken { token, entry } = NewToken::make(name, role, &OsEntropy);
    let told = match file {
        Some(file) => {
            tokens::add(file, &entry).map_err(|error| Failure::error(&error))?;
            format!("the token was added to {}; this is it, shown this once:\n", file.display())
        }
        None => format!(
            "add this to the file of tokens (API_TOKENS_FILE, mode 0600):\n{entry}the token, shown this once:\n"
        ),
    };
    let _ = std::io::stderr().write_all(told.as_bytes());
    writeln!(std::io::stdout(), "{}", *token).map_err(|error| Failure::error(&error))
}

fn configure(
    flags: BTreeMap<&'static str, String>,
    env_file: EnvFile,
    environment: BTreeMap<OsString, OsString>,
    is_simulated: bool,
) -> Result<Configuration, Failure> {
    let sources = sources(flags, env_file, environment)?;
    let load = if is_simulated { Configuration::load_simulated } else { Configuration::load };
    load(sources).map_err(|error| Failure::usage(error.to_string()))
}

fn sources(
    flags: BTreeMap<&'static str, String>,
    env_file: EnvFile,
    environment: BTreeMap<OsString, OsString>,
) -> Result<Sources, Failure> {
    let directory = std::env::current_dir().map_err(|error| Failure::error(&error))?;
    Ok(Sources { flags, environment, env_file, directory })
}

/// Moves an installation to PostgreSQL; how far it is goes to standard error.
fn migrate(
    flags: BTreeMap<&'static str, String>,
    env_file: EnvFile,
    environment: BTreeMap<OsString, OsString>,
) -> Result<(), Failure> {
    let settings = MovingSettings::load(sources(flags, env_file, environment)?);
    let settings = settings.map_err(|error| Failure::usage(error.to_string()))?;
    let say = |line: String| _ = writeln!(std::io::stderr(), "store-http: {line}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::error(&error))?;
    runtime.block_on(move_installation(&settings, say)).map_err(|error| Failure::error(&error))
}

fn run(configuration: Configuration, demo: Option<cli::DemoRequest>) -> Result<(), Failure> {
    let _logging = logging::start(&configuration.logging).map_err(Failure::usage)?;
    for warning in &configuration.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(32)
        .enable_all()
        .build()
        .map_err(|error| Failure::error(&error))?;
    let served = runtime.block_on(async {
        match demo {
            Some(request) => demo::serve(configuration, request).await,
            None => serve(configuration).await,
        }
    });
    served.map_err(|failure| {
        tracing::error!("{}", failure.message);
        Failure { is_logged: tracing::enabled!(tracing::Level::ERROR), ..failure }
    })
}

async fn serve(configuration: Configuration) -> Result<(), Failure> {
    let stop = stop_on_signal()?;
    let tokens = open_tokens(&configuration)?;
    // The address first: whoever starts a second server by mistake learns it before anything is touched.
    let listener = server::listen(configuration.http.listen).await.map_err(|error| Failure::error(&error))?;
    let platform = Platform::open(&configuration, Access::Work).await.map_err(|error| Failure::error(&error))?;
    platform.facts().iter().for_each(|fact| tracing::info!("using {fact}"));
    platform.warnings().iter().for_each(|warning| tracing::warn!("{warning}"));
    let start = platform.start(Scope::All).map_err(|error| Failure::error(&error))?;
    let (role, roles) = watch::channel(ReconcilerRole::Working);
    let address = listener.local_addr().map_err(|error| Failure::error(&error))?;
    tracing::info!("listening on http://{address}");
    let addresses = &configuration.addresses;
    let facts = Facts::new(&*addresses.base_domain, &addresses.public_url);
    let app = App::new(platform.service().clone(), roles, stop.clone()).with_facts(facts);
    let router = router(app, &configuration, address, tokens, &stop);
    let ((), worked) =
        tokio::join!(server::serve(listener, router, stop.clone()), work(&platform, start, &role, &stop));
    platform.close().await;
    worked.map_err(|error| Failure::error(&error))?;
    tracing::info!("ended");
    Ok(())
}

fn open_tokens(configuration: &Configuration) -> Result<Option<TokensFile>, Failure> {
    let opened = configuration.http.tokens_file.clone().map(TokensFile::open).transpose();
    opened.map_err(|error| Failure::error(&error))
}

/// The app with what every server has: measurements, tokens if there are any, and the hosts that it answers to.
fn router(
    mut app: App,
    configuration: &Configuration,
    address: SocketAddr,
    tokens: Option<TokensFile>,
    stop: &CancellationToken,
) -> axum::Router {
    let hosts = HostRule::new(address, &configuration.http.allowed_hosts);
    let (recorder, metrics) = metrics::recorder();
    match ::metrics::set_global_recorder(recorder) {
        Ok(()) => app = app.with_metrics(metrics),
        // Only a program that runs this one within itself has one already.
        Err(error) => tracing::warn!(%error, "nothing is measured"),
    }
    let Some(tokens) = tokens else {
        if !address.ip().is_loopback() {
            tracing::warn!("ALLOW_UNAUTHENTICATED: anybody who reaches {address} can create and delete stores");
        }
        return app.into_router(hosts);
    };
    tracing::info!("every request needs a token; tokens that are let in: {}", tokens.count());
    if !address.ip().is_loopback() {
        tracing::warn!(
            "this server speaks plain HTTP: on the way to {address}, tokens and passwords can be read and taken; let a \
             reverse proxy with TLS stand before it, and nobody else reach it"
        );
    }
    tokio::spawn(tokens.clone().follow(stop.clone()));
    app.with_tokens(tokens).into_router(hosts)
}

/// Works on the stores, or waits until it can, until `stop`; then drains. Where it never can, it stops everything.
async fn work(
    platform: &Platform,
    first: Start,
    role: &watch::Sender<ReconcilerRole>,
    stop: &CancellationToken,
) -> Result<(), LockError> {
    let mut start: Result<Start, LockError> = Ok(first);
    // While another process works, this one still sees the cluster, so that both tell the same of a store.
    let mut watching = None;
    loop {
        match start {
            Ok(Start::Working(work)) => {
                drop(watching);
                role.send_replace(ReconcilerRole::Working);
                tracing::info!("this process works on the stores of the database");
                stop.cancelled().await;
                drain(work).await;
                return Ok(());
            }
            Ok(Start::Standby { holder }) => {
                watching.get_or_insert_with(|| platform.service().start(Scope::Nothing));
                stand_by(role, holder);
            }
            Err(moved @ LockError::Moved { .. }) => {
                stop.cancel();
                return Err(moved);
            }
            Err(error) => tracing::warn!(error = &error as &dyn Error, "cannot see who works on the stores"),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(TAKE_OVER_EVERY) => {}
        }
        start = platform.start(Scope::All);
    }
}

fn stand_by(role: &watch::Sender<ReconcilerRole>, holder: Option<u32>) {
    let who = holder.map(|pid| format!(" (process {pid})")).unwrap_or_default();
    let reason = format!("another process{who} works on the stores of this database; this one takes over when it ends");
    let standby = ReconcilerRole::Standby { reason };
    role.send_if_modified(|known| {
        let is_new = *known != standby;
        if let (true, ReconcilerRole::Standby { reason }) = (is_new, &standby) {
            tracing::info!("{reason}");
        }
        *known = standby;
        is_new
    });
}

/// Lets running actions end; a second signal cuts them off.
async fn drain(work: Work) {
    let Ok(again) = stop_on_signal() else { return };
    tokio::select! {
        drained = work.shutdown(GRACE) => if !drained {
            tracing::warn!("some actions were stopped; the next start goes on from there");
        },
        () = again.cancelled() => tracing::warn!("a second signal: actions are cut off; the next start goes on from there"),
    }
}

/// Fires at the next SIGTERM or SIGINT.
fn stop_on_signal() -> Result<CancellationToken, Failure> {
    let stop = CancellationToken::new();
    let fired = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| Failure::error(&error))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| Failure::error(&error))?;
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!("{name}: stopping");
        fired.cancel();
    });
    Ok(stop)
}

/// An error with its causes, on one line. A cause that the message before it quotes already is left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
