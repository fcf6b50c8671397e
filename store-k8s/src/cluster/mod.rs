//! The Kubernetes half: the connection, the two objects that exist before Helm runs, and everything that is read.

pub(crate) mod changes;
pub(crate) mod connect;
pub(crate) mod diagnosis;
pub(crate) mod error;
pub(crate) mod facts;
pub(crate) mod kubeconfig;
pub(crate) mod logs;
pub(crate) mod namespace;
pub(crate) mod probe;
pub(crate) mod questions;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod records;
pub(crate) mod secret;
pub(crate) mod setup;
pub(crate) mod sight;
pub(crate) mod watch;
