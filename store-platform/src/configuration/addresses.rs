//! What stores are called, and where they are reached.

use store_core::store::{PublicUrlTemplate, ReservedNames, StoreName};

use super::lookup::Lookup;

const DEFAULT_DOMAIN: &str = "localhost";
/// A host name has at most 253 characters, and a store's name with its dot takes 41 of them.
const DOMAIN_MAX: usize = 253 - 41;
const LABEL_MAX: usize = 63;

/// What stores are called and where they are reached.
#[derive(Debug, Clone)]
pub struct AddressSettings {
    /// The domain under which stores are reached.
    pub base_domain: String,
    /// What new stores' URLs look like.
    pub public_url: PublicUrlTemplate,
    /// Names that no store may take.
    pub reserved: ReservedNames,
}

impl AddressSettings {
    pub(super) fn read(lookup: &mut Lookup) -> Self {
        let base_domain = lookup.parsed("BASE_DOMAIN", DEFAULT_DOMAIN.to_owned(), domain);
        let template = |text: &str| {
            let why = |error| format!("an address of stores; {error}");
            PublicUrlTemplate::parse(text).map_err(why)
        };
        let public_url = lookup.optional("PUBLIC_URL_TEMPLATE", template);
        #[expect(clippy::expect_used, reason = "the domain was checked just now")]
        let public_url = public_url
            .unwrap_or_else(|| PublicUrlTemplate::for_domain(&base_domain, false).expect("a domain makes a template"));
        Self { base_domain, public_url, reserved: reserved(lookup) }
    }
}

fn domain(text: &str) -> Result<String, String> {
    let domain = text.to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=LABEL_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if domain.len() <= DOMAIN_MAX && domain.split('.').all(is_label) {
        Ok(domain)
    } else {
        Err(format!(
            "a domain name of at most {DOMAIN_MAX} characters, such as stores.example.com; \
             scheme and port belong into PUBLIC_URL_TEMPLATE"
        ))
    }
}

fn reserved(lookup: &mut Lookup) -> ReservedNames {
    let Some(names) = lookup.list("RESERVED_NAMES") else { return ReservedNames::default() };
    for name in &names {
        // A word that no store could take anyway is a mistake, unless it is only too short for a store.
        if name.len() >= 3
            && let Err(error) = StoreName::parse(name)
        {
            lookup.problem(format!("RESERVED_NAMES: {name:?} is not a store's name: it {error}"));
        }
    }
    ReservedNames::new(names)
}
