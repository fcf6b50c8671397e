//! `store protect` and `store unprotect`: whether a store's deletion is refused.

use super::Context;
use crate::args::ProtectArgs;
use crate::door::Purpose;
use crate::failure::Failure;
use crate::output::handle;

pub(super) async fn run(context: &Context, args: &ProtectArgs, protected: bool) -> Result<(), Failure> {
    let store = context
        .through(Purpose::Change, async |door| {
            let store = door.get(&args.store).await?;
            door.protect(&store.id, protected).await
        })
        .await?;
    if context.output.is_for_people() {
        let is = if store.protected { "is protected from deletion" } else { "can be deleted" };
        context.terminal.say(&format!("{} {is}", store.name));
        return Ok(());
    }
    context.output.store(&store, |_| handle(&store).to_owned())
}
