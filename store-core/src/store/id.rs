//! The identity of a store, from which every name in the cluster derives.

use super::{InvalidValue, text_newtype};

const LENGTH: usize = 10;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz";
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// Ten characters of `[a-z0-9]`, the first a letter: short enough that every derived name stays within the limits of
/// Kubernetes (63) and Helm (53), and never a number to YAML.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreId(String);

text_newtype!(StoreId);

impl StoreId {
    /// Reads an id.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let well_formed = text.len() == LENGTH
            && text.as_bytes()[0].is_ascii_lowercase()
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if well_formed {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidValue::new("a store id is 10 characters of a-z and 0-9, the first a letter"))
        }
    }

    /// A new random id: 26 × 36⁹ possibilities.
    ///
    /// `next` gives uniformly random numbers; the remainder's bias over 2⁶⁴ does not matter for a name.
    pub fn random(mut next: impl FnMut() -> u64) -> Self {
        let mut pick = |from: &[u8]| {
            let index = usize::try_from(next() % from.len() as u64).unwrap_or_default();
            char::from(from[index])
        };
        let mut text = String::with_capacity(LENGTH);
        text.push(pick(LETTERS));
        text.extend((1..LENGTH).map(|_| pick(ALPHABET)));
        Self(text)
    }

    /// The store's namespace, `store-{id}`.
    pub fn namespace(&self) -> String {
        format!("store-{self}")
    }

    /// The store's Helm release; the same word as the namespace.
    pub fn release(&self) -> String {
        self.namespace()
    }

    /// The Secret that holds the store's credentials.
    pub fn credentials_secret(&self) -> String {
        format!("store-{self}-credentials")
    }

    /// The setup job of an attempt: `{id}-setup-job`, from the second attempt on with the attempt's number.
    pub fn setup_job(&self, attempt: u32) -> String {
        match attempt {
            0 | 1 => format!("{self}-setup-job"),
            later => format!("{self}-setup-job-{later}"),
        }
    }
}
