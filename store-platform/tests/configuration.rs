//! What is read from flags, environment and `.env`, and what is refused.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pretty_assertions::assert_eq;
use rstest::rstest;
use store_core::store::{Engine, StoreName};
use store_platform::configuration::{LogFormat, SETTINGS};
use store_platform::{Configuration, EnvFile, Sources};

/// The user's own `.env`.
const ENV: &str = "\
# Database
DATABASE_URL=sqlite:///store_platform.db

# Helm
HELM_CHART_PATH=helm/store
HELM_VALUES_FILE=values.yaml
HELM_ENV_VALUES_FILE=values-local.yaml

# Kubernetes
# KUBECONFIG=/path/to/kubeconfig  # Optional, uses default if not set

# Provisioning
PROVISIONING_TIMEOUT_SECONDS=600  # 10 minutes
PROVISIONING_POLL_INTERVAL_SECONDS=5
PROVISIONING_MAX_WORKERS=5

# Domain
BASE_DOMAIN=localhost

# Logging
LOG_DIR=logs  # Directory for log files
LOG_FILE=store_platform.log  # Log file name

# Flask
FLASK_HOST=0.0.0.0
FLASK_ENV=development
FLASK_DEBUG=True
FLASK_PORT=5000
";

struct Given {
    directory: tempfile::TempDir,
    sources: Sources,
}

fn given(environment: &[(&str, &str)]) -> Given {
    let directory = tempfile::tempdir().expect("a directory");
    let mut all: BTreeMap<OsString, OsString> = [("HOME".into(), "/home/somebody".into())].into();
    all.extend(environment.iter().map(|(name, value)| (name.into(), value.into())));
    let sources = Sources {
        flags: BTreeMap::new(),
        environment: all,
        env_file: EnvFile::Default,
        directory: directory.path().to_owned(),
    };
    Given { directory, sources }
}

impl Given {
    fn file(self, name: &str, content: &str) -> Self {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        std::fs::write(file, content).expect("a file");
        self
    }

    fn env_file(mut self, name: &str) -> Self {
        self.sources.env_file = EnvFile::Named(name.into());
        self
    }

