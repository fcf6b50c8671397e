//! The door through which commands reach stores: a server, or the own database and cluster.

#[cfg(feature = "embedded")]
mod embedded;
mod remote;

use async_trait::async_trait;
use futures::stream::BoxStream;
use secrecy::SecretString;
use store_core::lifecycle::{Event, Position, Status};
use store_core::ports::LogRequest;
use store_core::service::{StoreDocument, StoreList, StoreRef};
use store_core::store::{AdminEmail, AdminUsername, StoreName};

use crate::args::Global;
use crate::contexts;
use crate::failure::Failure;
use crate::terminal::Terminal;

#[cfg(feature = "embedded")]
pub(crate) use embedded::{Embedded, configuration};
pub(crate) use remote::Remote;

/// What a caller wants of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To look. Makes nothing that is not there, a database least of all.
    Read,
    /// To change what is there.
    Change,
    /// To make the first store, perhaps, and so the database.
    Create,
}

/// A store that is asked for.
pub(crate) struct NewStore {
    /// Its name.
    pub(crate) name: StoreName,
    /// The shop software.
    pub(crate) engine: String,
    /// The size, if not the default one.
    pub(crate) plan: Option<String>,
    /// The shopkeeper's user name.
    pub(crate) admin_username: AdminUsername,
    /// The shopkeeper's e-mail address.
    pub(crate) admin_email: AdminEmail,
    /// The shopkeeper's password.
    pub(crate) admin_password: SecretString,
}

/// Which stores to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// Only these statuses; empty: all but DELETED.
    pub(crate) statuses: Vec<Status>,
    /// Only this engine.
    pub(crate) engine: Option<String>,
}

/// Who works on a store while somebody waits for it.
pub(crate) enum Hands {
    /// Somebody else does.
    Others,
    /// This process does.
    #[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "a client of servers leaves the work to them"))]
    Own(Box<dyn Work>),
}

/// Work that this process does on a store.
#[async_trait]
pub(crate) trait Work: Send {
    /// Lets what runs come to its end; what is left is found in the database by the next run. `is_done` if nothing
    /// can be left.
    async fn stop(self: Box<Self>, is_done: bool);
}

/// The lines of a log.
pub(crate) type Lines = BoxStream<'static, Result<String, Failure>>;

/// The way to the stores.
#[async_trait]
pub(crate) trait Door: Send + Sync {
    /// Asks for a store. Returns as soon as the wish is durable.
    async fn create(&self, request: &NewStore) -> Result<StoreDocument, Failure>;

    /// All stores that the filter lets through, oldest first.
    async fn list(&self, filter: &Filter) -> Result<StoreList, Failure>;

    /// One store.
    async fn get(&self, which: &StoreRef) -> Result<StoreDocument, Failure>;

    /// Wants a store gone. Returns as soon as the wish is durable.
    async fn delete(&self, id: &str) -> Result<StoreDocument, Failure>;

    /// Wants another attempt, with a new password where the old one is lost.
    async fn retry(&self, id: &str, password: Option<SecretString>) -> Result<StoreDocument, Failure>;

    /// Refuses the store's deletion from now on, or allows it again.
    async fn protect(&self, id: &str, protected: bool) -> Result<StoreDocument, Failure>;

    /// A store's history after a position, oldest first; at most a page of it.
    async fn events(&self, id: &str, after: Position) -> Result<Vec<Event>, Failure>;

    /// The log of the newest pod of a component.
    async fn logs(&self, id: &str, request: LogRequest) -> Result<Lines, Failure>;

    /// Whether there is nothing behind the stores.
    async fn is_simulated(&self) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Sees to it that somebody works on the store.
    async fn engage(&self, id: &str) -> Result<Hands, Failure>;

    /// Returns when it is worth looking again.
    async fn next_look(&self);

    /// What becomes of a store that nobody waits for any more, as a sentence.
    fn unattended(&self, name: &str) -> String;

    /// Closes what is open.
    async fn close(self: Box<Self>);
}

/// Opens the door that the arguments name.
pub(crate) async fn open(global: &Global, purpose: Purpose, terminal: Terminal) -> Result<Box<dyn Door>, Failure> {
    match server(global, terminal)? {
        Some(server) => Ok(Box::new(server)),
        None => embedded(global, purpose, terminal).await,
    }
}

/// The server that arguments, environment and contexts name, in this order; none means the own database and cluster.
pub(crate) fn server(global: &Global, terminal: Terminal) -> Result<Option<Remote>, Failure> {
    let contexts = contexts::load()?;
    let (server, token) = match (global.server(), &global.context) {
        (None, Some(name)) if cfg!(feature = "embedded") && name == contexts::EMBEDDED => return Ok(None),
        (Some(server), Some(name)) if !is_of_environment(server) => {
            return Err(Failure::usage(format!("--server {server} and --context {name} both name a server"))
                .hint("Use one of them."));
        }
        // A flag wins over the environment.
        (_, Some(name)) => {
            let context = contexts.named(name)?;
            (context.server.clone(), context.token.clone())
        }
        (Some(server), None) => {
            let address = Remote::normal_address(server).ok();
            let known = contexts.contexts.iter().find(|context| Some(&context.server) == address.as_ref());
            (server.to_owned(), known.and_then(|context| context.token.clone()))
        }
        (None, None) => match contexts.current() {
            Some(context) => (context.server.clone(), context.token.clone()),
            None => return Ok(None),
        },
    };
    Remote::with_token(&server, terminal, token_of_file()?.or(token).as_ref()).map(Some)
}

fn is_of_environment(server: &str) -> bool {
    std::env::var("STORE_SERVER").is_ok_and(|value| value == server)
}

/// The token in the file that `STORE_TOKEN_FILE` names: for scripts. The token itself is in no variable, which every
/// program that they start would inherit.
fn token_of_file() -> Result<Option<SecretString>, Failure> {
    let Some(file) = std::env::var_os("STORE_TOKEN_FILE").filter(|file| !file.is_empty()) else { return Ok(None) };
    let file = std::path::PathBuf::from(file);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::usage(format!("STORE_TOKEN_FILE: {} cannot be read: {error}", file.display())))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("STORE_TOKEN_FILE: {} is empty", file.display()))),
        token => Ok(Some(SecretString::from(token))),
    }
}

#[cfg(feature = "embedded")]
async fn embedded(global: &Global, purpose: Purpose, terminal: Terminal) -> Result<Box<dyn Door>, Failure> {
    Ok(Box::new(Embedded::open(&global.settings, purpose, terminal).await?))
}

#[cfg(not(feature = "embedded"))]
#[expect(clippy::unused_async, reason = "the same signature with and without the feature")]
async fn embedded(_: &Global, _: Purpose, _: Terminal) -> Result<Box<dyn Door>, Failure> {
    Err(Failure::usage("no server is named").hint("Use --server URL or --context NAME, or set STORE_SERVER."))
}
