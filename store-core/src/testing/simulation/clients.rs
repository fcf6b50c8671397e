//! Those who ask for stores: they create, delete, try again and create anew, whatever happens to the replica that they
//! ask, and one of them follows what happens.

use std::sync::Arc;
use std::time::Duration;

use super::cluster::Defect;
use super::helm::announce_milestones;
use super::oracle::{CANARY, Invariant};
use super::world::World;
use crate::StoreService;
use crate::lifecycle::{FailureCode, Position, Status};
use crate::service::{CreateStore, RetryStore, ServiceError, StoreDocument, StoreRef};
use crate::store::StoreId;

/// How long a client waits for an answer before it asks again, perhaps another replica.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one client does with its store.
pub(super) async fn own(world: Arc<World>, name: String) {
    world.pause(0, 30_000).await;
    let Some(mut id) = create(&world, &name, 1).await else { return };
    let (is_deleted, is_created_again) = {
        let mut state = world.state();
        (state.dice.percent(55), state.dice.percent(50))
    };
    if is_deleted {
        world.pause(0, 60_000).await;
        delete(&world, &id).await;
        if !is_created_again {
            return;
        }
        world.pause(0, 10_000).await;
        match create(&world, &name, 2).await {
            Some(another) => id = another,
            None => return,
        }
    }
    see_through(&world, &id).await;
}

/// Asks until somebody answers. A call whose process dies is never heard of again.
async fn ask<T: Send + 'static>(
    world: &Arc<World>,
    mut call: impl FnMut(StoreService) -> futures::future::BoxFuture<'static, Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    loop {
        if let Some(service) = somebody(world) {
            let asked = tokio::spawn(call(service));
            match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(Err(ServiceError::Unavailable { .. })) | Err(_)) | Err(_) => {}
                Ok(Ok(answer)) => return answer,
            }
        }
        world.pause(100, 2_000).await;
    }
}

fn somebody(world: &World) -> Option<StoreService> {
    let mut state = world.state();
    let place = {
        let count = state.replicas.len();
        state.dice.below(count)
    };
    let replica = &state.replicas[place];
    replica.process.is_running().then(|| replica.service.clone())
}

/// Creates a store under a key, which may have to be said more than once; `None` if the name is somebody else's.
async fn create(world: &Arc<World>, name: &str, round: u32) -> Option<StoreId> {
    let key = format!("{name}-{round}");
    loop {
        let answer = ask_for(world, name, &key).await;
        match answer {
            Ok(store) => {
                let id = StoreId::parse(&store.id).ok()?;
                world.note("client", 0, || format!("{name} was accepted as {id}"));
                judge_document(world, &store);
                afflict(world, &id);
                repeat(world, name, &key, &id).await;
                return Some(id);
            }
            // The store of an earlier round may still be going.
            Err(ServiceError::NameTaken { .. }) if round > 1 => world.pause(500, 5_000).await,
            Err(ServiceError::NameTaken { .. }) => {
                judge_refusal(world, name, &key);
                return None;
            }
            Err(error) => {
                world.break_invariant(Invariant::Liveness, format!("{name} is refused: {error}"));
                return None;
            }
        }
    }
}

async fn ask_for(world: &Arc<World>, name: &str, key: &str) -> Result<StoreDocument, ServiceError> {
    let (name, key) = (name.to_owned(), key.to_owned());
    ask(world, move |service| {
        let (request, key) = (request(&name), key.clone());
        Box::pin(async move { Ok(service.create(request, Some(&key)).await?.store) })
    })
    .await
}

/// Nobody else uses this name, so only a store that was made for this very key can be in the way.
fn judge_refusal(world: &World, name: &str, key: &str) {
    world.break_invariant(Invariant::I6, format!("{name} under the key {key} was made, and then refused to its owner"));
}

/// A request that is repeated has no other effect.
async fn repeat(world: &Arc<World>, name: &str, key: &str, id: &StoreId) {
    if !world.state().dice.percent(30) {
        return;
    }
    let again = ask_for(world, name, key).await;
    if again.as_ref().map(|store| store.id.as_str()).ok() != Some(id.as_str()) {
        let found = format!("{name} under the key {key} is {id}, and then {:?}", again.map(|store| store.id));
        world.break_invariant(Invariant::I6, found);
    }
}

