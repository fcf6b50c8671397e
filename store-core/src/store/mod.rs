//! What a store is made of, as types that cannot be wrong: a value that exists is valid.

mod address;
mod admin;
mod credentials;
mod engine;
mod id;
mod name;
mod plan;

pub use address::{AddressError, PublicUrlTemplate, StoreAddress};
pub use admin::{AdminEmail, AdminPassword, AdminUsername};
pub use credentials::{CipherError, CredentialsCipher, CredentialsKey, SealedPassword, StoreCredentials};
pub use engine::{Component, Engine, Workload, WorkloadKind};
pub use id::StoreId;
pub use name::{ReservedNames, StoreName};
pub use plan::Plan;

/// Why a value was refused: what is wrong, and what is allowed. Names no field; the caller knows which it parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidValue {
    message: String,
}

impl InvalidValue {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// The sentence for people, without the value itself where that could be a secret.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Implements `Display`, `AsRef<str>`, serde and `FromStr` for a newtype over `String` with a `parse` constructor.
macro_rules! text_newtype {
    ($name:ident) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl $name {
            /// The value as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::store::InvalidValue;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use text_newtype;
