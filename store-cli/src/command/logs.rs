//! `store logs`: what a store's pods say.

use futures::StreamExt as _;
use store_core::ports::LogRequest;
use store_core::service::StoreRef;

use super::Context;
use crate::args::LogsArgs;
use crate::door::{Door, Purpose};
use crate::failure::{Exit, Failure};
use crate::terminal::interrupted;
use crate::text;

pub(super) async fn run(context: &Context, args: LogsArgs) -> Result<(), Failure> {
    if !context.output.is_for_people() {
        return Err(Failure::usage("a log is text and has no other format").hint("Leave out -o."));
    }
    context.through(Purpose::Change, async |door| tell(context, door, &args).await).await
}

async fn tell(context: &Context, door: &dyn Door, args: &LogsArgs) -> Result<(), Failure> {
    let store = door.get(&args.store).await?;
    let request = LogRequest::of(args.component.into()).tail(args.tail).following(args.follow);
    let mut lines = door.logs(&store.id, request).await?;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = interrupted() => return Err(Failure::silent(Exit::Interrupted)),
        };
        let Some(line) = line else { return Ok(()) };
        let line = match line {
            Ok(line) => line,
            Err(error) => return Err(why_it_broke_off(door, &args.store, error).await),
        };
        // Tabs are usual in logs and steer nothing; all else that could steer the terminal goes.
        context.output.text(&text::plain(&line.replace('\t', "    ")))?;
    }
}

/// Whoever is not let in any more, or reaches nobody, is told that; it has broken the log off.
async fn why_it_broke_off(door: &dyn Door, store: &StoreRef, error: Failure) -> Failure {
    match door.get(store).await {
        Err(why) => why,
        Ok(_) => error.hint("A log cannot be resumed: the same command begins with its last lines again."),
    }
}