/// Some stores cannot become ready until somebody mends something.
fn afflict(world: &World, id: &StoreId) {
    let mut state = world.state();
    // One that came up before its owner heard of it has none.
    let is_up = state.cluster.namespaces.get(id).is_some_and(|namespace| namespace.objects.is_some());
    if state.dice.percent(25) && !is_up {
        let defect = state.dice.pick(&[Defect::BrokenImage, Defect::SetupFailsOnce, Defect::NeverReady]);
        state.cluster.defects.insert(id.clone(), defect);
        state.oracle.flawed(id, defect);
    }
}

async fn delete(world: &Arc<World>, id: &StoreId) {
    let times = if world.state().dice.percent(30) { 2 } else { 1 };
    for _ in 0..times {
        let which = StoreRef::Id(id.clone());
        let deleted = ask(world, move |service| {
            let which = which.clone();
            Box::pin(async move { service.delete(&which, None).await })
        });
        match deleted.await {
            Ok(store) => judge_document(world, &store),
            Err(error) => world.break_invariant(Invariant::Liveness, format!("{id} cannot be deleted: {error}")),
        }
        world.note("client", 1, || format!("deletion of {id} was accepted"));
    }
}

/// Waits until the store is settled; mends it and tries again when it failed.
async fn see_through(world: &Arc<World>, id: &StoreId) {
    for _ in 0..3 {
        let store = settled(world, id).await;
        if store.status != Status::Failed || world.state().dice.percent(20) {
            return;
        }
        world.pause(0, 5_000).await;
        mend(world, id);
        let has_lost = store.failure.is_some_and(|failure| failure.code == FailureCode::CredentialsLost);
        retry(world, id, has_lost).await;
    }
}

async fn settled(world: &Arc<World>, id: &StoreId) -> StoreDocument {
    loop {
        world.pause(1_000, 5_000).await;
        let which = StoreRef::Id(id.clone());
        let read = ask(world, move |service| {
            let which = which.clone();
            Box::pin(async move { service.get(&which).await })
        });
        match read.await {
            Ok(store) => {
                judge_document(world, &store);
                if store.status.is_settled() {
                    return store;
                }
            }
            Err(error) => world.break_invariant(Invariant::Liveness, format!("{id} cannot be read: {error}")),
        }
    }
}

fn mend(world: &Arc<World>, id: &StoreId) {
    let now = world.now();
    let pace = {
        let mut state = world.state();
        let cluster = &mut state.cluster;
        cluster.defects.remove(id);
        state.oracle.mended(id);
        let cluster = &mut state.cluster;
        let objects = cluster.namespaces.get_mut(id).and_then(|namespace| namespace.objects.as_mut());
        objects.map(|objects| {
            objects.at = now;
            objects.pace
        })
    };
    world.note("client", 2, || format!("{id} is mended"));
    world.changed(id);
    if let Some(pace) = pace {
        announce_milestones(world, id, pace);
    }
}

async fn retry(world: &Arc<World>, id: &StoreId, has_lost_credentials: bool) {
    let which = StoreRef::Id(id.clone());
    let asked = ask(world, move |service| {
        let which = which.clone();
        let admin_password = has_lost_credentials.then(|| format!("{CANARY}-new").into());
        Box::pin(async move { service.retry(&which, RetryStore { admin_password }, None).await })
    });
    match asked.await {
        // It may have been accepted before, without an answer.
        Ok(_) | Err(ServiceError::WrongStatus { .. }) => {
            world.note("client", 3, || format!("retry of {id} was accepted"));
        }
        Err(error) => world.break_invariant(Invariant::Liveness, format!("{id} cannot be tried again: {error}")),
    }
}

/// Nothing that anybody reads tells a secret.
fn judge_document(world: &World, store: &StoreDocument) {
    let text = serde_json::to_string(store).unwrap_or_default();
    if text.contains(CANARY) {
        world.break_invariant(Invariant::I7, format!("{}: the store's document tells the password", store.id));
    }
}

/// Follows everything that happens, now with one replica and now with another: each event once and in order.
pub(super) async fn follow(world: Arc<World>) {
    let mut position: Position = 0;
    loop {
        world.pause(500, 8_000).await;
        let read = ask(&world, move |service| Box::pin(async move { service.changes(position, 20).await }));
        let Ok(events) = read.await else { continue };
        for event in events {
            if event.position != position + 1 {
                let found = format!("a follower got event {} after event {position}", event.position);
                world.break_invariant(Invariant::I8, found);
            }
            position = event.position;
        }
        world.state().oracle.followed = position;
    }
}

fn request(name: &str) -> CreateStore {
    CreateStore {
        name: Some(name.to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some(format!("{CANARY}-1").into()),
        plan: None,
    }
}
