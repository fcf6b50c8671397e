//! The shopkeeper's first account: who logs in to the shop's admin, and with what.

use secrecy::{ExposeSecret, SecretString};

use super::{InvalidValue, text_newtype};

const USERNAME_MAX: usize = 60;
const EMAIL_MAX: usize = 254;
const PASSWORD_MIN: usize = 8;
const PASSWORD_MAX: usize = 128;

/// The admin's name: 1 to 60 characters, without any that are invisible or order the others.
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
        if let Some(hidden) = text.chars().find(|c| is_hidden(*c)) {
            let code = u32::from(hidden);
            return Err(InvalidValue::new(format!(
                "must not contain characters that are invisible or order others, this has U+{code:04X}"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a character cannot be seen, or makes others be shown in another order: the general categories Cf, Zl and Zp
/// of Unicode 17.
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{600}'..='\u{605}'
            | '\u{61C}'
            | '\u{6DD}'
            | '\u{70F}'
            | '\u{890}'..='\u{891}'
            | '\u{8E2}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{110BD}'
            | '\u{110CD}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0001}'
            | '\u{E0020}'..='\u{E007F}'
    )
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

/// The admin's password: 8 to 128 characters without control characters, and not only blanks. It is never printed, and
/// has no serde.
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
        if text.chars().all(|c| c.is_whitespace() || is_hidden(c)) {
            return Err(InvalidValue::new("must not consist of spaces and invisible characters alone"));
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The password itself, for the one place that hands it on.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::zero_width_space("store\u{200B}admin", "U+200B")]
    #[case::byte_order_mark("\u{FEFF}storeadmin", "U+FEFF")]
    #[case::right_to_left_override("store\u{202E}nimda", "U+202E")]
    #[case::isolate("store\u{2066}admin", "U+2066")]
    #[case::soft_hyphen("store\u{AD}admin", "U+00AD")]
    #[case::line_separator("store\u{2028}admin", "U+2028")]
    #[case::tag("admin\u{E0061}", "U+E0061")]
    fn a_user_name_shows_all_of_itself(#[case] text: &str, #[case] named: &str) {
        let refused = AdminUsername::parse(text).expect_err("it is refused");
        assert!(refused.message().ends_with(named), "{refused}");
    }

    #[rstest]
    #[case("Zoë Müller-Łukasz")]
    #[case("מנהל החנות")]
    #[case("店長")]
    #[case("🛍 owner")]
    fn user_names_may_be_written_in_any_script(#[case] text: &str) {
        assert_eq!(AdminUsername::parse(text).map(|name| name.to_string()), Ok(text.to_owned()));
    }

    #[rstest]
    #[case::spaces(&" ".repeat(8), false)]
    #[case::wide_spaces(&"\u{3000}".repeat(8), false)]
    #[case::invisible(&"\u{200B}".repeat(8), false)]
    #[case::words("correct horse", true)]
    #[case::at_its_ends(" correct horse ", true)]
    fn a_password_is_more_than_blanks(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(AdminPassword::parse(text).is_ok(), is_one);
    }
}
