//! Secrets of a store: how the admin password rests between request and Secret, and what the Secret holds.
//!
//! The password rests encrypted (ChaCha20-Poly1305, RFC 8439), bound to installation and store, so that a sealed value
//! copied into another row opens nothing. Keys have ids, so that they can be rotated.

use std::collections::BTreeMap;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use hmac::{Hmac, Mac};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{AdminPassword, StoreId};

const NONCE: usize = 12;

/// A 256-bit key for credentials at rest.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CredentialsKey([u8; 32]);

impl CredentialsKey {
    /// Length of a key in bytes.
    pub const LENGTH: usize = 32;

    /// A key of these bytes.
    pub fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// A short public name of the key: the first 8 bytes of its SHA-256, in hexadecimal.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0)[..8])
    }
}

impl std::fmt::Debug for CredentialsKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CredentialsKey({})", self.id())
    }
}

/// An admin password at rest: useless without the key, the installation and the store it was sealed for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedPassword {
    /// Which key sealed it.
    pub key_id: String,
    /// Nonce (12 bytes), then ciphertext and tag.
    pub sealed: Vec<u8>,
}

/// Why a sealed password could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CipherError {
    /// None of the keys has this id.
    #[error("the credentials key {key_id} is not among the configured ones")]
    KeyMissing {
        /// The id of the key that sealed the password.
        key_id: String,
    },
    /// The key is there, but the value was changed or belongs to another store.
    #[error("the sealed admin password does not belong to this store or was changed")]
    NotAuthentic,
}

/// Seals and opens admin passwords; keyed fingerprints for idempotency.
#[derive(Debug, Clone)]
pub struct CredentialsCipher {
    current: CredentialsKey,
    older: Vec<CredentialsKey>,
}

impl CredentialsCipher {
    /// Seals with `current`, opens with it or any of `older`.
    pub fn new(current: CredentialsKey, older: Vec<CredentialsKey>) -> Self {
        Self { current, older }
    }

    /// Encrypts `password` for one store. `nonce` must be fresh random bytes.
    pub fn seal(
        &self,
        nonce: [u8; NONCE],
        installation: Uuid,
        store: &StoreId,
        password: &AdminPassword,
    ) -> SealedPassword {
        let aad = bound_to(installation, store);
        let message = Payload { msg: password.expose().as_bytes(), aad: &aad };
        let nonce = Nonce::from(nonce);
        #[expect(clippy::expect_used, reason = "ChaCha20-Poly1305 refuses only messages over 256 GiB")]
        let ciphertext = cipher(&self.current).encrypt(&nonce, message).expect("a password is short");
        let mut sealed = nonce.to_vec();
        sealed.extend(ciphertext);
        SealedPassword { key_id: self.current.id(), sealed }
    }

    /// Decrypts what [`seal`](Self::seal) made for the same installation and store.
    pub fn open(
        &self,
        installation: Uuid,
        store: &StoreId,
        sealed: &SealedPassword,
    ) -> Result<AdminPassword, CipherError> {
        let key = std::iter::once(&self.current)
            .chain(&self.older)
            .find(|key| key.id() == sealed.key_id)
            .ok_or_else(|| CipherError::KeyMissing { key_id: sealed.key_id.clone() })?;
        let (nonce, ciphertext) = sealed.sealed.split_first_chunk::<NONCE>().ok_or(CipherError::NotAuthentic)?;
        let aad = bound_to(installation, store);
        let mut plain = cipher(key)
            .decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: &aad })
            .map_err(|_| CipherError::NotAuthentic)?;
        let password = std::str::from_utf8(&plain)
            .map_err(|_| CipherError::NotAuthentic)
            .and_then(|text| AdminPassword::parse(text).map_err(|_| CipherError::NotAuthentic));
        plain.zeroize();
        password
    }

    /// HMAC-SHA-256 of a request, in hexadecimal: tells equal requests from different ones without revealing either.
    pub fn fingerprint(&self, request: &[u8]) -> String {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&self.current.0).expect("any length will do");
        mac.update(b"store-platform/idempotency\0");
        mac.update(request);
        hex(&mac.finalize().into_bytes())
    }
}

fn cipher(key: &CredentialsKey) -> ChaCha20Poly1305 {
    ChaCha20Poly1305::new(&Key::from(key.0))
}

fn bound_to(installation: Uuid, store: &StoreId) -> Vec<u8> {
    format!("store-platform/admin-password/{installation}/{store}").into_bytes()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What a store's Secret holds when it is created: the admin's account and generated secrets. Never printed.
#[derive(Clone)]
pub struct StoreCredentials {
    entries: BTreeMap<String, SecretString>,
}

impl StoreCredentials {
    /// Collects entries; keys are those that the chart mounts.
    pub fn new(entries: impl IntoIterator<Item = (String, SecretString)>) -> Self {
        Self { entries: entries.into_iter().collect() }
    }

    /// The entries, for the adapter that writes the Secret.
    pub fn entries(&self) -> &BTreeMap<String, SecretString> {
        &self.entries
    }
}

impl std::fmt::Debug for StoreCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.entries.keys()).finish()
    }
}
