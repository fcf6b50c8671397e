//! The name a user gives a store; it becomes the first label of the store's host.

use std::collections::BTreeSet;

use super::{InvalidValue, text_newtype};

const MIN: usize = 3;
const MAX: usize = 40;

/// 3 to 40 characters, `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, without `--` at positions 3–4 (RFC 5891 keeps those for
/// internationalised labels). Whether a name is reserved is configuration: see [`ReservedNames`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreName(String);

text_newtype!(StoreName);

impl StoreName {
    /// Reads a name; the error says which rule it breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let length = text.chars().count();
        if !(MIN..=MAX).contains(&length) {
            return Err(InvalidValue::new(format!("must have {MIN} to {MAX} characters, this has {length}")));
        }
        if let Some(wrong) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
            return Err(InvalidValue::new(format!("may contain only a-z, 0-9 and -, not {wrong:?}")));
        }
        if text.starts_with('-') || text.ends_with('-') {
            return Err(InvalidValue::new("must begin and end with a letter or a digit, not with -"));
        }
        if text.get(2..4) == Some("--") {
            return Err(InvalidValue::new("must not have -- as its third and fourth characters (RFC 5891)"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Names that no store may take, because a host of the platform itself has them or may have them one day.
#[derive(Debug, Clone)]
pub struct ReservedNames(BTreeSet<String>);

impl ReservedNames {
    /// Exactly these names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    /// Refuses a reserved name.
    pub fn check(&self, name: &StoreName) -> Result<(), InvalidValue> {
        if self.0.contains(name.as_str()) {
            return Err(InvalidValue::new(format!("{name} is reserved for the platform; choose another name")));
        }
        Ok(())
    }
}

impl Default for ReservedNames {
    fn default() -> Self {
        let names = [
            "www",
            "api",
            "admin",
            "dashboard",
            "mail",
            "smtp",
            "imap",
            "ftp",
            "ns1",
            "ns2",
            "root",
            "localhost",
            "status",
            "docs",
            "app",
            "auth",
            "login",
            "metrics",
            "static",
            "store",
            "stores",
            "platform",
        ];
        Self::new(names.map(str::to_owned))
    }
}
