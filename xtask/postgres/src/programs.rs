//! Where PostgreSQL's programs are, and as whom the server's own must run: they refuse root.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Where Debian puts them, by version; they are in no search path there.
const DEBIAN: &str = "/usr/lib/postgresql";
/// Who runs the server where we are root, if that user is there.
const OWNERS: [&str; 2] = ["postgres", "nobody"];

/// PostgreSQL's programs.
#[derive(Debug)]
pub(crate) struct Programs {
    directory: PathBuf,
    owner: Option<Owner>,
}

/// Another user than the one who runs this.
#[derive(Debug)]
struct Owner {
    user: u32,
    group: u32,
}

/// Whether this machine has the server's programs.
pub fn is_installed() -> bool {
    directory().is_some()
}

/// The newest version's programs.
fn directory() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, directory)| directory.join("initdb").is_file() && directory.join("postgres").is_file())
        .collect();
    versions.sort();
    let in_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).find(|directory| directory.join("initdb").is_file())
    };
    versions.pop().map(|(_, directory)| directory).or_else(in_path)
}

impl Programs {
    pub(crate) fn find() -> Result<Self> {
        let directory = directory().context(
            "PostgreSQL's server is missing: install it (Debian package postgresql), or put initdb into PATH",
        )?;
        let owner = if rustix::process::geteuid().is_root() { Some(Owner::find()?) } else { None };
        Ok(Self { directory, owner })
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }

    /// One of the server's own programs, as its owner. It ends with the thread that starts it.
    pub(crate) fn as_owner(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if let Some(Owner { user, group }) = self.owner {
            command.args([format!("--reuid={user}"), format!("--regid={group}")]).arg("--clear-groups");
        }
        command.arg("--pdeathsig=INT").arg("--").arg(self.path(program)).env("LC_ALL", "C");
        command
    }

    /// Gives a file or directory to the server.
    pub(crate) fn hand_over(&self, path: &Path) -> Result<()> {
        let Some(Owner { user, group }) = self.owner else { return Ok(()) };
        chown(path, Some(user), Some(group)).with_context(|| format!("cannot give {} away", path.display()))
    }
}

impl Owner {
    fn find() -> Result<Self> {
        let accounts = fs::read_to_string("/etc/passwd")?;
        let found = OWNERS.iter().find_map(|name| Self::among(&accounts, name));
        match found {
            Some(owner) => Ok(owner),
            None => bail!("PostgreSQL refuses to run as root, and there is no user {}", OWNERS.join(" or ")),
        }
    }

    fn among(accounts: &str, name: &str) -> Option<Self> {
        let mut fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let account = fields.find(|account| account.first().map(OsStr::new) == Some(OsStr::new(name)))?;
        Some(Self { user: account.get(2)?.parse().ok()?, group: account.get(3)?.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::Owner;

    #[test]
    fn an_account_is_found_by_its_name() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104::/var/lib/postgresql:/bin/bash\n";
        let owner = Owner::among(accounts, "postgres").expect("it is there");
        assert_eq!((owner.user, owner.group), (101, 104));
        assert!(Owner::among(accounts, "post").is_none());
    }
}
