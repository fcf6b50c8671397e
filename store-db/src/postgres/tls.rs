//! How the server's certificate is verified: its chain and its name, always.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::Tls;

/// What encrypts connections, or why it cannot be made.
pub(super) fn connector(tls: &Tls) -> Result<MakeRustlsConnect, String> {
    let failed = |error: rustls::Error| format!("TLS cannot be used: {error}");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match tls {
        // It is there only for the types: no handshake is ever begun with it.
        Tls::Off => builder.with_root_certificates(RootCertStore::empty()),
        Tls::Verified { root_certificates: None } => builder.with_platform_verifier().map_err(failed)?,
        Tls::Verified { root_certificates: Some(file) } => builder.with_root_certificates(read(file)?),
    };
    Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
}

fn read(file: &Path) -> Result<RootCertStore, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("the file {} in sslrootcert cannot be used: {error}", file.display());
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(&error))?;
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    if roots.is_empty() { Err(failed(&"it holds no certificate in PEM form")) } else { Ok(roots) }
}
