//! The keys for credentials at rest: a file of its own, apart from the database, that only its owner can read.
//!
//! One key a line, 64 hexadecimal digits; the first seals, all open. So a key is rotated by adding a line before the
//! others. The file is made once, beside a SQLite database, and never overwritten.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use store_core::ports::Entropy;
use store_core::store::{CredentialsCipher, CredentialsKey};
use uuid::Uuid;
use zeroize::{Zeroize as _, Zeroizing};

use crate::configuration::beside;

const MODE: u32 = 0o600;
const SIZE_MAX: u64 = 16 * 1024;

/// Why the credentials keys cannot be used. Never quotes the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsKeyError {
    /// A named file is not there.
    #[error(
        "CREDENTIALS_KEY_FILE: there is no file {}; a new key is made by: (umask 077; openssl rand -hex 32 > {})",
        .file.display(), .file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// It cannot be read or made.
    #[error("the credentials key file {} cannot be {doing}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What was tried: `read` or `made`.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others can read it.
    #[error(
        "the credentials key file {} has mode {mode:04o}, so that others can use it; allowed is 0600: chmod 600 {}",
        .file.display(), .file.display()
    )]
    Open {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("the credentials key file {}, line {line}: allowed is a key of 64 hexadecimal digits", .file.display())]
    Line {
        /// The file.
        file: PathBuf,
        /// The line's number, from 1.
        line: usize,
    },
    /// None is named, and there is no file that it could be beside.
    #[error(
        "CREDENTIALS_KEY_FILE is not set: with PostgreSQL every process needs the same keys; allowed is a file of mode \
         0600, made once by: (umask 077; openssl rand -hex 32 > FILE)"
    )]
    Unnamed,
    /// It holds no key.
    #[error(
        "the credentials key file {} holds no key; put back a copy of it, or remove it if no store is being brought up",
        .file.display()
    )]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

/// The keys of a file.
#[derive(Debug)]
pub struct CredentialsKeyFile {
    current: CredentialsKey,
    older: Vec<CredentialsKey>,
}

impl CredentialsKeyFile {
    /// Reads a file that must be there.
    pub fn read(file: &Path) -> Result<Self, CredentialsKeyError> {
        Self::find(file)?.ok_or_else(|| CredentialsKeyError::Missing { file: file.to_owned() })
    }

    /// Reads a file, or makes it with one new key if there is none; says whether it did.
    pub fn read_or_create(file: &Path, entropy: &dyn Entropy) -> Result<(Self, bool), CredentialsKeyError> {
        if let Some(keys) = Self::find(file)? {
            return Ok((keys, false));
        }
        let made = create(file, entropy).map_err(|source| CredentialsKeyError::Io {
            file: file.to_owned(),
            doing: "made",
            source,
        })?;
        // Whoever was first, theirs counts.
        Ok((Self::read(file)?, made))
    }

    /// A key that seals nothing that is kept: for programs that only read.
    pub fn ephemeral(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; CredentialsKey::LENGTH];
        entropy.fill(&mut bytes);
        Self { current: CredentialsKey::new(bytes), older: Vec::new() }
    }

    /// What tells each key from others within an installation, and tells nothing else: a keyed hash.
    pub fn marks(&self, installation: Uuid) -> Vec<String> {
        let mark = |key: &CredentialsKey| {
            let message = format!("store-platform/installation/{installation}");
            CredentialsCipher::new(key.clone(), Vec::new()).fingerprint(message.as_bytes())
        };
        std::iter::once(&self.current).chain(&self.older).map(mark).collect()
    }

    /// What seals and opens with these keys.
    pub fn cipher(self) -> CredentialsCipher {
        CredentialsCipher::new(self.current, self.older)
    }

    fn find(file: &Path) -> Result<Option<Self>, CredentialsKeyError> {
        let unreadable = |source| CredentialsKeyError::Io { file: file.to_owned(), doing: "read", source };
        let opened = match File::open(file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let metadata = opened.metadata().map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(io::Error::other("it is not a file")));
        }
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(CredentialsKeyError::Open { file: file.to_owned(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        opened.take(SIZE_MAX).read_to_string(&mut text).map_err(unreadable)?;
        parse(file, &text).map(Some)
    }
}

fn parse(file: &Path, text: &str) -> Result<CredentialsKeyFile, CredentialsKeyError> {
    let mut keys = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut bytes =
            decode(line).ok_or_else(|| CredentialsKeyError::Line { file: file.to_owned(), line: number })?;
        keys.push(CredentialsKey::new(bytes));
        bytes.zeroize();
    }
    let mut keys = keys.into_iter();
    let current = keys.next().ok_or_else(|| CredentialsKeyError::Empty { file: file.to_owned() })?;
    Ok(CredentialsKeyFile { current, older: keys.collect() })
}

