//! The file of tokens: a YAML list of `name`, `role` and `sha256`, that only its owner can use (mode 0600).
//!
//! ```yaml
//! - name: "ci"
//!   role: viewer
//!   sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
//! ```

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::made::NewEntry;
use super::{Entry, TokenHash, TokenRole, Tokens};

const MODE: u32 = 0o600;
const SIZE_MAX: u64 = 256 * 1024;
const TOKENS_MAX: usize = 1000;

/// Why the file of tokens cannot be used. Never quotes the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokensFileError {
    /// It is not there.
    #[error(
        "API_TOKENS_FILE: there is no file {}; one with a first token is made by: \
         store-http token new --name NAME --role admin --file {}",
        .file.display(), .file.display()
    )]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// It cannot be read or written.
    #[error("the file of tokens {} cannot be {doing}: {source}", .file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What was tried: `read` or `written`.
        doing: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others can use it.
    #[error(
        "the file of tokens {} has mode {mode:04o}, so that others can use it; allowed is 0600: chmod 600 {}",
        .file.display(), .file.display()
    )]
    Open {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("the file of tokens {}: {message}", .file.display())]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong, and what is allowed.
        message: String,
    },
}

/// An entry as it is written down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    role: String,
    sha256: String,
}

/// Reads the file and what tells this version of it from others.
pub(super) fn read(file: &Path) -> Result<Tokens, TokensFileError> {
    parse(file, &text(file)?)
}

fn text(file: &Path) -> Result<String, TokensFileError> {
    let unreadable = |source| TokensFileError::Io { file: file.to_owned(), doing: "read", source };
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(TokensFileError::Missing { file: file.to_owned() });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = opened.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unreadable(io::Error::other("it is not a file")));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(TokensFileError::Open { file: file.to_owned(), mode });
    }
    let mut text = String::new();
    opened.take(SIZE_MAX + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > SIZE_MAX {
        return Err(unreadable(io::Error::other(format!("it has more than {SIZE_MAX} bytes"))));
    }
    Ok(text)
}

fn parse(file: &Path, text: &str) -> Result<Tokens, TokensFileError> {
    entries(text).map(Tokens).map_err(|message| TokensFileError::Content { file: file.to_owned(), message })
}