    fn flag(mut self, variable: &'static str, value: &str) -> Self {
        self.sources.flags.insert(variable, value.to_owned());
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Configuration {
        Configuration::load(self.sources.clone()).unwrap_or_else(|error| panic!("{error}"))
    }

    fn problems(&self) -> Vec<String> {
        let error = Configuration::load(self.sources.clone()).expect_err("it is refused");
        error.to_string().lines().map(str::to_owned).collect()
    }
}

fn store_url(configuration: &Configuration) -> String {
    let name = StoreName::parse("mystore").expect("a name");
    configuration.addresses.public_url.address(&name, Engine::Medusa).store_url
}

#[test]
fn everything_has_a_default_but_a_place_for_files() {
    let configuration = given(&[]).load();
    assert_eq!(configuration.state_dir, Path::new("/home/somebody/.local/state/store-platform"));
    let default = configuration.state_dir.join("store_platform.db");
    assert_eq!(configuration.database.file(), Some(default.as_path()));
    let key = configuration.state_dir.join("store_platform.db.credentials-key");
    assert_eq!(configuration.database.key_file(), Some(key));
    assert_eq!(configuration.helm.binary, Path::new("helm"));
    assert_eq!((configuration.helm.chart, configuration.helm.values_files), (None, vec![]));
    assert_eq!((configuration.cluster.kubeconfig, configuration.cluster.context), (None, None));
    assert_eq!(configuration.provisioning.timeout, Duration::from_mins(10));
    assert_eq!(configuration.provisioning.poll_interval, Duration::from_secs(5));
    assert_eq!((configuration.provisioning.max_workers, configuration.provisioning.max_in_progress), (5, 50));
    assert_eq!(configuration.addresses.base_domain, "localhost");
    assert_eq!(configuration.logging.file, None);
    assert_eq!(configuration.logging.format, LogFormat::Text);
    assert_eq!(configuration.http.listen.to_string(), "127.0.0.1:5000");
    assert_eq!(configuration.http.allowed_hosts, []);
    assert_eq!(configuration.warnings, [""; 0]);
}

#[test]
fn the_users_own_env_file_is_read_with_its_comments() {
    let given = given(&[]).file(".env", ENV);
    let configuration = given.load();
    assert_eq!(configuration.database.file(), Some(given.path("store_platform.db").as_path()));
    assert_eq!(configuration.helm.chart, Some(given.path("helm/store")));
    assert_eq!(configuration.helm.values_files, [Path::new("values.yaml"), Path::new("values-local.yaml")]);
    assert_eq!(configuration.provisioning.timeout, Duration::from_mins(10));
    assert_eq!(configuration.logging.file, Some((given.path("logs"), "store_platform.log".to_owned())));
    assert_eq!(configuration.http.listen.to_string(), "127.0.0.1:5000");
    let [lowered, unused] = configuration.warnings.as_slice() else { panic!("{:?}", configuration.warnings) };
    assert!(lowered.starts_with("FLASK_HOST=0.0.0.0 WAS LOWERED TO 127.0.0.1"), "{lowered}");
    assert!(lowered.contains("ALLOW_UNAUTHENTICATED=true") && lowered.contains("reverse proxy"), "{lowered}");
    assert!(unused.starts_with("FLASK_DEBUG and FLASK_ENV have no effect here"), "{unused}");
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let given = given(&[("HTTP_PORT", "5002"), ("BASE_DOMAIN", "b.example"), ("LOG_FILE", "")])
        .file(".env", "HTTP_PORT=5001\nBASE_DOMAIN=a.example\nPROVISIONING_MAX_WORKERS=7\nLOG_FILE=x.log\nLOG_DIR=l\n")
        .flag("HTTP_PORT", "5003");
    let configuration = given.load();
    assert_eq!(configuration.http.listen.port(), 5003);
    assert_eq!(configuration.addresses.base_domain, "b.example");
    assert_eq!((configuration.provisioning.max_workers, configuration.provisioning.max_in_progress), (7, 70));
    assert_eq!(configuration.logging.file, Some((given.path("l"), "x.log".to_owned())), "an empty value is none");
}

#[test]
fn relative_paths_belong_to_the_file_that_names_them() {
    let text =
        "DATABASE_URL=sqlite:///a.db\nLOG_DIR=logs\nHELM_BINARY=bin/helm\nKUBECONFIG=one:/two\nSTATE_DIR=state\n";
    let given = given(&[("HELM_CHART_PATH", "chart"), ("CREDENTIALS_KEY_FILE", "/key")])
        .file("etc/.env", text)
        .env_file("etc/.env");
    let configuration = given.load();
    assert_eq!(configuration.database.file(), Some(given.path("etc/a.db").as_path()));
    assert_eq!(configuration.database.key_file().as_deref(), Some(Path::new("/key")));
    assert_eq!(configuration.helm.binary, given.path("etc/bin/helm"));
    assert_eq!(configuration.helm.chart, Some(given.path("chart")));
    assert_eq!(configuration.state_dir, given.path("etc/state"));
    let kubeconfig = format!("{}:/two", given.path("etc/one").display());
    assert_eq!(configuration.environment[&OsString::from("KUBECONFIG")], OsString::from(kubeconfig));
}

#[test]
fn a_kubeconfig_flag_stands_apart_from_the_variable() {
    let given = given(&[("KUBECONFIG", "/env")]).flag("KUBECONFIG", "flag").flag("KUBE_CONTEXT", "here");
    let configuration = given.load();
    assert_eq!(configuration.cluster.kubeconfig, Some(given.path("flag")));
    assert_eq!(configuration.cluster.context.as_deref(), Some("here"));
    assert_eq!(configuration.environment[&OsString::from("KUBECONFIG")], "/env");
}

#[rstest]
#[case(&[("XDG_STATE_HOME", "/xdg")], "/xdg/store-platform")]
#[case(&[("XDG_STATE_HOME", "relative")], "/home/somebody/.local/state/store-platform")]
#[case(&[("STATE_DIR", "/state"), ("XDG_STATE_HOME", "/xdg")], "/state")]
fn the_state_directory_follows_xdg(#[case] environment: &[(&str, &str)], #[case] expected: &str) {
    assert_eq!(given(environment).load().state_dir, Path::new(expected));
}

#[rstest]
#[case(&[], "http://mystore.localhost")]
#[case(&[("BASE_DOMAIN", "Stores.Example.com")], "http://mystore.stores.example.com")]
#[case(&[("PUBLIC_URL_TEMPLATE", "https://{name}.example.com:8443/")], "https://mystore.example.com:8443")]
fn urls_follow_from_the_domain(#[case] environment: &[(&str, &str)], #[case] expected: &str) {
    assert_eq!(store_url(&given(environment).load()), expected);
}

#[rstest]
#[case(&[("DATABASE_URL", "sqlite:////abs/a.db")], "/abs/a.db")]
#[case(&[("DATABASE_URL", "/abs/plain.db")], "/abs/plain.db")]
fn databases(#[case] environment: &[(&str, &str)], #[case] expected: &str) {
    assert_eq!(given(environment).load().database.file(), Some(Path::new(expected)));
}

#[test]
fn a_database_url_can_come_from_a_file() {
    let given = given(&[("DATABASE_URL_FILE", "secret/url")]).file("secret/url", "sqlite:////from/file.db\n");
    assert_eq!(given.load().database.file(), Some(Path::new("/from/file.db")));
}

#[test]
fn a_postgresql_database_shows_no_password_and_has_no_key_beside_it() {
    let url = "postgres://stores:hunter2@db.example/shops";
    let configuration = given(&[("DATABASE_URL", url), ("DATABASE_CONNECTIONS", "20")]).load();
    assert_eq!(configuration.database.url.to_string(), "postgres://stores@db.example:5432/shops");
    assert_eq!((configuration.database.file(), configuration.database.key_file()), (None, None));
    assert_eq!(configuration.database.connections, 20);
    assert!(!format!("{:?}", configuration.database).contains("hunter2"));
    let from_file = given(&[("DATABASE_URL_FILE", "url")]).file("url", url).load();
    assert_eq!(from_file.database.url, configuration.database.url);
    assert_eq!(from_file.database.connections, 8);
}

#[test]
fn the_stronger_of_two_database_urls_counts() {
    let given = given(&[("DATABASE_URL", "/weaker.db")]).file("url", "/stronger.db").flag("DATABASE_URL_FILE", "url");
    assert_eq!(given.load().database.file(), Some(Path::new("/stronger.db")));
}

#[rstest]
#[case(&[("HTTP_HOST", "::1")], "[::1]:5000")]
#[case(&[("HTTP_HOST", "[::1]"), ("HTTP_PORT", "0")], "[::1]:0")]
#[case(&[("HTTP_HOST", "localhost"), ("FLASK_HOST", "0.0.0.0")], "127.0.0.1:5000")]
#[case(&[("FLASK_PORT", "5050")], "127.0.0.1:5050")]
#[case(&[("FLASK_PORT", "5050"), ("HTTP_PORT", "5051")], "127.0.0.1:5051")]
#[case(&[("FLASK_HOST", "127.0.0.2")], "127.0.0.2:5000")]
#[case(&[("FLASK_HOST", "0.0.0.0"), ("ALLOW_UNAUTHENTICATED", "true")], "0.0.0.0:5000")]
#[case(&[("HTTP_HOST", "10.0.0.5"), ("ALLOW_UNAUTHENTICATED", "yes")], "10.0.0.5:5000")]
#[case(&[("HTTP_HOST", "10.0.0.5"), ("API_TOKENS_FILE", "tokens.yaml")], "10.0.0.5:5000")]
#[case(&[("FLASK_HOST", "0.0.0.0"), ("API_TOKENS_FILE", "tokens.yaml")], "0.0.0.0:5000")]
fn addresses_to_listen_on(#[case] environment: &[(&str, &str)], #[case] expected: &str) {
    let configuration = given(environment).load();
    assert_eq!(configuration.http.listen.to_string(), expected);
    assert_eq!(configuration.warnings, [""; 0]);
}

#[rstest]
#[case("0.0.0.0")]
#[case("::")]
#[case("192.168.1.5")]
fn a_flask_host_beyond_loopback_is_lowered(#[case] host: &str) {
    let configuration = given(&[("FLASK_HOST", host)]).load();
    assert_eq!(configuration.http.listen.to_string(), "127.0.0.1:5000");
    assert!(configuration.warnings[0].starts_with(&format!("FLASK_HOST={host} WAS LOWERED")));
}

#[test]
fn what_is_not_known_is_named() {
    let environment = [("FLASK_APP", "app"), ("FLASK_SECRET_KEY", "hunter2"), ("PROVISIONING_WORKERS", "9")];
    let warnings = given(&environment).load().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("FLASK_APP, FLASK_SECRET_KEY"), "{warnings:?}");
    assert!(warnings[1].contains("PROVISIONING_WORKERS"), "{warnings:?}");
    assert!(!warnings.concat().contains("hunter2"));
}