fn decode(text: &str) -> Option<[u8; CredentialsKey::LENGTH]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; CredentialsKey::LENGTH];
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

/// Makes the file whole or not at all, and never over another one; `false` if another process was first.
fn create(file: &Path, entropy: &dyn Entropy) -> io::Result<bool> {
    let temporary = beside(file, &format!(".{:016x}", entropy.next_u64()));
    let result = write_new(&temporary, entropy).and_then(|()| match std::fs::hard_link(&temporary, file) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    });
    // What is left over is of no use to anybody.
    let _ = std::fs::remove_file(&temporary);
    if matches!(result, Ok(true))
        && let Some(directory) = file.parent()
    {
        File::open(directory).and_then(|directory| directory.sync_all())?;
    }
    result
}

fn write_new(file: &Path, entropy: &dyn Entropy) -> io::Result<()> {
    let mut bytes = Zeroizing::new([0; CredentialsKey::LENGTH]);
    entropy.fill(&mut *bytes);
    let mut text = Zeroizing::new(String::with_capacity(2 * CredentialsKey::LENGTH + 1));
    for byte in bytes.iter() {
        for nibble in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(nibble), 16));
        }
    }
    text.push('\n');
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use rstest::rstest;

    use super::*;
    use crate::OsEntropy;

    fn ids(keys: &CredentialsKeyFile) -> Vec<String> {
        [&keys.current].into_iter().chain(&keys.older).map(CredentialsKey::id).collect()
    }

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (directory, file)
    }

    #[test]
    fn it_is_made_once_and_only_for_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.db.credentials-key");
        let (made, is_new) = CredentialsKeyFile::read_or_create(&file, &OsEntropy).unwrap();
        assert!(is_new);
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
        let (found, is_new) = CredentialsKeyFile::read_or_create(&file, &OsEntropy).unwrap();
        assert!(!is_new);
        assert_eq!(ids(&found), ids(&made));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_mark_belongs_to_one_key_and_one_installation() {
        let text = format!("{}\n{}\n", "ab".repeat(32), "cd".repeat(32));
        let (_keep, file) = written(&text, 0o600);
        let keys = CredentialsKeyFile::read(&file).unwrap();
        let (here, there) = (keys.marks(Uuid::from_u128(1)), keys.marks(Uuid::from_u128(2)));
        assert_eq!(here.len(), 2);
        assert!(here[0] != here[1] && here[0] != there[0]);
        assert_eq!(here, keys.marks(Uuid::from_u128(1)));
        assert!(!here.concat().contains("abab"));
    }

    #[test]
    fn whoever_is_second_takes_the_first_ones_key() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        assert!(create(&file, &OsEntropy).unwrap());
        let before = std::fs::read(&file).unwrap();
        assert!(!create(&file, &OsEntropy).unwrap());
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn the_first_line_is_the_current_key() {
        let text = format!("# rotated\n{}\n\n{}\n", "ab".repeat(32), "CD".repeat(32));
        let (_keep, file) = written(&text, 0o600);
        let keys = CredentialsKeyFile::read(&file).unwrap();
        let expected = [CredentialsKey::new([0xab; 32]).id(), CredentialsKey::new([0xcd; 32]).id()];
        assert_eq!(ids(&keys), expected);
    }

    #[rstest]
    #[case::others_can_read_it(&"ab".repeat(32), 0o640, "has mode 0640")]
    #[case::no_key("# nothing\n", 0o600, "holds no key")]
    #[case::too_short("abcd", 0o600, "line 1: allowed is a key of 64 hexadecimal digits")]
    #[case::no_digits(&"xy".repeat(32), 0o600, "line 1: allowed")]
    #[case::beyond_ascii(&"é".repeat(32), 0o600, "line 1: allowed")]
    fn other_files_are_refused(#[case] text: &str, #[case] mode: u32, #[case] why: &str) {
        let (_keep, file) = written(text, mode);
        let error = CredentialsKeyFile::read(&file).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
        assert!(!error.contains("abcd"), "{error}");
        let (result, after) = (CredentialsKeyFile::read_or_create(&file, &OsEntropy), std::fs::read_to_string(&file));
        assert!(result.is_err());
        assert_eq!(after.unwrap(), text, "it is never overwritten");
    }

    #[test]
    fn a_missing_one_is_named_with_the_remedy() {
        let error = CredentialsKeyFile::read(Path::new("/nowhere/key")).unwrap_err().to_string();
        assert!(error.starts_with("CREDENTIALS_KEY_FILE: there is no file /nowhere/key;"), "{error}");
        let error = CredentialsKeyFile::read_or_create(Path::new("/nowhere/key"), &OsEntropy).unwrap_err().to_string();
        assert!(error.starts_with("the credentials key file /nowhere/key cannot be made"), "{error}");
    }
}
