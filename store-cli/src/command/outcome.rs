//! What the end of a wait means for the command.

use store_core::lifecycle::Status;
use store_core::service::StoreDocument;

use super::Context;
use crate::door::Door;
use crate::failure::{Exit, Failure};
use crate::output::handle;
use crate::text;
use crate::watch::{End, Waited};

/// A store that was to become READY: returned if it did.
pub(super) fn ready(context: &Context, door: &dyn Door, waited: Waited) -> Result<StoreDocument, Failure> {
    let took = text::duration(waited.elapsed);
    let store = waited.store;
    match (waited.end, store.status) {
        (End::Settled, Status::Ready) => {
            context.terminal.say(&format!("{} is READY after {took}", store.name));
            Ok(store)
        }
        (End::Settled, Status::Failed) => Err(failed(context, &store)),
        (End::Settled, status) => Err(Failure::new(format!("{} is {status}: somebody deleted it", store.name))),
        (End::TimedOut, status) => Err(unfinished(&store, status, &took, door)),
        (End::Interrupted, status) => Err(interrupted(context, &store, status, door)),
    }
}

/// A store that was to be gone.
pub(super) fn gone(context: &Context, door: &dyn Door, waited: Waited) -> Result<StoreDocument, Failure> {
    let took = text::duration(waited.elapsed);
    let store = waited.store;
    match (waited.end, store.status) {
        (End::Settled, _) => {
            context.terminal.say(&format!("{} is deleted after {took}; nothing of it is left", store.name));
            Ok(store)
        }
        (End::TimedOut, status) => Err(unfinished(&store, status, &took, door)),
        (End::Interrupted, status) => Err(interrupted(context, &store, status, door)),
    }
}

/// Programs get the store as data also when it failed.
fn failed(context: &Context, store: &StoreDocument) -> Failure {
    if !context.output.is_for_people()
        && let Err(failure) = context.output.store(store, |_| String::new())
    {
        return failure;
    }
    let reason = store.failure_reason.as_deref().unwrap_or("no reason is known");
    Failure::new(format!("{} FAILED: {reason}", store.name))
        .hint(format!("What led to it: store events {name}   Another attempt: store retry {name}", name = store.name))
}

fn unfinished(store: &StoreDocument, status: Status, took: &str, door: &dyn Door) -> Failure {
    Failure::new(format!("{} is still {status} after {took}{}", store.name, held_up(store)))
        .hint(door.unattended(handle(store)))
}

fn held_up(store: &StoreDocument) -> String {
    let why = match (&store.parked, &store.blocker, store.step) {
        (Some(reason), _, _) => Some(reason.clone()),
        (_, Some(blocker), _) => Some(format!("{}. {}", blocker.message, blocker.hint)),
        (_, _, Some(step)) => Some(format!("the gate {step} is not met")),
        _ => None,
    };
    why.map(|why| format!(": {why}")).unwrap_or_default()
}

fn interrupted(context: &Context, store: &StoreDocument, status: Status, door: &dyn Door) -> Failure {
    context.terminal.line(&format!("Interrupted while {} is {status}.", store.name));
    context.terminal.line(&door.unattended(handle(store)));
    Failure::silent(Exit::Interrupted)
}
