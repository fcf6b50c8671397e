//! The shopkeeper's first account: who logs in to the shop's admin, and with what.

use secrecy::{ExposeSecret, SecretString};

use super::{InvalidValue, text_newtype};

const USERNAME_MAX: usize = 60;
const EMAIL_MAX: usize = 254;
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 128;

/// The admin's name: 1 to 60 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminUsername(String);

text_newtype!(AdminUsername);

impl AdminUsername {
    /// Reads a user name.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let length = text.chars().count();
        if length == 0 || length > USERNAME_MAX || text.trim() != text {
            return Err(InvalidValue::new(format!(
                "must have 1 to {USERNAME_MAX} characters and no space at its ends"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidValue::new("must not contain control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The admin's e-mail address (RFC 5321's addr-spec, at most 254 characters, with a domain that has a dot or is
/// `localhost`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminEmail(String);

text_newtype!(AdminEmail);

impl AdminEmail {
    /// Reads an e-mail address.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let options = email_address::Options::default().without_display_text().without_domain_literal();
        let address = email_address::EmailAddress::parse_with_options(text, options);
        let plausible = address.is_ok_and(|address| address.domain().contains('.') || address.domain() == "localhost");
        if !plausible || text.len() > EMAIL_MAX {
            return Err(InvalidValue::new("is not an e-mail address; expected something like owner@example.com"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The admin's password: 8 to 128 characters without control characters. It is never printed, and has no serde.
#[derive(Debug, Clone)]
pub struct AdminPassword(SecretString);

impl AdminPassword {
    /// Reads a password; the error never repeats it.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let length = text.chars().count();
        if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
            return Err(InvalidValue::new(format!(
                "must have {PASSWORD_MIN} to {PASSWORD_MAX} characters, this has {length}"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidValue::new("must not contain control characters such as line breaks"));
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The password itself, for the one place that hands it on.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}
