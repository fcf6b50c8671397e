//! Encrypted connections: only to the server that the URL names, with a certificate of the authority that it names.

use std::path::{Path, PathBuf};
use std::process::Command;

use private_postgres::{Options, Postgres};
use store_core::ports::StoreRepository;
use store_db::{DatabaseRepository, OpenError, OpenMode, PostgresOpenError, PostgresOptions};

use crate::database::postgres_url;

/// A self-made authority.
struct Authority {
    directory: tempfile::TempDir,
}

impl Authority {
    fn new() -> Self {
        let authority = Self { directory: tempfile::tempdir().unwrap() };
        let name = format!("/CN={}", authority.directory.path().display().to_string().replace('/', "-"));
        authority.openssl(
            &["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
            &["-keyout", "ca.key", "-out", "ca.crt", "-subj", &name],
        );
        authority
    }

    /// Makes `server.key` and `server.crt` for this name.
    fn certify(&self, name: &str) -> (String, String) {
        self.openssl(
            &["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
            &["-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"],
        );
        std::fs::write(self.path("names"), format!("subjectAltName={name}\n")).unwrap();
        self.openssl(
            &["x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
            &["-days", "2", "-extfile", "names", "-out", "server.crt"],
        );
        let read = |name: &str| std::fs::read_to_string(self.path(name)).unwrap();
        (read("server.crt"), read("server.key"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn openssl(&self, what: &[&str], arguments: &[&str]) {
        let output =
            Command::new("openssl").args(what).args(arguments).current_dir(self.directory.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn server(authority: &Authority, name: &str) -> Postgres {
    let (certificate, key) = authority.certify(name);
    Options::default().setting("ssl", "on").file("server.crt", &certificate).file("server.key", &key).start().unwrap()
}

async fn open(
    server: &Postgres,
    host: &str,
    mode: &str,
    roots: Option<&Path>,
) -> Result<DatabaseRepository, PostgresOpenError> {
    let roots = roots.map(|file| format!("&sslrootcert={}", file.display())).unwrap_or_default();
    let url = format!("{}?sslmode={mode}{roots}", server.url().replace("127.0.0.1", host));
    match DatabaseRepository::open_postgres(&postgres_url(&url), PostgresOptions::default(), OpenMode::Create).await {
        Ok(repository) => Ok(repository),
        Err(OpenError::Postgres(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

async fn assert_untrusted(server: &Postgres, host: &str, roots: Option<&Path>, why: &str) {
    for mode in ["verify-full", "require"] {
        let Err(error) = open(server, host, mode, roots).await else { panic!("{host} with {mode} is trusted") };
        let message = error.to_string();
        assert!(matches!(error, PostgresOpenError::Untrusted { .. }) && message.contains(why), "{mode}: {message}");
        assert!(message.contains("sslrootcert"), "it says what to do: {message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn only_the_named_server_with_the_named_authority_is_trusted() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let server = server(&authority, "DNS:localhost");
    let roots = authority.path("ca.crt");
    for mode in ["verify-full", "require"] {
        let repository = open(&server, "localhost", mode, Some(&roots)).await.unwrap();
        repository.installation().await.unwrap();
    }
    let encrypted = server.run("postgres", "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'store-platform'");
    assert!(["t", ""].contains(&encrypted.unwrap().as_str()));

    assert_untrusted(&server, "localhost", Some(&stranger.path("ca.crt")), "UnknownIssuer").await;
    assert_untrusted(&server, "localhost", None, "UnknownIssuer").await;
    assert_untrusted(&server, "127.0.0.1", Some(&roots), "not valid for name").await;
    open(&server, "127.0.0.1", "disable", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn an_address_is_a_name_as_well() {
    let authority = Authority::new();
    let server = server(&authority, "IP:127.0.0.1");
    open(&server, "127.0.0.1", "verify-full", Some(&authority.path("ca.crt"))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_server_without_tls_is_not_trusted() {
    let authority = Authority::new();
    let server = Postgres::start().unwrap();
    assert_untrusted(&server, "localhost", Some(&authority.path("ca.crt")), "server does not support TLS").await;
    open(&server, "localhost", "disable", None).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_file_without_certificates_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    std::fs::write(&empty, "nothing\n").unwrap();
    let server = Postgres::start().unwrap();
    for file in [&empty, &directory.path().join("missing.pem")] {
        let Err(error) = open(&server, "localhost", "verify-full", Some(file)).await else { panic!("no certificate") };
        let message = error.to_string();
        assert!(message.contains(file.to_str().unwrap()) && message.contains("sslrootcert"), "{message}");
    }
}