#[rstest]
#[case("PROVISIONING_TIMEOUT_SECONDS", "10m", "a whole number from 1 to 86400")]
#[case("PROVISIONING_TIMEOUT_SECONDS", "600  # 10 minutes", "a whole number from 1 to 86400")]
#[case("PROVISIONING_TIMEOUT_SECONDS", "86401", "a whole number from 1 to 86400")]
#[case("PROVISIONING_POLL_INTERVAL_SECONDS", "0", "a whole number from 1 to 3600")]
#[case("PROVISIONING_MAX_WORKERS", "abc", "a whole number from 1 to 100")]
#[case("PROVISIONING_MAX_WORKERS", "-1", "a whole number from 1 to 100")]
#[case("DATABASE_CONNECTIONS", "1", "a whole number from 2 to 100")]
#[case("PROVISIONING_MAX_IN_PROGRESS", "1e3", "a whole number from 1 to 10000")]
#[case("BASE_DOMAIN", "shops..example", "a domain name")]
#[case("BASE_DOMAIN", "-shops.example", "a domain name")]
#[case("BASE_DOMAIN", "localhost:8080", "a domain name")]
#[case("PUBLIC_URL_TEMPLATE", "ftp://{name}.example.com", "does not begin with http:// or https://")]
#[case("LOG_FORMAT", "xml", "text or json")]
#[case("LOG_FILE", "../x.log", "a plain file name")]
#[case("HTTP_HOST", "example.com", "an IP address")]
#[case("HTTP_HOST", "0.0.0.0", "a loopback address such as 127.0.0.1")]
#[case("HTTP_PORT", "65536", "a whole number from 0 to 65535")]
#[case("FLASK_HOST", "everywhere", "an IP address")]
#[case("FLASK_PORT", "http", "a whole number from 0 to 65535")]
#[case("ALLOW_UNAUTHENTICATED", "maybe", "true or false")]
#[case("DATABASE_URL_FILE", "/nowhere/url", "a file that can be read")]
fn a_wrong_value_is_named_with_what_is_allowed(#[case] variable: &str, #[case] value: &str, #[case] allowed: &str) {
    let problems = given(&[(variable, value)]).problems();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert!(problem.starts_with(&format!("{variable}={value:?} (from the environment): allowed is ")), "{problem}");
    assert!(problem.contains(allowed), "{problem}");
}

