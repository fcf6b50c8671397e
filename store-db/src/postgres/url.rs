//! What `postgres://` URLs say, after libpq (<https://www.postgresql.org/docs/current/libpq-connect.html>): a subset, in
//! which nothing is ever left unencrypted or unverified without being asked for.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

const DEFAULT_PORT: u16 = 5432;
const PARAMETERS: &str = "host, port, user, dbname, sslmode and sslrootcert";

const STRAY_AT: &str = "it has an @ after its host: in user and password, @ : / are written as %40 %3A %2F, and elsewhere @ \
    as %40";

/// A PostgreSQL database, and how to reach it. Shows itself without its password.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(super) user: String,
    pub(super) password: Option<SecretString>,
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) tls: Tls,
}

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    /// A name or an address.
    Network(String),
    /// The directory of its Unix socket.
    Socket(PathBuf),
}

/// Whether the connection is encrypted; then the server's certificate is verified, its name included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    /// It is not.
    Off,
    /// It is, and the certificate leads to one of the authorities of this PEM file, or else to one that the system trusts.
    Verified { root_certificates: Option<PathBuf> },
}

impl PostgresUrl {
    /// Reads what follows `postgres://`. A relative path in it is one from `base`. The error never repeats a value that
    /// could be a password.
    pub(crate) fn parse(rest: &str, base: &Path) -> Result<Self, Cow<'static, str>> {
        let authority_ends = rest.find(['/', '?']).unwrap_or(rest.len());
        // What is left of a password with @ and / would be taken for the name of the database, which is shown.
        if rest[authority_ends..].contains('@') {
            return Err(STRAY_AT.into());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A password may hold an @ that somebody forgot to encode.
        let (account, address) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) =
            account.split_once(':').map_or((account, None), |(user, password)| (user, Some(password)));
        let (host, port) = split_port(address)?;
        let mut parts = Parts {
            user: decoded("user", user)?,
            host: decoded("host", host)?,
            port: port.to_owned(),
            database: decoded("database", path)?,
            mode: None,
            root_certificates: None,
        };
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            parts.set(parameter)?;
        }
        let password = password.map(|text| decoded("password", text)).transpose()?;
        parts.finish(password.filter(|password| !password.is_empty()), base)
    }

    /// Whether it holds a password.
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Whether connections are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls != Tls::Off
    }
}

impl Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        match &self.host {
            Host::Network(host) if host.parse::<Ipv6Addr>().is_ok() => write!(f, "[{host}]:{}", self.port)?,
            Host::Network(host) => write!(f, "{host}:{}", self.port)?,
            Host::Socket(directory) => write!(f, "{}:{}", directory.display(), self.port)?,
        }
        write!(f, "/{}", self.database)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self}, {:?})", self.tls)
    }
}

/// Two that lead to the same database in the same way, whatever the password.
impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string() && self.tls == other.tls
    }
}

impl Eq for PostgresUrl {}

/// What was read so far.
struct Parts {
    user: String,
    host: String,
    port: String,
    database: String,
    mode: Option<String>,
    root_certificates: Option<String>,
}

impl Parts {
    fn set(&mut self, parameter: &str) -> Result<(), Cow<'static, str>> {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let value = decoded("parameters", value)?;
        match name {
            "host" => self.host = value,
            "port" => self.port = value,
            "user" => self.user = value,
            "dbname" => self.database = value,
            "sslmode" => self.mode = Some(value),
            "sslrootcert" => self.root_certificates = Some(value).filter(|file| file != "system"),
            "password" => {
                return Err("a password belongs between user and host, as in postgres://user:password@host".into());
            }
            _ => return Err(format!("a parameter is not supported, only {PARAMETERS} are").into()),
        }
        Ok(())
    }

    fn finish(self, password: Option<String>, base: &Path) -> Result<PostgresUrl, Cow<'static, str>> {
        if self.user.is_empty() {
            return Err("it names no user, as postgres://user@host/database does".into());
        }
        if self.host.contains(',') {
            return Err("it names several hosts: only one is supported".into());
        }
        let host = match self.host.as_str() {
            "" => return Err("it names no host".into()),
            path if path.starts_with('/') => Host::Socket(path.into()),
            name => Host::Network(name.to_owned()),
        };
        let tls = tls(self.mode.as_deref(), self.root_certificates.map(|file| base.join(file)), &host)?;
        Ok(PostgresUrl {
            password: password.map(SecretString::from),
            host,
            port: port(&self.port)?,
            // As libpq does.
            database: if self.database.is_empty() { self.user.clone() } else { self.database },
            user: self.user,
            tls,
        })
    }
}

/// Host and port of `host:port`, where the host may be `[::1]`.
fn split_port(address: &str) -> Result<(&str, &str), Cow<'static, str>> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its IPv6 address has no closing bracket")?;
        return Ok((host, rest.strip_prefix(':').unwrap_or(rest)));
    }
    Ok(address.rsplit_once(':').unwrap_or((address, "")))
}

fn port(text: &str) -> Result<u16, Cow<'static, str>> {
    match text {
        "" => Ok(DEFAULT_PORT),
        // What stands there may be a part of a password that was not encoded.
        _ => {
            text.parse().ok().filter(|port| *port > 0).ok_or_else(|| "its port is not a number from 1 to 65535".into())
        }
    }
}

fn decoded(part: &str, text: &str) -> Result<String, Cow<'static, str>> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| format!("its {part} is not UTF-8"))?;
    if decoded.contains('\0') {
        Err(format!("its {part} has a NUL character").into())
    } else {
        Ok(decoded.into_owned())
    }
}

fn tls(mode: Option<&str>, root_certificates: Option<PathBuf>, host: &Host) -> Result<Tls, Cow<'static, str>> {
    let is_local = match host {
        Host::Socket(_) => true,
        Host::Network(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
    };
    match mode {
        Some("disable") => Ok(Tls::Off),
        None if is_local && root_certificates.is_none() => Ok(Tls::Off),
        Some("require" | "verify-full") | None => match host {
            Host::Socket(_) => Err("there is no TLS on a Unix socket: leave sslmode and sslrootcert out".into()),
            Host::Network(_) => Ok(Tls::Verified { root_certificates }),
        },
        Some("allow" | "prefer") => {
            Err("sslmode allow and prefer may go on without encryption unnoticed: use verify-full or disable".into())
        }
        Some("verify-ca") => Err("sslmode verify-ca does not check who the server is: use verify-full".into()),
        Some(_) => Err("its sslmode is none of disable, require and verify-full".into()),
    }
}
