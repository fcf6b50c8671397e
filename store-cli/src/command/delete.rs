//! `store delete`: removes stores with everything in them, after a question.

use store_core::lifecycle::Status;
use store_core::service::StoreDocument;

use super::{Context, outcome};
use crate::args::{DeleteArgs, Waiting};
use crate::door::{Door, Purpose};
use crate::failure::Failure;
use crate::output::handle;
use crate::watch;

pub(super) async fn run(context: &Context, args: DeleteArgs) -> Result<(), Failure> {
    context.through(Purpose::Change, async |door| delete(context, door, args).await).await
}

async fn delete(context: &Context, door: &dyn Door, args: DeleteArgs) -> Result<(), Failure> {
    let mut stores = Vec::with_capacity(args.stores.len());
    // All are looked up before the first one is touched: a typing error deletes nothing.
    for which in &args.stores {
        stores.push(door.get(which).await?);
    }
    refuse_protected(&stores)?;
    if !args.yes {
        confirm(context, &stores).await?;
    }
    let mut deleting = Vec::with_capacity(stores.len());
    for store in stores {
        deleting.push(door.delete(&store.id).await?);
    }
    match args.wait.waiting() {
        Waiting::No => {
            for store in &deleting {
                context.terminal.say(&format!("{} is being deleted. {}", store.name, door.unattended(&store.id)));
                print(context, store)?;
            }
        }
        Waiting::Until(timeout) => {
            for store in deleting {
                let store = see_off(context, door, store, timeout).await?;
                print(context, &store)?;
            }
        }
    }
    Ok(())
}

/// Before anybody is asked, and before the first of several is touched.
fn refuse_protected(stores: &[StoreDocument]) -> Result<(), Failure> {
    let Some(store) = stores.iter().find(|store| store.protected) else { return Ok(()) };
    Err(Failure::new(format!("{} is protected from deletion; nothing was deleted", store.name))
        .hint(format!("To let it be deleted: store unprotect {}", store.name)))
}

async fn confirm(context: &Context, stores: &[StoreDocument]) -> Result<(), Failure> {
    if stores.iter().all(|store| matches!(store.status, Status::Deleting | Status::Deleted)) {
        return Ok(());
    }
    let names: Vec<_> = stores.iter().map(|store| store.name.as_str()).collect();
    let names = names.join(", ");
    if !context.terminal.asks {
        return Err(Failure::usage(format!("nobody can be asked whether to delete {names}"))
            .hint("Use --yes to delete without a question."));
    }
    let question = format!("Delete {names} with products, orders and volumes? It cannot be undone.");
    if context.terminal.confirm(&question).await? { Ok(()) } else { Err(Failure::new("nothing was deleted")) }
}

async fn see_off(
    context: &Context,
    door: &dyn Door,
    store: StoreDocument,
    timeout: Option<std::time::Duration>,
) -> Result<StoreDocument, Failure> {
    if store.status == Status::Deleted {
        context.terminal.say(&format!("{} was deleted before", store.name));
        return Ok(store);
    }
    let waited = watch::until_settled(door, store, timeout, context.terminal).await?;
    outcome::gone(context, door, waited)
}

fn print(context: &Context, store: &StoreDocument) -> Result<(), Failure> {
    if context.output.is_for_people() {
        return Ok(());
    }
    context.output.store(store, |_| handle(store).to_owned())
}
