//! Where a store is reached. Fixed when the store is created, so that a later change of configuration moves nobody.

use super::{Engine, InvalidValue, StoreName};

/// A store's addresses, as users type them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAddress {
    /// The host name of the ingress, without port.
    pub host: String,
    /// The shop's URL, without a slash at its end.
    pub store_url: String,
    /// Where the shopkeeper logs in.
    pub admin_url: String,
}

/// Why a template cannot be one.
pub type AddressError = InvalidValue;

/// `PUBLIC_URL_TEMPLATE`: an `http` or `https` URL with `{name}` in its host and no path, such as
/// `http://{name}.localhost:8080`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrlTemplate(String);

impl PublicUrlTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim_end_matches('/');
        let refuse = |why: &str| {
            Err(InvalidValue::new(format!(
                "{text:?} {why}; expected something like https://{{name}}.stores.example.com"
            )))
        };
        let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
            return refuse("does not begin with http:// or https://");
        };
        if rest.matches("{name}").count() != 1 || !rest.starts_with("{name}.") {
            return refuse("must have {name}. at the beginning of its host, once");
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | ':');
        let domain = &rest["{name}.".len()..];
        if domain.is_empty() || !domain.chars().all(allowed) {
            return refuse("must be only scheme, host in lower case, and port");
        }
        if let Some((_, port)) = domain.split_once(':')
            && !port.parse::<u16>().is_ok_and(|port| port > 0)
        {
            return refuse("has a port that is not a number from 1 to 65535");
        }
        Ok(Self(text.to_owned()))
    }

    /// The template that follows from a base domain: plain HTTP on port 80, or HTTPS on 443.
    pub fn for_domain(base_domain: &str, tls: bool) -> Result<Self, AddressError> {
        let scheme = if tls { "https" } else { "http" };
        Self::parse(&format!("{scheme}://{{name}}.{base_domain}"))
    }

    /// The template as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The addresses of a store.
    pub fn address(&self, name: &StoreName, engine: Engine) -> StoreAddress {
        let store_url = self.0.replace("{name}", name.as_str());
        let authority = store_url.split_once("://").map_or("", |(_, rest)| rest);
        let host = authority.split(':').next().unwrap_or_default().to_owned();
        let admin_url = format!("{store_url}{}", engine.admin_path());
        StoreAddress { host, store_url, admin_url }
    }
}
