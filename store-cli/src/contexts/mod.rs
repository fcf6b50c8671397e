//! The servers that this user works with, as kubeconfig has clusters: contexts with a name, an address and perhaps a
//! token, and which of them is the current one.
//!
//! They are in `store/config.yaml` in the XDG configuration directory, which only its owner can read.

mod file;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

pub(crate) use file::{load, save};

use crate::failure::Failure;

/// The context that is always there where this program can work without a server: the own database and cluster.
pub(crate) const EMBEDDED: &str = "embedded";

/// A server, by the name that its user gave it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerContext {
    /// Its name.
    pub(crate) name: String,
    /// Its address.
    pub(crate) server: String,
    /// The token to show there.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "file::expose")]
    pub(crate) token: Option<SecretString>,
}

/// All of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The name of the current one; nothing means the embedded mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The servers.
    #[serde(default)]
    pub(crate) contexts: Vec<ServerContext>,
}

impl Contexts {
    /// The context of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&ServerContext> {
        self.contexts.iter().find(|context| context.name == name)
    }

    /// The context of this name, or an error that names those that there are.
    pub(crate) fn named(&self, name: &str) -> Result<&ServerContext, Failure> {
        self.find(name).ok_or_else(|| {
            let names: Vec<_> = self.contexts.iter().map(|context| context.name.as_str()).collect();
            let known =
                if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) };
            Failure::usage(format!("there is no context {name:?}; {known}"))
                .hint("Add it with: store context add NAME --server URL")
        })
    }

    /// The current one.
    pub(crate) fn current(&self) -> Option<&ServerContext> {
        self.find(self.current.as_deref()?)
    }

    /// Adds a context, or changes the address of the one that has the name; a token of another server is dropped.
    pub(crate) fn put(&mut self, name: &str, server: &str) -> &mut ServerContext {
        let known = self.contexts.iter().position(|context| context.name == name);
        let index = known.unwrap_or_else(|| {
            self.contexts.push(ServerContext { name: name.to_owned(), server: server.to_owned(), token: None });
            self.contexts.len() - 1
        });
        let context = &mut self.contexts[index];
        if context.server != server {
            server.clone_into(&mut context.server);
            context.token = None;
        }
        context
    }

    /// Takes a context away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.contexts.retain(|context| context.name != name);
        if self.current.as_deref() == Some(name) {
            self.current = None;
        }
    }
}

/// Reads the name of a context.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
    let is_name = (1..=64).contains(&text.len()) && text.bytes().all(is_allowed) && !text.starts_with('-');
    if is_name { Ok(text.to_owned()) } else { Err("allowed are 1 to 64 letters, digits and ._-:".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_goes_to_another_server() {
        let mut contexts = Contexts::default();
        contexts.put("a", "http://one.example").token = Some("stp_x".to_owned().into());
        assert!(contexts.put("a", "http://one.example").token.is_some());
        assert!(contexts.put("a", "http://two.example").token.is_none());
    }

    #[test]
    fn the_current_one_may_be_taken_away() {
        let mut contexts = Contexts { current: Some("a".to_owned()), ..Contexts::default() };
        contexts.put("a", "http://one.example");
        contexts.remove("a");
        assert!(contexts.current.is_none() && contexts.contexts.is_empty());
    }
}
