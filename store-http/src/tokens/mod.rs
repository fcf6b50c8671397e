//! Bearer tokens (RFC 6750): who may use the API, and as what.
//!
//! The server knows only the SHA-256 of each token. A token has 261 random bits, so nobody can find it from its hash by
//! trying, and a plain hash is enough.

mod file;
mod kept;
mod made;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use utoipa::ToSchema;

pub use file::{TokensFileError, add};
pub use kept::TokensFile;
pub use made::NewToken;

/// What begins every token, so that people and scanners for leaked secrets recognise one.
pub const PREFIX: &str = "stp_";
/// No token is longer; what is longer is not even hashed.
const LENGTH_MAX: usize = 256;
const HASH_LENGTH: usize = 32;

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// Everything.
    Admin,
    /// Look, and change nothing.
    Viewer,
}

impl TokenRole {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Viewer];

    /// The role as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }
}

impl fmt::Display for TokenRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for TokenRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| "allowed are admin and viewer".to_owned())
    }
}

/// Whom a token stands for: letters, digits and `._@-`, at most 64.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenName(String);

impl TokenName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(is_allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err("allowed are 1 to 64 letters, digits and ._@-".to_owned())
    }
}

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TokenHash([u8; HASH_LENGTH]);

impl TokenHash {
    fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let mut hash = [0; HASH_LENGTH];
        if text.len() != 2 * HASH_LENGTH {
            return None;
        }
        for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One token as the server knows it.
#[derive(Clone)]
struct Entry {
    name: TokenName,
    role: TokenRole,
    hash: TokenHash,
}

/// All tokens that are let in.
#[derive(Clone, Default)]
pub(crate) struct Tokens(Vec<Entry>);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The token's name; absent where nobody is asked for a token.
    pub(crate) name: Option<String>,
    /// What they may do.
    pub(crate) role: TokenRole,
}

impl Identity {
    /// Whoever reaches a server that asks for no token.
    pub(crate) fn anybody() -> Self {
        Self { name: None, role: TokenRole::Admin }
    }
}

impl Tokens {
    /// Whose token this is. Takes as long for a wrong one as for a right one: every entry is compared, in constant time.
    pub(crate) fn identify(&self, presented: &str) -> Option<Identity> {
        if presented.len() > LENGTH_MAX || !presented.starts_with(PREFIX) {
            return None;
        }
        let hash = TokenHash::of(presented);
        let mut found = Choice::from(0);
        let mut index = 0_u32;
        for (entry, at) in self.0.iter().zip(0_u32..) {
            let is_this = entry.hash.0.ct_eq(&hash.0);
            index.conditional_assign(&at, is_this);
            found |= is_this;
        }
        let entry = self.0.get(usize::try_from(index).ok()?).filter(|_| bool::from(found))?;
        Some(Identity { name: Some(entry.name.0.clone()), role: entry.role })
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn tokens() -> Tokens {
        let entry = |name: &str, role, token| Entry { name: name.parse().unwrap(), role, hash: TokenHash::of(token) };
        Tokens(vec![
            entry("first", TokenRole::Admin, "stp_first"),
            entry("second", TokenRole::Viewer, "stp_second"),
            entry("odd", TokenRole::Admin, "no-prefix"),
        ])
    }

    #[rstest]
    #[case("stp_first", Some(("first", TokenRole::Admin)))]
    #[case("stp_second", Some(("second", TokenRole::Viewer)))]
    #[case("stp_third", None)]
    #[case("stp_firs", None)]
    #[case("stp_first ", None)]
    #[case("", None)]
    #[case::not_one_of_ours("no-prefix", None)]
    fn a_token_is_known_by_its_hash(#[case] presented: &str, #[case] expected: Option<(&str, TokenRole)>) {
        let expected = expected.map(|(name, role)| Identity { name: Some(name.to_owned()), role });
        assert_eq!(tokens().identify(presented), expected);
    }

    #[test]
    fn without_tokens_nobody_gets_in() {
        assert_eq!(Tokens::default().identify("stp_first"), None);
    }

    #[test]
    fn hashes_are_written_and_read() {
        let hash = TokenHash::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert!(TokenHash::parse(text) == Some(hash) && TokenHash::parse(&text.to_uppercase()) == Some(hash));
        assert!(TokenHash::parse(&text[1..]).is_none() && TokenHash::parse(&text.replace('b', "x")).is_none());
    }

    #[rstest]
    #[case("ci@example.com", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\nb", false)]
    #[case(&"x".repeat(65), false)]
    fn names(#[case] text: &str, #[case] is_allowed: bool) {
        assert_eq!(text.parse::<TokenName>().is_ok(), is_allowed);
    }
}
