//! What callers send, and how it becomes values that cannot be wrong: all that is missing or wrong is named at once.

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{FieldError, ServiceError};
use crate::ports::IdempotencyKey;
use crate::store::{
    AdminEmail, AdminPassword, AdminUsername, CredentialsCipher, Engine, InvalidValue, Plan, ReservedNames, StoreId,
    StoreName,
};

const IDEMPOTENCY_KEY_MAX: usize = 255;

/// A request for a store. Everything but the plan is required; unknown fields are refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CreateStore {
    /// 3 to 40 characters of a-z, 0-9 and -.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, min_length = 3, max_length = 40, pattern = "^[a-z0-9][-a-z0-9]*[a-z0-9]$", example = "mystore"))]
    pub name: Option<String>,
    /// The shop software.
    #[cfg_attr(feature = "openapi", schema(required, value_type = crate::store::Engine))]
    pub engine: Option<String>,
    /// The admin's user name.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, example = "storeadmin"))]
    pub admin_username: Option<String>,
    /// The admin's e-mail address.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = Email, example = "admin@mystore.com"))]
    pub admin_email: Option<String>,
    /// The admin's password, at least 8 characters.
    #[cfg_attr(feature = "openapi", schema(required, value_type = String, format = Password, min_length = 8))]
    pub admin_password: Option<SecretString>,
    /// `small` if absent.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<crate::store::Plan>))]
    pub plan: Option<String>,
}

/// A request for another attempt.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RetryStore {
    /// A new admin password, where the old one is gone.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Password, min_length = 8))]
    pub admin_password: Option<SecretString>,
}

/// A change of what is wanted of a store, without another attempt or its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PatchStore {
    /// Whether its deletion is refused.
    #[cfg_attr(feature = "openapi", schema(required, value_type = bool))]
    pub protected: Option<bool>,
}

/// Which store: by id, by name, or by a word that could be either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreRef {
    /// This id.
    Id(StoreId),
    /// The store of this name that is not deleted.
    Name(StoreName),
    /// This id if there is one, else this name.
    Either(StoreId, StoreName),
}

impl StoreRef {
    /// Reads a word as id, name, or either.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        match (StoreId::parse(text), StoreName::parse(text)) {
            (Ok(id), Ok(name)) => Ok(Self::Either(id, name)),
            (Ok(id), Err(_)) => Ok(Self::Id(id)),
            (Err(_), Ok(name)) => Ok(Self::Name(name)),
            (Err(_), Err(error)) => Err(error),
        }
    }
}

impl std::fmt::Display for StoreRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Name(name) | Self::Either(_, name) => name.fmt(f),
        }
    }
}

pub(super) struct ValidCreate {
    pub(super) name: StoreName,
    pub(super) engine: Engine,
    pub(super) plan: Plan,
    pub(super) username: AdminUsername,
    pub(super) email: AdminEmail,
    pub(super) password: AdminPassword,
}

/// Collects what is wrong, so that one answer names all of it.
#[derive(Default)]
struct Problems(Vec<FieldError>);

impl Problems {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError { field: field.to_owned(), message: message.into() });
    }

    fn required<T>(
        &mut self,
        field: &str,
        value: Option<&str>,
        parse: impl FnOnce(&str) -> Result<T, InvalidValue>,
    ) -> Option<T> {
        let Some(value) = value else {
            self.add(field, "is required");
            return None;
        };
        parse(value).map_err(|error| self.add(field, error.message())).ok()
    }
}

impl CreateStore {
    pub(super) fn validate(&self, reserved: &ReservedNames) -> Result<ValidCreate, ServiceError> {
        let mut problems = Problems::default();
        let name = problems.required("name", self.name.as_deref(), |text| {
            let name = StoreName::parse(text)?;
            reserved.check(&name)?;
            Ok(name)
        });
        let engine = problems.required("engine", self.engine.as_deref(), str::parse);
        let plan =
            problems.required("plan", Some(self.plan.as_deref().unwrap_or(Plan::default().as_str())), str::parse);
        let username = problems.required("admin_username", self.admin_username.as_deref(), AdminUsername::parse);
        let email = problems.required("admin_email", self.admin_email.as_deref(), AdminEmail::parse);
        let password = self.admin_password.as_ref().map(ExposeSecret::expose_secret);
        let password = problems.required("admin_password", password, AdminPassword::parse);
        match (name, engine, plan, username, email, password) {
            (Some(name), Some(engine), Some(plan), Some(username), Some(email), Some(password)) => {
                Ok(ValidCreate { name, engine, plan, username, email, password })
            }
            _ => Err(ServiceError::Invalid(problems.0)),
        }
    }

    /// The key under which this request may be repeated, with a keyed fingerprint of all that it asks for.
    pub(super) fn idempotency(
        &self,
        key: Option<&str>,
        cipher: &CredentialsCipher,
    ) -> Result<Option<IdempotencyKey>, ServiceError> {
        let Some(key) = key else { return Ok(None) };
        if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            let message = format!("must have 1 to {IDEMPOTENCY_KEY_MAX} visible ASCII characters");
            return Err(ServiceError::field("Idempotency-Key", message));
        }
        let mut request = Vec::new();
        let password = self.admin_password.as_ref().map(ExposeSecret::expose_secret);
        let fields = [&self.name, &self.engine, &self.admin_username, &self.admin_email, &self.plan];
        for field in fields.map(Option::as_deref).into_iter().chain([password]) {
            // Length first, so that no two different requests read the same.
            request.extend((field.map_or(0, |text| text.len() + 1) as u64).to_le_bytes());
            request.extend(field.unwrap_or_default().as_bytes());
        }
        let fingerprint = cipher.fingerprint(&request);
        zeroize::Zeroize::zeroize(&mut request);
        Ok(Some(IdempotencyKey { key: key.to_owned(), fingerprint }))
    }
}

impl RetryStore {
    pub(super) fn validate(&self) -> Result<Option<AdminPassword>, ServiceError> {
        self.admin_password
            .as_ref()
            .map(|password| AdminPassword::parse(password.expose_secret()))
            .transpose()
            .map_err(|error| ServiceError::field("admin_password", error.message()))
    }
}
