//! `store list` and `store get`.

use store_core::lifecycle::Status;
use store_core::service::StoreDocument;

use super::Context;
use crate::args::{GetArgs, ListArgs};
use crate::clock;
use crate::door::{Door, Filter, Purpose};
use crate::failure::Failure;
use crate::output::{Format, details, handle};

pub(super) async fn run(context: &Context, args: ListArgs) -> Result<(), Failure> {
    let statuses = if args.all && args.status.is_empty() { Status::ALL.to_vec() } else { args.status };
    let filter = Filter { statuses, engine: args.engine };
    let list = context.through(Purpose::Read, async |door| door.list(&filter).await).await?;
    match context.output.format {
        Format::Json | Format::Yaml => context.output.value(&list),
        Format::Name => list.stores.iter().try_for_each(|store| context.output.text(handle(store))),
        Format::Table | Format::Wide if list.stores.is_empty() => {
            context.terminal.say("There are no stores. The first one: store create NAME --engine woocommerce …");
            Ok(())
        }
        Format::Table | Format::Wide => context.output.text(&context.output.stores(&list.stores, clock::now())),
    }
}

pub(super) async fn get(context: &Context, args: GetArgs) -> Result<(), Failure> {
    let get_all = async |door: &dyn Door| {
        let mut stores = Vec::with_capacity(args.stores.len());
        for which in &args.stores {
            stores.push(door.get(which).await?);
        }
        Ok(stores)
    };
    print(context, &context.through(Purpose::Read, get_all).await?)
}

/// One store is itself, several are a list.
fn print(context: &Context, stores: &[StoreDocument]) -> Result<(), Failure> {
    let output = context.output;
    match (output.format, stores) {
        (Format::Json | Format::Yaml, [store]) => output.value(store),
        (Format::Json | Format::Yaml, stores) => output.value(&stores),
        (Format::Name, stores) => stores.iter().try_for_each(|store| output.text(handle(store))),
        (Format::Table | Format::Wide, stores) => {
            let now = clock::now();
            let texts: Vec<_> = stores.iter().map(|store| details(store, now, output)).collect();
            output.text(&texts.join("\n"))
        }
    }
}
