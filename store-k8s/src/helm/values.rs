//! The platform's values document: the only values that Helm gets from us, on standard input. It holds no secret; the
//! chart takes the Secret's name.

use serde::Serialize;
use store_core::lifecycle::Store;
use uuid::Uuid;

#[derive(Serialize)]
struct Document<'a> {
    platform: Platform<'a>,
}

/// The closed key `platform` of the chart's values.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Platform<'a> {
    installation: String,
    store: &'a str,
    name: &'a str,
    engine: &'a str,
    plan: &'a str,
    attempt: u32,
    host: &'a str,
    public_url: &'a str,
    credentials_secret: String,
}

/// The document of a store as one line of JSON. It ends in a newline: without one, Helm 4 drops a document whose
/// length is a multiple of 4096 (helm/helm#32506).
pub(crate) fn document(installation: Uuid, store: &Store) -> Vec<u8> {
    let platform = Platform {
        installation: installation.to_string(),
        store: store.id.as_str(),
        name: store.name.as_str(),
        engine: store.engine.as_str(),
        plan: store.plan.as_str(),
        attempt: store.attempt(),
        host: &store.address.host,
        public_url: &store.address.store_url,
        credentials_secret: store.id.credentials_secret(),
    };
    #[expect(clippy::expect_used, reason = "strings and numbers are always JSON")]
    let mut document = serde_json::to_vec(&Document { platform }).expect("strings and numbers");
    document.push(b'\n');
    document
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::store;

    #[test]
    fn the_document_has_only_the_platforms_key_and_ends_in_a_newline() {
        let document = document(Uuid::from_u128(1), &store());
        assert_eq!(document.last(), Some(&b'\n'));
        let read: Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(
            read,
            json!({"platform": {
                "installation": "00000000-0000-0000-0000-000000000001",
                "store": "abcdefghij",
                "name": "shop",
                "engine": "medusa",
                "plan": "small",
                "attempt": 1,
                "host": "shop.localhost",
                "publicUrl": "http://shop.localhost:8080",
                "credentialsSecret": "store-abcdefghij-credentials",
            }})
        );
    }
}
