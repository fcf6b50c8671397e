//! `store list` and `store get`.

use std::sync::{Mutex, PoisonError};

use store_core::lifecycle::Status;
use store_core::service::{StoreDocument, StoreRef};
use store_core::store::StoreId;

use super::Context;
use crate::args::{GetArgs, ListArgs};
use crate::clock;
use crate::door::{Door, Filter, Purpose};
use crate::failure::Failure;
use crate::output::{Format, details, handle};
use crate::watch::stores::{self, Watched};

pub(super) async fn run(context: &Context, args: ListArgs) -> Result<(), Failure> {
    let statuses = if args.all && args.status.is_empty() { Status::ALL.to_vec() } else { args.status };
    let filter = Filter { statuses, engine: args.engine };
    if args.watch {
        return watch(context, &filter).await;
    }
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

async fn watch(context: &Context, which: &impl Watched) -> Result<(), Failure> {
    let follow = async |door: &dyn Door| stores::follow(door, which, context.output, context.terminal).await;
    context.through(Purpose::Read, follow).await
}

impl Watched for Filter {
    async fn look(&self, door: &dyn Door) -> Result<Vec<StoreDocument>, Failure> {
        Ok(door.list(self).await?.stores)
    }

    fn ends_with_them(&self) -> bool {
        false
    }
}

/// Those that are named: after the first look by their ids, since a name may come to stand for another store.
struct Named {
    stores: Vec<StoreRef>,
    ids: Mutex<Vec<StoreRef>>,
}

impl Watched for Named {
    async fn look(&self, door: &dyn Door) -> Result<Vec<StoreDocument>, Failure> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let which = if known.is_empty() { &self.stores } else { &known };
        let mut stores = Vec::with_capacity(which.len());
        for which in which {
            stores.push(door.get(which).await?);
        }
        let ids = stores.iter().filter_map(|store| StoreId::parse(&store.id).ok()).map(StoreRef::Id).collect();
        *self.ids.lock().unwrap_or_else(PoisonError::into_inner) = ids;
        Ok(stores)
    }

    fn ends_with_them(&self) -> bool {
        true
    }
}

pub(super) async fn get(context: &Context, args: GetArgs) -> Result<(), Failure> {
    if args.watch {
        return watch(context, &Named { stores: args.stores, ids: Mutex::default() }).await;
    }
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