fn entries(text: &str) -> Result<Vec<Entry>, String> {
    // Only there are repeated keys refused.
    let value: yaml_serde::Value =
        yaml_serde::from_str(text).map_err(|error| format!("is not YAML{}", place(&error)))?;
    if !value.is_sequence() {
        // A file that is being written may be empty for a moment, and that must not lock everybody out.
        return Err("allowed is a list of tokens; write [] where nobody is to get in".to_owned());
    }
    let written: Vec<Written> = yaml_serde::from_value(value)
        .map_err(|_| "each token needs the texts name, role and sha256, and nothing else".to_owned())?;
    if written.len() > TOKENS_MAX {
        return Err(format!("allowed are at most {TOKENS_MAX} tokens"));
    }
    let (mut names, mut hashes) = (BTreeSet::new(), BTreeSet::new());
    let mut entries = Vec::with_capacity(written.len());
    for (token, number) in written.into_iter().zip(1..) {
        let entry = entry(&token).map_err(|message| format!("token {number}: {message}"))?;
        if !names.insert(token.name.clone()) {
            return Err(format!("token {number}: the name {} is there twice", token.name));
        }
        if !hashes.insert(entry.hash.0) {
            return Err(format!("token {number}: its sha256 is there twice"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(written: &Written) -> Result<Entry, String> {
    let name = written.name.parse().map_err(|message| format!("name: {message}"))?;
    let role: TokenRole = written.role.parse().map_err(|message| format!("role: {message}"))?;
    let hash = TokenHash::parse(&written.sha256).ok_or("sha256: allowed are 64 hexadecimal digits")?;
    Ok(Entry { name, role, hash })
}

fn place(error: &yaml_serde::Error) -> String {
    error.location().map_or_else(String::new, |at| format!(" near line {}", at.line()))
}

/// Adds a token to the file, or makes the file: whole or not at all, so that a server never sees half of it. What is in
/// it stays as it is, comments included.
pub fn add(file: &Path, entry: &NewEntry) -> Result<(), TokensFileError> {
    let unwritable = |source| TokensFileError::Io { file: file.to_owned(), doing: "written", source };
    // First of all: what another writer adds after we have read would be lost.
    let draft = Draft::begin(file).map_err(unwritable)?;
    let old = match text(file) {
        Ok(text) => text,
        Err(TokensFileError::Missing { .. }) => String::new(),
        Err(error) => return Err(error),
    };
    let new = with(&old, entry);
    // What cannot be read back is not written.
    parse(file, &new)?;
    draft.replace(&new).map_err(unwritable)
}

fn with(old: &str, entry: &NewEntry) -> String {
    let is_empty_list = old.lines().any(|line| line.trim() == "[]");
    let kept: String =
        old.lines().filter(|line| !is_empty_list || line.trim() != "[]").flat_map(|l| [l, "\n"]).collect();
    format!("{kept}{entry}")
}

/// The file that is to replace another one, beside it. Its name is fixed, so there is one at a time: a second writer is
/// refused, and whoever has it may read the old one and replace it.
struct Draft {
    /// What it replaces: of a link, what it leads to.
    target: PathBuf,
    place: PathBuf,
    written: File,
    is_in_place: bool,
}

impl Draft {
    fn begin(file: &Path) -> io::Result<Self> {
        let target = std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let mut place = target.as_os_str().to_owned();
        place.push(".new");
        let place = PathBuf::from(place);
        let opened = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&place);
        let written = opened.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => io::Error::other(format!(
                "{} is there: another token is being added, or was not to its end",
                place.display()
            )),
            _ => error,
        })?;
        Ok(Self { target, place, written, is_in_place: false })
    }

    fn replace(mut self, text: &str) -> io::Result<()> {
        fill(&mut self.written, text, &self.target)?;
        std::fs::rename(&self.place, &self.target)?;
        self.is_in_place = true;
        let directory = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it is in place, another writer may have begun one of the same name.
        if !self.is_in_place {
            let _ = std::fs::remove_file(&self.place);
        }
    }
}

/// The owner stays as well: a token that root adds must not take the file from the server's user.
fn fill(written: &mut File, text: &str, old: &Path) -> io::Result<()> {
    written.write_all(text.as_bytes())?;
    if let Ok(owner) = old.metadata()
        && written.metadata().is_ok_and(|own| (own.uid(), own.gid()) != (owner.uid(), owner.gid()))
    {
        std::os::unix::fs::fchown(&*written, Some(owner.uid()), Some(owner.gid()))?;
    }
    written.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use pretty_assertions::assert_eq;
    use rstest::rstest;
    use store_core::testing::SeededEntropy;

    use super::super::NewToken;
    use super::*;

    const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn written(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens.yaml");
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        (directory, file)
    }

    fn made(name: &str, role: TokenRole) -> NewToken {
        NewToken::make(name.parse().unwrap(), role, &SeededEntropy::new(name.len() as u64))
    }

    #[test]
    fn what_is_added_is_let_in_and_what_was_there_stays() {
        let (_directory, file) = written("# ours\n[]\n", 0o600);
        let (admin, viewer) = (made("boss", TokenRole::Admin), made("ci", TokenRole::Viewer));
        add(&file, &admin.entry).unwrap();
        add(&file, &viewer.entry).unwrap();
        let tokens = read(&file).unwrap();
        assert_eq!(tokens.identify(&admin.token).unwrap().role, TokenRole::Admin);
        assert_eq!(tokens.identify(&viewer.token).unwrap().name.as_deref(), Some("ci"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# ours\n- name: \"boss\"\n") && !text.contains(admin.token.as_str()), "{text}");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_file_is_made_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens.yaml");
        let token = made("boss", TokenRole::Admin);
        add(&file, &token.entry).unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(read(&file).unwrap().len(), 1);
        let again = add(&file, &made("boss", TokenRole::Viewer).entry).unwrap_err().to_string();
        assert!(again.contains("token 2: the name boss is there twice"), "{again}");
        assert_eq!(read(&file).unwrap().len(), 1);
    }

    #[test]
    fn a_second_writer_is_refused() {
        let (directory, file) = written("[]", 0o600);
        std::fs::write(directory.path().join("tokens.yaml.new"), "").unwrap();
        let problem = add(&file, &made("ci", TokenRole::Viewer).entry).unwrap_err().to_string();
        assert!(problem.contains("tokens.yaml.new is there"), "{problem}");
    }

    #[test]
    fn what_is_refused_leaves_nothing_behind() {
        let (directory, file) = written("- broken", 0o600);
        add(&file, &made("ci", TokenRole::Viewer).entry).unwrap_err();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "only the file is there");
    }

    #[test]
    fn two_writers_lose_nothing() {
        const EACH: u64 = 40;
        let (_directory, file) = written("[]", 0o600);
        let write = |first: u64| {
            for seed in first..first + EACH {
                let name = format!("token-{seed}").parse().unwrap();
                let entry = NewToken::make(name, TokenRole::Viewer, &SeededEntropy::new(seed)).entry;
                while let Err(refused) = add(&file, &entry) {
                    assert!(refused.to_string().contains("another token is being added"), "{refused}");
                    std::thread::yield_now();
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| write(0));
            scope.spawn(|| write(EACH));
        });
        assert_eq!(read(&file).unwrap().len() as u64, 2 * EACH);
    }

    #[test]
    fn a_token_is_recognised_and_long() {
        let token = made("ci", TokenRole::Viewer).token;
        assert!(token.starts_with("stp_") && token.len() == 48, "{}", token.len());
        assert_ne!(*token, *made("another", TokenRole::Viewer).token);
    }

    #[rstest]
    #[case(0o640)]
    #[case(0o604)]
    #[case(0o622)]
    fn a_file_that_others_can_use_is_refused(#[case] mode: u32) {
        let (_directory, file) = written("[]", mode);
        assert!(read(&file).err().unwrap().to_string().contains("so that others can use it; allowed is 0600"));
    }

    #[rstest]
    #[case::blank("", "allowed is a list of tokens")]
    #[case::only_comments("# soon\n", "allowed is a list of tokens")]
    #[case::cut_off("- name: \"ci", "is not YAML")]
    #[case::a_map("name: ci\n", "allowed is a list of tokens")]
    #[case::unknown_role(&format!("- {{name: ci, role: owner, sha256: \"{HASH}\"}}"), "token 1: role: allowed are admin and viewer")]
    #[case::short_hash(
        "- {name: ci, role: admin, sha256: \"abc\"}",
        "token 1: sha256: allowed are 64 hexadecimal digits"
    )]
    #[case::bad_name(&format!("- {{name: \"a b\", role: admin, sha256: \"{HASH}\"}}"), "token 1: name: allowed are")]
    #[case::the_token_itself("- {name: ci, role: admin, token: stp_x}", "needs the texts name, role and sha256")]
    #[case::missing("- {name: ci, role: admin}", "needs the texts name, role and sha256")]
    #[case::twice(&format!("- {{name: a, role: admin, sha256: \"{HASH}\"}}\n- {{name: b, role: viewer, sha256: \"{HASH}\"}}"), "token 2: its sha256 is there twice")]
    #[case::repeated_key(&format!("- {{name: a, role: viewer, role: admin, sha256: \"{HASH}\"}}"), "is not YAML")]
    fn other_content_is_refused(#[case] text: &str, #[case] expected: &str) {
        let (_directory, file) = written(text, 0o600);
        let problem = read(&file).err().unwrap().to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(!problem.contains(HASH) && !problem.contains("stp_x"), "{problem}");
    }

    #[test]
    fn an_empty_list_lets_nobody_in() {
        let (_directory, file) = written("[]\n", 0o600);
        assert_eq!(read(&file).unwrap().len(), 0);
    }
}
