//! The file of tokens as the server keeps it: read at start, and again whenever it changes.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::file::{self, TokensFileError};
use super::{Identity, Tokens};

/// How often the file is looked at. A look is one system call.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What tells one version of a file from another: device, inode, size, mode, and the times of content and inode.
type Stamp = (u64, u64, u64, u32, (i64, i64), (i64, i64));

/// What the last look found.
struct Seen {
    stamp: Option<Stamp>,
    /// It could not be read, for a reason that may pass without a trace in its stamp.
    is_unread: bool,
}

/// The tokens that are let in, as the file has them. Cheap to clone.
#[derive(Clone)]
pub struct TokensFile {
    file: Arc<Path>,
    seen: Arc<Mutex<Seen>>,
    tokens: watch::Sender<Arc<Tokens>>,
}

impl TokensFile {
    /// Reads the file, which must be there and whole.
    pub fn open(file: PathBuf) -> Result<Self, TokensFileError> {
        // The stamp first: what changes in between is seen by the next look.
        let seen = Arc::new(Mutex::new(Seen { stamp: stamp(&file), is_unread: false }));
        let tokens = file::read(&file)?;
        Ok(Self { file: file.into(), seen, tokens: watch::Sender::new(Arc::new(tokens)) })
    }

    /// How many tokens are let in.
    pub fn count(&self) -> usize {
        self.tokens.borrow().len()
    }

    /// Looks at the file until `stop`.
    pub async fn follow(self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            let keeper = self.clone();
            // A disk that hangs must hold up nobody else.
            let _ = tokio::task::spawn_blocking(move || keeper.look()).await;
        }
    }

    /// Takes up what has changed. A file that cannot be used changes nothing: whoever was let in still is, and the log
    /// says so.
    pub fn look(&self) {
        self.look_by(file::read);
    }

    fn look_by(&self, read: impl FnOnce(&Path) -> Result<Tokens, TokensFileError>) {
        let stamp = stamp(&self.file);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = seen.stamp != stamp;
        if !is_news && !seen.is_unread {
            return;
        }
        let read = read(&self.file);
        *seen = Seen { stamp, is_unread: matches!(read, Err(TokensFileError::Io { .. })) };
        match read {
            Ok(tokens) => {
                tracing::info!(file = %self.file.display(), tokens = tokens.len(), "the file of tokens was read again");
                self.tokens.send_replace(Arc::new(tokens));
            }
            Err(error) if is_news => tracing::error!(
                "THE NEW FILE OF TOKENS IS NOT USED: {error}. The tokens of before are still let in, also those that \
                 were to be taken away; mend the file, and it is read again at once"
            ),
            Err(_) => {}
        }
    }

    /// Whose token this is.
    pub(crate) fn identify(&self, presented: &str) -> Option<Identity> {
        let tokens = Arc::clone(&self.tokens.borrow());
        tokens.identify(presented)
    }

    /// Returns when this token is not let in any more, or as somebody else.
    pub(crate) async fn revoked(self, presented: String, identity: Identity) {
        let mut tokens = self.tokens.subscribe();
        let is_other = |tokens: &Arc<Tokens>| tokens.identify(&presented).as_ref() != Some(&identity);
        // The sender lives as long as this clone of it.
        let _ = tokens.wait_for(is_other).await;
    }
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = file.metadata().ok()?;
    Some((
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mode(),
        (metadata.mtime(), metadata.mtime_nsec()),
        (metadata.ctime(), metadata.ctime_nsec()),
    ))
}

#[cfg(test)]
mod tests {
    use store_core::testing::SeededEntropy;

    use super::super::{NewToken, TokenRole, add};
    use super::*;

    fn made(seed: u64, name: &str) -> NewToken {
        NewToken::make(name.parse().unwrap(), TokenRole::Viewer, &SeededEntropy::new(seed))
    }

    #[test]
    fn a_new_file_is_taken_up_and_a_broken_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens.yaml");
        let (first, second) = (made(1, "first"), made(2, "second"));
        add(&file, &first.entry).unwrap();
        let kept = TokensFile::open(file.clone()).unwrap();
        assert!(kept.identify(&first.token).is_some() && kept.identify(&second.token).is_none());
        add(&file, &second.entry).unwrap();
        kept.look();
        assert!(kept.identify(&second.token).is_some());
        std::fs::write(&file, "- broken").unwrap();
        kept.look();
        assert_eq!(kept.count(), 2, "a broken file locks nobody out");
        std::fs::remove_file(&file).unwrap();
        kept.look();
        assert_eq!(kept.count(), 2);
        add(&file, &second.entry).unwrap();
        kept.look();
        assert!(kept.identify(&first.token).is_none() && kept.identify(&second.token).is_some());
    }

    #[test]
    fn a_file_that_cannot_be_read_for_a_moment_is_read_again() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens.yaml");
        let first = made(1, "first");
        add(&file, &first.entry).unwrap();
        let kept = TokensFile::open(file.clone()).unwrap();
        std::fs::write(&file, "[]").unwrap();
        for _ in 0..2 {
            kept.look_by(|file| {
                let source = std::io::Error::other("too many open files");
                Err(TokensFileError::Io { file: file.to_owned(), doing: "read", source })
            });
            assert!(kept.identify(&first.token).is_some());
        }
        kept.look();
        assert!(kept.identify(&first.token).is_none(), "the token was taken away");
        kept.look_by(|_| panic!("what was read and has not changed is not read again"));
    }

    #[tokio::test]
    async fn whoever_follows_learns_that_a_token_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("tokens.yaml");
        let first = made(1, "first");
        add(&file, &first.entry).unwrap();
        let kept = TokensFile::open(file.clone()).unwrap();
        let identity = kept.identify(&first.token).unwrap();
        let revoked = tokio::spawn(kept.clone().revoked(first.token.to_string(), identity));
        add(&file, &made(2, "second").entry).unwrap();
        kept.look();
        tokio::task::yield_now().await;
        assert!(!revoked.is_finished());
        std::fs::write(&file, "[]").unwrap();
        kept.look();
        revoked.await.unwrap();
    }
}
