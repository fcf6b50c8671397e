//! The store `demo`: created by the command line tool as a user would, unless it is there.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{cargo::Programs, progress::say, server::Server};

/// With this and the password one logs in.
pub(super) const ADMIN_EMAIL: &str = "owner@example.com";
const NAME: &str = "demo";
const ADMIN_USERNAME: &str = "owner";
const ENGINE: &str = "medusa";
const PATIENCE: Duration = Duration::from_mins(20);
const POLL: Duration = Duration::from_secs(1);
const PASSWORD_LENGTH: usize = 20;
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A store that can sell.
pub(super) struct Demo {
    pub(super) store_url: String,
    pub(super) admin_url: String,
    pub(super) password_file: PathBuf,
}

impl Demo {
    /// The host in its URL.
    pub(super) fn host(&self) -> Option<&str> {
        self.store_url.split("://").nth(1)?.split([':', '/']).next()
    }
}

/// Creates the store or waits for the one that is there, showing its gates.
pub(super) fn ensure(programs: &Programs, server: Server, directory: &Path) -> Result<Demo> {
    let api = server.api();
    let password_file = directory.join(format!("{NAME}-admin-password"));
    let store = match find(server)? {
        None => {
            write_password(&password_file)?;
            create(programs, server, &password_file)?;
            find(server)?.context("the store that was just created is not listed")?
        }
        Some(store) => wait(server, store)?,
    };
    let text = |key: &str| store[key].as_str().map(str::to_owned).with_context(|| format!("a store without {key}"));
    if store["status"] == "DELETING" {
        bail!("the store {NAME} is being deleted; run this again when it is gone");
    }
    if store["status"] != "READY" {
        let why = store["failure_reason"].as_str().unwrap_or("no reason is given");
        let again = format!("{} --server {} retry {NAME}", programs.cli.display(), api.base());
        bail!("the store {NAME} is {}: {why}\nTo try again: {again}", text("status")?);
    }
    Ok(Demo { store_url: text("store_url")?, admin_url: text("admin_url")?, password_file })
}

fn find(server: Server) -> Result<Option<Value>> {
    Ok(server.api().stores()?.into_iter().find(|store| store["name"] == NAME))
}

fn create(programs: &Programs, server: Server, password_file: &Path) -> Result<()> {
    say(format!("creating the store {NAME}"));
    let mut store = Command::new(&programs.cli);
    store.args(["--server", server.api().base(), "create", NAME, "--engine", ENGINE, "--wait"]);
    store.args(["--admin-username", ADMIN_USERNAME, "--admin-email", ADMIN_EMAIL, "--password-file"]);
    // Its gates come on standard error; the data is printed at the end, with everything else.
    store.arg(password_file).stdout(Stdio::null());
    let status = store.status().context("cannot run store")?;
    if !status.success() {
        bail!("the store {NAME} was not created ({status}); the server's log has more");
    }
    Ok(())
}

/// Waits for a store that an earlier run asked for.
fn wait(server: Server, mut store: Value) -> Result<Value> {
    let id = store["id"].as_str().context("a store without an id")?.to_owned();
    let begun = Instant::now();
    let mut step = Value::Null;
    while store["status"] == "PROVISIONING" {
        if begun.elapsed() > PATIENCE {
            bail!("the store {NAME} is still on its way after {} minutes", PATIENCE.as_secs() / 60);
        }
        if store["step"] != step {
            step = store["step"].clone();
            say(format!("  {:>6.1} s  {}", begun.elapsed().as_secs_f64(), step.as_str().unwrap_or_default()));
        }
        thread::sleep(POLL);
        store = server.api().store(&id)?;
    }
    Ok(store)
}

/// Writes a new password where only its owner can read it; one from a run that was cut off is kept.
fn write_password(file: &Path) -> Result<()> {
    let whole = |text: String| text.trim_end().len() == PASSWORD_LENGTH;
    if fs::read_to_string(file).is_ok_and(whole) {
        return Ok(());
    }
    let _ = fs::remove_file(file);
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    writeln!(out, "{}", password()?)?;
    Ok(())
}

/// 120 random bits; the alphabet has 64 letters, so that none is likelier than another.
fn password() -> Result<String> {
    let mut bytes = [0; PASSWORD_LENGTH];
    File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes)).context("no random numbers")?;
    Ok(bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_password_is_its_owners_alone_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        write_password(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let first = fs::read_to_string(&file).unwrap();
        assert_eq!(first.trim_end().len(), PASSWORD_LENGTH);
        write_password(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), first);
        assert_ne!(password().unwrap(), password().unwrap());
    }

    #[test]
    fn the_host_is_read_from_the_url() {
        let demo = Demo {
            store_url: "http://demo.localhost:8080".into(),
            admin_url: String::new(),
            password_file: PathBuf::new(),
        };
        assert_eq!(demo.host(), Some("demo.localhost"));
    }
}
