//! `store create`: asks for a store, and sees it through until it can sell.

use secrecy::{ExposeSecret, SecretString};

use super::{Context, outcome};
use crate::args::{CreateArgs, Waiting};
use crate::door::{Door, NewStore, Purpose};
use crate::failure::Failure;
use crate::output::created;
use crate::password::{self, Password};
use crate::watch;

pub(super) async fn run(context: &Context, args: CreateArgs) -> Result<(), Failure> {
    let Password { secret, is_generated } = password::obtain(&args.password, context.terminal).await?;
    context.through(Purpose::Create, async |door| make(context, door, args, secret, is_generated).await).await
}

async fn make(
    context: &Context,
    door: &dyn Door,
    args: CreateArgs,
    secret: SecretString,
    is_generated: bool,
) -> Result<(), Failure> {
    let shown = is_generated.then(|| secret.clone());
    let request = NewStore {
        name: args.name,
        engine: args.engine,
        plan: args.plan,
        admin_username: args.admin_username,
        admin_email: args.admin_email,
        admin_password: secret,
    };
    let store = door.create(&request).await?;
    if let Some(password) = shown {
        // At once, so that it is not lost with what comes after; and even if only data is wanted.
        context.terminal.line(&format!(
            "Password for {}, shown this once: {}",
            store.admin_email,
            password.expose_secret()
        ));
    }
    match args.wait.waiting() {
        Waiting::No => {
            context.terminal.say(&format!("{} is on its way. {}", store.name, door.unattended(&store.name)));
            context.output.store(&store, |_| created(&store))
        }
        Waiting::Until(timeout) => {
            let waited = watch::until_settled(door, store, timeout, context.terminal).await?;
            let store = outcome::ready(context, door, waited)?;
            context.output.store(&store, |_| created(&store))
        }
    }
}
