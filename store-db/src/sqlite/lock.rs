//! One reconciler for a file: an operating-system lock that ends with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::prelude::*;

use super::connection::connect;
use crate::backend::Conn;
use crate::schema::{installation, stores};

/// The right to reconcile the stores of a database file, until it is dropped or the process ends.
#[derive(Debug)]
pub struct ReconcilerLock {
    _file: File,
}

/// Why a lock can be neither taken nor found to be held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The lock file cannot be used.
    #[error(
        "the lock file {} cannot be used: {source}; give its owner the right to write it, or run as that owner",
        path.display()
    )]
    Unusable {
        /// The lock file, beside the database.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Everything in the database was moved elsewhere, so there is nothing to reconcile here.
    #[error("the database {} was moved to {to}: name that one in DATABASE_URL, or run the move again if \
             that one is still empty", path.display())]
    Moved {
        /// The database.
        path: PathBuf,
        /// The database that has everything now, without password.
        to: String,
    },
}

impl ReconcilerLock {
    /// Takes the lock of a database file. `None`: another process holds it, or this one does already. What its last
    /// holder had claimed is free at once: nobody has to wait until those leases run out.
    pub fn try_acquire(database: &Path) -> Result<Option<Self>, LockError> {
        let Some(lock) = Self::try_acquire_to_move(database)? else { return Ok(None) };
        if database.exists() {
            match take_over(database) {
                Ok(None) => {}
                Ok(Some(to)) => return Err(LockError::Moved { path: database.to_owned(), to }),
                Err(error) => {
                    tracing::warn!(%error, "the claims of an earlier process stay until their leases run out");
                }
            }
        }
        Ok(Some(lock))
    }

    /// The same, for moving what is in the file: nothing in it is changed, and it may have been moved before.
    pub(crate) fn try_acquire_to_move(database: &Path) -> Result<Option<Self>, LockError> {
        let path = lock_path(database);
        let failed = |source| LockError::Unusable { path: path.clone(), source };
        let mut file = open_or_create(&path).map_err(failed)?;
        if !lock(&file).map_err(failed)? {
            return Ok(None);
        }
        record_holder(&mut file).map_err(failed)?;
        // The file stays when the lock goes: removing it would let two processes lock two files of one name.
        Ok(Some(Self { _file: file }))
    }

    /// The process that holds the lock of a database file, for messages; `None` if nobody does.
    pub fn holder(database: &Path) -> Option<u32> {
        let mut file = File::open(lock_path(database)).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return None,
        }
        let mut text = String::new();
        file.read_to_string(&mut text).ok()?;
        text.trim().parse().ok()
    }
}

/// Frees all claims, unless everything was moved; then the answer is where to.
///
/// Only the holder of the lock claims, so every claim that there is belongs to one that is gone. Its epoch stays: should
/// anything of it still be under way, its writes are refused, and what it left running is ended by the next claim.
fn take_over(database: &Path) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let mut connection = connect(database)?;
    // Whoever moves holds this lock meanwhile, so the answer stays what it is.
    let moved_to = installation::table.select(installation::moved_to).first::<Option<String>>(&mut connection);
    if let Some(to) = moved_to.optional()?.flatten() {
        return Ok(Some(to));
    }
    let now = Conn::sqlite(&mut connection).now()?;
    let free = (stores::claim_owner.eq(None::<String>), stores::lease_until.eq(None::<i64>), stores::due_at.eq(now));
    diesel::update(stores::table.filter(stores::claim_owner.is_not_null())).set(free).execute(&mut connection)?;
    Ok(None)
}

/// `<database>.reconciler.lock`, the same for every path that leads to the file.
fn lock_path(database: &Path) -> PathBuf {
    let mut path = resolved(database).into_os_string();
    path.push(".reconciler.lock");
    path.into()
}

fn resolved(database: &Path) -> PathBuf {
    if let Ok(path) = database.canonicalize() {
        return path;
    }
    let absolute = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    match (absolute.parent().and_then(|parent| parent.canonicalize().ok()), absolute.file_name()) {
        (Some(directory), Some(name)) => directory.join(name),
        _ => absolute,
    }
}

fn open_or_create(path: &Path) -> std::io::Result<File> {
    match super::open::create_private(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => OpenOptions::new().read(true).write(true).open(path),
        created => created,
    }
}

/// Locks the file unless somebody holds it. [`ReconcilerLock::holder`] holds it for an instant, which does not count.
fn lock(file: &File) -> std::io::Result<bool> {
    for _ in 0..5 {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

fn record_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
