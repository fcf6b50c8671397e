//! Connecting: with a limit on everything that could wait, and a reason that names no secret when it does not work.

use std::error::Error;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls;
use super::url::{Host, PostgresUrl};

/// How long connecting may take, from the first packet until the server lets us in.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A server that sends nothing is asked whether it is there after this long, this often, and so many times.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(10), Duration::from_secs(5), 3);
/// What is sent must arrive within this time.
const ARRIVES_WITHIN: Duration = Duration::from_secs(15);
/// Those before it are not maintained any more, and lack what the settings below need.
const OLDEST_SERVER: u32 = 15;

/// What every connection is told first.
///
/// Whoever is frozen within a transaction loses it well before a lease ends, and those who wait for its locks outlive
/// that. What is answered survives a crash of the server. Messages are in English, since they tell errors apart.
const SETTINGS: &str = "\
    SET statement_timeout = '10s';
    SET lock_timeout = '8s';
    SET idle_in_transaction_session_timeout = '5s';
    SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SELECT set_config('lc_messages', 'C', false) WHERE current_setting('lc_messages') !~ '^(C|POSIX|en)'
        AND has_parameter_privilege('lc_messages', 'SET');";

/// A connection's other half, which moves its bytes.
pub(super) type Wire = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Knows how to connect.
pub(super) struct Connector {
    config: Config,
    tls: MakeRustlsConnect,
}

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum ConnectFailure {
    /// The server does not answer, or cannot serve us now.
    Away(String),
    /// It answers, and will not let us in, or cannot be used.
    Refused(String),
    /// It cannot be trusted.
    Untrusted(String),
}

impl Connector {
    pub(super) fn new(url: &PostgresUrl) -> Result<Self, String> {
        let (idle, interval, retries) = KEEPALIVE;
        let mut config = Config::new();
        config
            .user(&url.user)
            .dbname(&url.database)
            .port(url.port)
            .application_name("store-platform")
            .ssl_mode(if url.is_encrypted() { SslMode::Require } else { SslMode::Disable })
            // After a failover, the server that may only be read is not the one to talk to.
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT_LIMIT)
            .keepalives_idle(idle)
            .keepalives_interval(interval)
            .keepalives_retries(retries)
            .tcp_user_timeout(ARRIVES_WITHIN);
        match &url.host {
            Host::Network(name) => config.host(name),
            Host::Socket(directory) => config.host_path(directory),
        };
        if let Some(password) = &url.password {
            config.password(password.expose_secret());
        }
        Ok(Self { config, tls: tls::connector(&url.tls)? })
    }

    /// Connects. The client does nothing until its wire is driven.
    pub(super) async fn connect(&self) -> Result<(Client, Wire), ConnectFailure> {
        let connected = timeout(CONNECT_LIMIT, self.config.connect(self.tls.clone())).await;
        let (client, wire) = connected
            .map_err(|_| ConnectFailure::Away(format!("there is no answer within {} s", CONNECT_LIMIT.as_secs())))?
            .map_err(|error| ConnectFailure::of(&error))?;
        demand_usable(&wire)?;
        Ok((client, wire))
    }
}

/// Tells a connection its limits; its wire must be driven meanwhile.
pub(super) async fn set_up(client: &Client) -> Result<(), ConnectFailure> {
    client.batch_execute(SETTINGS).await.map_err(|error| ConnectFailure::of(&error))
}

/// Moves a connection's bytes until it ends, or until it is `overdue`.
pub(super) async fn drive(mut wire: Wire, mut overdue: watch::Receiver<Option<Instant>>) {
    loop {
        let limit = *overdue.borrow_and_update();
        let is_over = async {
            match limit {
                Some(limit) => sleep_until(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            ended = &mut wire => {
                if let Err(error) = ended {
                    tracing::debug!(reason = chain(&error), "a connection to PostgreSQL ended");
                }
                return;
            }
            changed = overdue.changed() => if changed.is_err() {
                // Its session is gone; what is left to be sent is its farewell.
                let _ = (&mut wire).await;
                return;
            },
            () = is_over => {
                tracing::warn!("PostgreSQL does not answer: a connection to it is given up");
                return;
            }
        }
    }
}

/// Old servers, and databases that cannot hold every text, are refused before anything is written.
fn demand_usable(wire: &Wire) -> Result<(), ConnectFailure> {
    let version = wire.parameter("server_version").unwrap_or_default();
    let major = version.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major: u32| major < OLDEST_SERVER) {
        return Err(ConnectFailure::Refused(format!("it is version {version}: use {OLDEST_SERVER} or newer")));
    }
    match wire.parameter("server_encoding") {
        None | Some("UTF8") => Ok(()),
        Some(encoding) => {
            Err(ConnectFailure::Refused(format!("the database has the encoding {encoding}: create one with UTF8")))
        }
    }
}

impl ConnectFailure {
    fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(said) = error.as_db_error() {
            let reason = said.message().to_owned();
            let passes = [&SqlState::CANNOT_CONNECT_NOW, &SqlState::TOO_MANY_CONNECTIONS, &SqlState::ADMIN_SHUTDOWN];
            return if passes.contains(&said.code()) { Self::Away(reason) } else { Self::Refused(reason) };
        }
        let reason = chain(error);
        if reason.starts_with("error performing TLS handshake") { Self::Untrusted(reason) } else { Self::Away(reason) }
    }

    /// What it says, without secrets.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Away(reason) | Self::Refused(reason) | Self::Untrusted(reason) => reason,
        }
    }
}

/// An error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
