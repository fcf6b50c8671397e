//! `store retry`: another attempt for a FAILED store.

use secrecy::{ExposeSecret, SecretString};

use super::{Context, outcome};
use crate::args::{RetryArgs, Waiting};
use crate::door::{Door, Purpose};
use crate::failure::Failure;
use crate::output::created;
use crate::password;
use crate::watch;

pub(super) async fn run(context: &Context, args: RetryArgs) -> Result<(), Failure> {
    let password = password::given(&args.password)?;
    let shown = password.as_ref().filter(|password| password.is_generated).map(|password| password.secret.clone());
    let secret = password.map(|password| password.secret);
    context.through(Purpose::Change, async |door| again(context, door, args, secret, shown).await).await
}

async fn again(
    context: &Context,
    door: &dyn Door,
    args: RetryArgs,
    password: Option<SecretString>,
    shown: Option<SecretString>,
) -> Result<(), Failure> {
    let store = door.get(&args.store).await?;
    let store = door.retry(&store.id, password).await?;
    if let Some(password) = shown {
        context.terminal.line(&format!(
            "Password for {}, shown this once: {}",
            store.admin_email,
            password.expose_secret()
        ));
    }
    match args.wait.waiting() {
        Waiting::No => {
            context.terminal.say(&format!("{} is tried again. {}", store.name, door.unattended(&store.name)));
            context.output.store(&store, |_| created(&store))
        }
        Waiting::Until(timeout) => {
            let waited = watch::until_settled(door, store, timeout, context.terminal).await?;
            let store = outcome::ready(context, door, waited)?;
            context.output.store(&store, |_| created(&store))
        }
    }
}
