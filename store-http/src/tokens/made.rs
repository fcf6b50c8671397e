//! Makes a token.

use std::fmt;

use store_core::ports::Entropy;
use zeroize::Zeroizing;

use super::{PREFIX, TokenHash, TokenName, TokenRole};

/// Letters and digits, 5.95 bits each: 261 bits.
const RANDOM_LENGTH: usize = 44;

/// A token that nobody knows yet, and what the server has to know of it.
pub struct NewToken {
    /// The token. It is shown once and kept nowhere.
    pub token: Zeroizing<String>,
    /// What belongs into the file of tokens.
    pub entry: NewEntry,
}

/// An entry for the file of tokens; its `Display` is the entry as YAML.
pub struct NewEntry {
    pub(super) name: TokenName,
    role: TokenRole,
    hash: TokenHash,
}

impl NewToken {
    /// Makes one.
    pub fn make(name: TokenName, role: TokenRole, entropy: &dyn Entropy) -> Self {
        let token = Zeroizing::new(format!("{PREFIX}{}", entropy.alphanumeric(RANDOM_LENGTH)));
        let hash = TokenHash::of(&token);
        Self { token, entry: NewEntry { name, role, hash } }
    }
}

impl fmt::Display for NewEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, hash } = self;
        write!(f, "- name: \"{}\"\n  role: {role}\n  sha256: \"{hash}\"\n", name.as_str())
    }
}
