//! `store-http --demo`: the server on a simulated cluster, in memory. It says so at its start, in `/health` and on the
//! page that stands for every store.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use store_core::reconcile::ReconcilerSettings;
use store_core::service::ServiceSettings;
use store_core::store::PublicUrlTemplate;
use store_demo::{Demo, DemoParts};
use store_platform::{Configuration, OsEntropy, SystemClock};
use tokio::sync::watch;

use super::cli::DemoRequest;
use super::{Failure, GRACE, open_tokens, router, stop_on_signal};
use crate::{App, Facts, ReconcilerRole, server};

/// The domain whose names are this machine in every browser, and below which the demo itself answers for the stores.
const DOMAIN: &str = "localhost";

pub(super) async fn serve(configuration: Configuration, request: DemoRequest) -> Result<(), Failure> {
    let stop = stop_on_signal()?;
    let tokens = open_tokens(&configuration)?;
    let listener = server::listen(configuration.http.listen).await.map_err(|error| Failure::error(&error))?;
    let address = listener.local_addr().map_err(|error| Failure::error(&error))?;
    let settings = settings(&configuration, address.port());
    let facts = Facts::simulated(&*configuration.addresses.base_domain, &settings.public_url);
    let parts =
        DemoParts { clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy), settings, stores: request.stores };
    let demo = Demo::start(parts).await.map_err(|error| Failure::error(&error))?;
    tracing::warn!("SIMULATED (--demo): there is no cluster and no database, and everything is gone at the end");
    tracing::info!("listening on http://{address}");
    let url = url_from_here(address);
    tracing::info!("the dashboard: {url}/ui/; for the command line: export STORE_SERVER={url}");
    let (_role, roles) = watch::channel(ReconcilerRole::Working);
    let app = App::new(demo.service().clone(), roles, stop.clone()).with_facts(facts);
    let router = router(app, &configuration, address, tokens, &stop).layer(from_fn(shop));
    server::serve(listener, router, stop).await;
    demo.shutdown(GRACE).await;
    tracing::info!("ended");
    Ok(())
}

/// Where a browser on this machine finds the server: one that listens on every address has none that could be named.
fn url_from_here(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listen.port()))
}

fn settings(configuration: &Configuration, port: u16) -> ServiceSettings {
    let mut reconciler = ReconcilerSettings::new("demo");
    reconciler.timeout = configuration.provisioning.timeout;
    reconciler.max_workers = configuration.provisioning.max_workers;
    reconciler.max_in_progress = configuration.provisioning.max_in_progress;
    let addresses = &configuration.addresses;
    let is_default = |template: &PublicUrlTemplate| {
        PublicUrlTemplate::for_domain(DOMAIN, false).is_ok_and(|default| default == *template)
    };
    let here = PublicUrlTemplate::parse(&format!("http://{{name}}.{DOMAIN}:{port}"));
    let public_url = match here {
        Ok(here) if is_default(&addresses.public_url) => here,
        _ => addresses.public_url.clone(),
    };
    ServiceSettings::new(public_url, reconciler).with_reserved(addresses.reserved.clone())
}

/// Answers for every store, whose host names are this machine, with a page that says that there is none.
async fn shop(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_shop) {
        return next.run(request).await;
    }
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE)).into_response()
}

fn is_shop(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or_default();
    name.strip_suffix(DOMAIN).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Simulated store</title>\
<h1>Simulated store</h1><p>This server runs with --demo: there is no cluster, and so there is no shop here.</p></html>";

#[cfg(test)]
mod tests {
    use super::{is_shop, url_from_here};

    #[rstest::rstest]
    #[case("tea-house.localhost:5000", true)]
    #[case("tea-house.localhost", true)]
    #[case("localhost:5000", false)]
    #[case("127.0.0.1:5000", false)]
    #[case("notlocalhost", false)]
    fn hosts_of_stores_are_known(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_shop(host), expected);
    }

    #[rstest::rstest]
    #[case("127.0.0.1:5000", "http://127.0.0.1:5000")]
    #[case("192.0.2.1:80", "http://192.0.2.1:80")]
    #[case("0.0.0.0:5000", "http://127.0.0.1:5000")]
    #[case("[::]:5000", "http://[::1]:5000")]
    fn the_address_that_is_named_can_be_opened(#[case] listen: &str, #[case] expected: &str) {
        assert_eq!(url_from_here(listen.parse().unwrap()), expected);
    }
}
