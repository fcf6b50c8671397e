//! `store wait`: sees a store through that is on its way already; in the embedded mode, goes on with it.

use store_core::lifecycle::Status;

use super::{Context, outcome};
use crate::args::StoreWaitArgs;
use crate::door::{Door, Purpose};
use crate::failure::Failure;
use crate::output::created;
use crate::watch;

pub(super) async fn run(context: &Context, args: StoreWaitArgs) -> Result<(), Failure> {
    context.through(Purpose::Change, async |door| see_through(context, door, &args).await).await
}

async fn see_through(context: &Context, door: &dyn Door, args: &StoreWaitArgs) -> Result<(), Failure> {
    let store = door.get(&args.store).await?;
    let goes_away = matches!(store.status, Status::Deleting | Status::Deleted);
    let waited = watch::until_settled(door, store, args.timeout.patience(), context.terminal).await?;
    if goes_away {
        let store = outcome::gone(context, door, waited)?;
        return if context.output.is_for_people() { Ok(()) } else { context.output.store(&store, |_| String::new()) };
    }
    let store = outcome::ready(context, door, waited)?;
    context.output.store(&store, |_| created(&store))
}
