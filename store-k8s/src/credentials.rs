//! A store's credentials, read for a person who asks for them with their own rights. The control plane itself never
//! reads a Secret's content.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use secrecy::SecretString;
use store_core::ports::PortError;

use crate::cluster::connect::Cluster;

/// The entries of a Secret that are text; `None` if there is no such Secret.
pub async fn read(
    cluster: &Cluster,
    namespace: &str,
    name: &str,
) -> Result<Option<BTreeMap<String, SecretString>>, PortError> {
    let request = |client| async move { Api::<Secret>::namespaced(client, namespace).get_opt(name).await };
    let secret = cluster.call("read the store's Secret", request).await?;
    Ok(secret.map(|secret| texts(secret.data.unwrap_or_default())))
}

fn texts(data: BTreeMap<String, k8s_openapi::ByteString>) -> BTreeMap<String, SecretString> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok().map(SecretString::from);
    data.into_iter().filter_map(|(key, value)| Some((key, text(value.0)?))).collect()
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn entries_are_text_and_what_is_not_is_left_out() {
        let data = [("admin-password", b"correct horse".to_vec()), ("binary", vec![0xff])];
        let texts = texts(data.map(|(key, value)| (key.to_owned(), ByteString(value))).into());
        assert_eq!(texts["admin-password"].expose_secret(), "correct horse");
        assert!(!texts.contains_key("binary"));
    }
}
