//! `store credentials`: a store's admin login, read from the cluster with the caller's own kubeconfig. Whoever may not
//! read the Secret there gets nothing here either; no server hands it out.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use store_core::lifecycle::Status;
use store_core::service::StoreDocument;
use store_k8s::{Cluster, ClusterConfig};
use store_platform::SystemClock;

use super::Context;
use crate::args::CredentialsArgs;
use crate::door::{self, Door, Purpose};
use crate::failure::Failure;
use crate::output::{Format, fields};

/// What is shown.
#[derive(Serialize)]
struct Login<'a> {
    store: &'a str,
    admin_url: &'a str,
    admin_username: &'a str,
    admin_email: &'a str,
    admin_password: &'a str,
}

pub(super) async fn run(context: &Context, args: CredentialsArgs) -> Result<(), Failure> {
    if context.output.format == Format::Name {
        return Err(Failure::usage("credentials have no name").hint("Use -o table, json or yaml."));
    }
    let found = async |door: &dyn Door| Ok((door.get(&args.store).await?, door.is_simulated().await?));
    let (store, is_simulated) = context.through(Purpose::Read, found).await?;
    if is_simulated {
        return Err(Failure::new(format!("{} is simulated: there is no shop to log in to", store.name)));
    }
    let entries = secret(context, &store).await?;
    let entry =
        |key: &str, known: &str| entries.get(key).map_or(known.to_owned(), |text| text.expose_secret().to_owned());
    let password = entries.get("admin-password").ok_or_else(|| {
        Failure::new(format!("the Secret {}/{} has no admin password", store.namespace, store.credentials_secret))
    })?;
    let login = Login {
        store: &store.name,
        admin_url: &store.admin_url,
        admin_username: &entry("admin-username", &store.admin_username),
        admin_email: &entry("admin-email", &store.admin_email),
        admin_password: password.expose_secret(),
    };
    if !context.output.is_for_people() {
        return context.output.value(&login);
    }
    context.output.text(&fields(&[
        ("Admin", login.admin_url),
        ("User name", login.admin_username),
        ("E-mail", login.admin_email),
        ("Password", login.admin_password),
    ]))
}

async fn secret(context: &Context, store: &StoreDocument) -> Result<BTreeMap<String, SecretString>, Failure> {
    let configuration = door::configuration(&context.global.settings)?;
    let config = ClusterConfig {
        kubeconfig: configuration.cluster.kubeconfig,
        context: configuration.cluster.context,
        environment: configuration.environment,
    };
    let cluster = Cluster::connect(&config, Arc::new(SystemClock)).await.map_err(|error| Failure::of(&error))?;
    let found = store_k8s::credentials::read(&cluster, &store.namespace, &store.credentials_secret).await;
    let found = found.map_err(|error| Failure::of(&error))?;
    found.ok_or_else(|| absent(store, &cluster))
}

fn absent(store: &StoreDocument, cluster: &Cluster) -> Failure {
    let missing = format!("there is no Secret {}/{} in {cluster}", store.namespace, store.credentials_secret);
    let why = match store.status {
        Status::Provisioning => "It is made early on the way to READY; try again in a moment.".to_owned(),
        Status::Deleting | Status::Deleted => format!("{} is {}.", store.name, store.status),
        _ => "Is that the cluster of the store? See --kubeconfig and --kube-context.".to_owned(),
    };
    Failure::new(missing).hint(why)
}
