//! Where the HTTP server listens and which hosts it answers to.
//!
//! Without authentication, listening beyond loopback gives the platform to whoever reaches the port, so it must be
//! asked for explicitly; with a file of tokens, everybody has to say who they are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::lookup::{Lookup, boolean};

const DEFAULT_PORT: u64 = 5000;
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The HTTP server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it listens. Port 0 is any free one.
    pub listen: SocketAddr,
    /// The hosts that requests may name, beside loopback ones and the address it listens on.
    pub allowed_hosts: Vec<AllowedHost>,
    /// The file of the tokens that requests must carry; absolute. Without one, nobody is asked for a token.
    pub tokens_file: Option<PathBuf>,
}

/// One entry of `ALLOWED_HOSTS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// Every host (`*`).
    Any,
    /// This host, on this port if one is given.
    Exactly {
        /// In lower case.
        host: String,
        /// The port; any if absent.
        port: Option<u16>,
    },
    /// Every host below this domain (`*.example.com`).
    Below(String),
}

impl HttpSettings {
    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let unauthenticated = lookup.parsed("ALLOW_UNAUTHENTICATED", false, boolean);
        let tokens_file = lookup.path("API_TOKENS_FILE");
        if unauthenticated && tokens_file.is_some() {
            lookup.warn(
                "ALLOW_UNAUTHENTICATED changes nothing while API_TOKENS_FILE is set: every request needs a token"
                    .to_owned(),
            );
        }
        let host = host(lookup, unauthenticated || tokens_file.is_some());
        let port = if lookup.find("HTTP_PORT").is_some() { "HTTP_PORT" } else { "FLASK_PORT" };
        let port = lookup.number(port, DEFAULT_PORT, 0..=u64::from(u16::MAX));
        let port = u16::try_from(port).unwrap_or_default();
        let allowed_hosts = lookup.list("ALLOWED_HOSTS").unwrap_or_default();
        let allowed_hosts = allowed_hosts.iter().filter_map(|entry| allowed_host(lookup, entry)).collect();
        Self { listen: SocketAddr::new(host, port), allowed_hosts, tokens_file }
    }
}

/// `may_be_reached`: whoever reaches the address is asked for a token, or everybody is meant to reach it.
fn host(lookup: &mut Lookup, may_be_reached: bool) -> IpAddr {
    if let Some(found) = lookup.find("HTTP_HOST") {
        let host = lookup.parsed("HTTP_HOST", LOOPBACK, address);
        if !host.is_loopback() && !may_be_reached {
            let allowed = "a loopback address such as 127.0.0.1, because no authentication is configured and anybody \
                who reaches another address could create and delete stores; let callers show a token \
                (API_TOKENS_FILE, see store-http token new), or, if that is what you want, set \
                ALLOW_UNAUTHENTICATED=true";
            lookup.refuse("HTTP_HOST", &found, allowed);
        }
        return host;
    }
    let host = lookup.parsed("FLASK_HOST", LOOPBACK, address);
    if host.is_loopback() || may_be_reached {
        return host;
    }
    lookup.warn(format!(
        "FLASK_HOST={host} WAS LOWERED TO 127.0.0.1: no authentication is configured, and on {host} anybody who reaches \
         this machine could create and delete stores. To be reached from elsewhere, make tokens (store-http token new) \
         and set API_TOKENS_FILE, or put a reverse proxy with authentication in front, or forward the port (ssh -L 5000:127.0.0.1:5000), or, on a network that you trust, \
         set ALLOW_UNAUTHENTICATED=true and name the hosts in ALLOWED_HOSTS. Set FLASK_HOST=127.0.0.1 to silence this."
    ));
    LOOPBACK
}

fn address(text: &str) -> Result<IpAddr, String> {
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(LOOPBACK);
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().map_err(|_| "an IP address such as 127.0.0.1 or ::1, or localhost".to_owned())
}

fn allowed_host(lookup: &mut Lookup, entry: &str) -> Option<AllowedHost> {
    let parsed = AllowedHost::parse(entry);
    if parsed.is_none() {
        lookup.problem(format!(
            "ALLOWED_HOSTS: {entry:?} is not a host; allowed is a comma-separated list of host, host:port, \
             *.example.com, or * for every host"
        ));
    }
    parsed
}

impl AllowedHost {
    /// Reads an entry.
    pub fn parse(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Any);
        }
        if let Some(domain) = entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
            return is_host(domain).then(|| Self::Below(domain.to_ascii_lowercase()));
        }
        let (host, port) = split_port(entry)?;
        is_host(&host).then_some(Self::Exactly { host, port })
    }

    /// Whether a request may name this host, given as in a `Host` header.
    pub fn matches(&self, authority: &str) -> bool {
        let Some((named, named_port)) = split_port(authority) else { return false };
        match self {
            Self::Any => true,
            Self::Exactly { host, port } => *host == named && (port.is_none() || *port == named_port),
            Self::Below(domain) => {
                named.strip_suffix(domain.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
        }
    }
}

/// Host in lower case and port of `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address.
fn split_port(authority: &str) -> Option<(String, Option<u16>)> {
    let authority = authority.to_ascii_lowercase();
    if authority.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((format!("[{authority}]"), None));
    }
    let host_end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at(host_end);
    let port = match rest.strip_prefix(':') {
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn is_host(host: &str) -> bool {
    if let Some(v6) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return v6.parse::<std::net::Ipv6Addr>().is_ok();
    }
    !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shops.example.com", "shops.example.com", true)]
    #[case("shops.example.com", "SHOPS.example.com:443", true)]
    #[case("shops.example.com:8443", "shops.example.com:8443", true)]
    #[case("shops.example.com:8443", "shops.example.com", false)]
    #[case("shops.example.com", "evil-shops.example.com", false)]
    #[case("shops.example.com", "shops.example.com.evil.com", false)]
    #[case("*.example.com", "a.b.example.com:80", true)]
    #[case("*.example.com", "example.com", false)]
    #[case("*.example.com", ".example.com", false)]
    #[case("*.example.com", "evilexample.com", false)]
    #[case("::1", "[::1]:5000", true)]
    #[case("[fd00::1]:80", "[fd00::1]:80", true)]
    #[case("*", "anything", true)]
    #[case("*", "a:b:c", false)]
    #[case("10.0.0.5", "10.0.0.5:5000", true)]
    fn hosts_match(#[case] entry: &str, #[case] authority: &str, #[case] expected: bool) {
        assert_eq!(AllowedHost::parse(entry).unwrap().matches(authority), expected);
    }

    #[rstest]
    #[case("")]
    #[case("http://example.com")]
    #[case("example.com/path")]
    #[case("example.com:99999")]
    #[case("*.")]
    #[case("a b")]
    fn other_entries_are_refused(#[case] entry: &str) {
        assert_eq!(AllowedHost::parse(entry), None);
    }
}