#[rstest]
#[case("postgres://user:hunter2@db.example/stores?sslmode=prefer")]
#[case("postgres://user:hunter2/@db.example/stores")]
#[case("postgressql://user:hunter2@db.example/stores")]
#[case("sqlite://user:hunter2@store.db")]
#[case("sqlite:///:memory:")]
fn a_wrong_database_url_is_never_repeated(#[case] url: &str) {
    let problems = given(&[("DATABASE_URL", url)]).problems().join("\n");
    assert!(problems.starts_with("DATABASE_URL (from the environment): allowed is a SQLite file or"), "{problems}");
    assert!(!problems.contains("hunter2"), "{problems}");
    let from_file = given(&[("DATABASE_URL_FILE", "url")]).file("url", url).problems().join("\n");
    assert!(!from_file.contains("hunter2"), "{from_file}");
}

#[test]
fn everything_that_is_wrong_is_named_at_once_with_its_origin() {
    let given = given(&[("PROVISIONING_MAX_WORKERS", "abc"), ("ALLOWED_HOSTS", "a b,ok.example")])
        .file(".env", "LOG_FORMAT=xml\n")
        .flag("HTTP_PORT", "x");
    let env_file = given.path(".env");
    assert_eq!(
        given.problems(),
        [
            r#"PROVISIONING_MAX_WORKERS="abc" (from the environment): allowed is a whole number from 1 to 100"#.to_owned(),
            format!(r#"LOG_FORMAT="xml" (from {}): allowed is text or json"#, env_file.display()),
            r#"HTTP_PORT="x" (from --http-port): allowed is a whole number from 0 to 65535"#.to_owned(),
            r#"ALLOWED_HOSTS: "a b" is not a host; allowed is a comma-separated list of host, host:port, *.example.com, or * for every host"#.to_owned(),
        ]
    );
}

#[test]
fn without_a_home_the_state_directory_must_be_named() {
    let mut given = given(&[]);
    given.sources.environment.clear();
    assert!(given.problems()[0].starts_with("STATE_DIR is not set, and neither is HOME"));
}

#[test]
fn both_database_variables_at_once_are_refused() {
    let problems = given(&[("DATABASE_URL", "/a.db"), ("DATABASE_URL_FILE", "url")]).problems();
    assert_eq!(problems, ["DATABASE_URL and DATABASE_URL_FILE are both set: allowed is one of them"]);
}

#[test]
fn an_env_file_that_was_named_must_be_there_and_be_one() {
    let missing = given(&[]).env_file("nowhere.env").problems().join("\n");
    assert!(missing.contains("nowhere.env cannot be read"), "{missing}");
    let wrong = given(&[]).file(".env", "A=b\nhunter2\n").problems().join("\n");
    assert!(wrong.ends_with(".env, line 2: expected NAME=value"), "{wrong}");
}

#[test]
fn every_setting_is_documented_once_and_what_may_be_secret_has_no_flag() {
    let mut variables: Vec<_> = SETTINGS.iter().map(|setting| setting.variable).collect();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), SETTINGS.len());
    assert!(SETTINGS.iter().all(|setting| setting.flag.is_some() || setting.variable == "DATABASE_URL"));
}
