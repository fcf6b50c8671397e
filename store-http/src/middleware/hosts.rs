//! `Host` and `Origin`: a web page somewhere must not reach the server through a browser that can (DNS rebinding,
//! cross-site requests; RFC 6454, 4 says what an origin is).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use store_platform::configuration::AllowedHost;

use crate::problem::{Kind, Refusal};

/// Which hosts a request may name, and the pages of which hosts may send one.
#[derive(Debug, Clone)]
pub struct HostRule {
    hosts: Arc<[AllowedHost]>,
    /// Those of `hosts` that somebody has asked for.
    pages: Arc<[AllowedHost]>,
}

impl HostRule {
    /// Loopback names, the address that the server listens on, and `allowed`.
    pub fn new(listen: SocketAddr, allowed: &[AllowedHost]) -> Self {
        let mut hosts: Vec<_> =
            ["localhost", "127.0.0.1", "[::1]"].into_iter().filter_map(AllowedHost::parse).collect();
        if !listen.ip().is_unspecified() {
            hosts.extend(AllowedHost::parse(&bracketed(listen.ip())));
        }
        hosts.extend_from_slice(allowed);
        Self { hosts: hosts.into(), pages: allowed.into() }
    }

    fn serves(&self, host: &str) -> bool {
        self.hosts.iter().any(|allowed| allowed.matches(host))
    }

    /// Whether a page of this authority may send a request for this host: its own page may, whatever they are called. Others
    /// on the same machine are strangers: a shop that was forwarded to a port of `localhost` is one.
    fn lets_in(&self, page: &str, host: &str) -> bool {
        page.eq_ignore_ascii_case(host)
            || is_without_port(page, host)
            || self.pages.iter().any(|allowed| allowed.matches(page))
    }
}

/// Whether `host` is the page's authority without its port. Some web servers before this one pass it on so; a browser that
/// reaches this server by itself names the port, unless it is the usual one.
fn is_without_port(page: &str, host: &str) -> bool {
    let port = page.get(host.len()..).and_then(|rest| rest.strip_prefix(':'));
    port.is_some_and(|port| port.parse::<u16>().is_ok()) && page[..host.len()].eq_ignore_ascii_case(host)
}

fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// Refuses requests that name another host, or come from a page of another origin.
pub(super) async fn check(State(rule): State<HostRule>, request: Request, next: Next) -> Response {
    match judge(&rule, &request) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

fn judge(rule: &HostRule, request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    let mut named = headers.get_all(header::HOST).iter().map(|value| value.to_str().unwrap_or_default());
    // In absolute form the target names the host as well (RFC 9112, 3.2.2); whoever sends both must mean one.
    let in_target = request.uri().authority().map(axum::http::uri::Authority::as_str);
    let host = match (named.next(), named.next(), in_target) {
        (Some(host), None, None) => host,
        (Some(host), None, Some(target)) if host == target => host,
        (None, _, Some(target)) => target,
        _ => return Err(Refusal::new(Kind::MissingHost, "a request must name exactly one host, in the header Host")),
    };
    if !rule.serves(host) {
        let host = shorten(host);
        let detail = format!("the host {host:?} is not served here; to allow it, add it to ALLOWED_HOSTS");
        return Err(Refusal::new(Kind::HostNotAllowed, detail));
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if authority.is_some_and(|authority| rule.lets_in(authority, host)) {
        return Ok(());
    }
    let origin = shorten(origin);
    let detail =
        format!("pages of the origin {origin:?} may not use this server; to allow it, add its host to ALLOWED_HOSTS");
    Err(Refusal::new(Kind::OriginNotAllowed, detail))
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
