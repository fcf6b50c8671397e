//! What of our environment a Helm process gets: a documented list, so that kubeconfigs with credential plugins work
//! and our own secrets stay here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use uuid::Uuid;

/// The variable that carries the action's id, by which a successor finds the process.
pub(crate) const ACTION: &str = "STORE_PLATFORM_ACTION";

/// Variables that are handed on when they are set. Proxy variables also in lower case.
pub(crate) const ALLOWED: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "KUBERNETES_SERVICE_HOST",
    "KUBERNETES_SERVICE_PORT",
    "KUBERNETES_SERVICE_PORT_HTTPS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "USE_GKE_GCLOUD_AUTH_PLUGIN",
];

/// Prefixes of the variables in which the clouds' credential plugins find what they need.
pub(crate) const ALLOWED_PREFIXES: &[&str] =
    &["AWS_", "GOOGLE_", "CLOUDSDK_", "AZURE_", "AAD_", "OCI_", "DIGITALOCEAN_", "ALIBABA_CLOUD_", "OS_"];

/// A whole environment.
pub(crate) type Environment = BTreeMap<OsString, OsString>;

/// What every Helm of this process gets. `passthrough` names more variables; one that ends in `*` is a prefix.
pub(crate) fn base(
    ours: &Environment,
    passthrough: &[String],
    kubeconfig: Option<OsString>,
    state_dir: &Path,
) -> Environment {
    let mut environment: Environment =
        ours.iter().filter(|(name, _)| is_allowed(name, passthrough)).map(|(n, v)| (n.clone(), v.clone())).collect();
    if let Some(kubeconfig) = kubeconfig {
        environment.insert("KUBECONFIG".into(), kubeconfig);
    }
    // Its own directories: neither the operator's repositories nor their plugins reach us.
    for (name, directory) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")]
    {
        environment.insert(name.into(), state_dir.join("helm").join(directory).into());
    }
    environment.insert("HELM_NO_PLUGINS".into(), "1".into());
    environment
}

/// Marks the environment of one action.
pub(crate) fn marked(mut environment: Environment, action: Uuid) -> Environment {
    environment.insert(ACTION.into(), action.to_string().into());
    environment
}

fn is_allowed(name: &OsStr, passthrough: &[String]) -> bool {
    let Some(name) = name.to_str() else { return false };
    ALLOWED.contains(&name)
        || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || passthrough.iter().any(|extra| match extra.strip_suffix('*') {
            Some(prefix) => !prefix.is_empty() && name.starts_with(prefix),
            None => name == extra,
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("PATH", true)]
    #[case("HTTPS_PROXY", true)]
    #[case("no_proxy", true)]
    #[case("AWS_PROFILE", true)]
    #[case("GOOGLE_APPLICATION_CREDENTIALS", true)]
    #[case("AZURE_CLIENT_SECRET", true)]
    #[case("MY_PLUGIN_TOKEN", true)]
    #[case("VAULT_ADDR", true)]
    #[case("DATABASE_URL", false)]
    #[case("CREDENTIALS_KEY_FILE", false)]
    #[case("KUBECONFIG", false)]
    #[case("HELM_DRIVER", false)]
    #[case("LD_PRELOAD", false)]
    #[case("MY_OTHER", false)]
    fn only_listed_variables_pass(#[case] name: &str, #[case] passes: bool) {
        let passthrough = ["MY_PLUGIN_TOKEN".to_owned(), "VAULT_*".to_owned(), "*".to_owned()];
        assert_eq!(is_allowed(OsStr::new(name), &passthrough), passes);
    }

    #[test]
    fn helm_gets_our_kubeconfig_and_directories_of_its_own() {
        let ours = [("KUBECONFIG".into(), "/wrong".into()), ("HELM_CACHE_HOME".into(), "/wrong".into())].into();
        let got = base(&ours, &[], Some("/right".into()), Path::new("/state"));
        assert_eq!(got[OsStr::new("KUBECONFIG")], "/right");
        assert_eq!(got[OsStr::new("HELM_CACHE_HOME")], "/state/helm/cache");
        assert_eq!(got[OsStr::new("HELM_NO_PLUGINS")], "1");
        let id = Uuid::from_u128(3);
        assert_eq!(marked(got, id)[OsStr::new(ACTION)].to_str().unwrap(), id.to_string());
    }
}
