//! Several processes at once, each with a repository of its own: what the transactions of one must not do to another's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pretty_assertions::assert_eq;
use store_core::lifecycle::{EventKind, Failure, FailureCode, Gates, Progress, Provisioning, Status};
use store_core::ports::{
    Admission, ClaimRequest, Claimable, Created, EventDraft, IdempotencyKey, ListQuery, NewStore, ProgressUpdate,
    Recorded, RepositoryError, StoreRepository, WakeUp,
};
use store_core::store::{Engine, StoreId};
use store_db::DatabaseRepository;

use crate::common::{claimed, request};
use crate::database::{Database, until};

type Door = Arc<DatabaseRepository>;

async fn doors(database: &Database) -> [Door; 2] {
    [Arc::new(database.open().await), Arc::new(database.open().await)]
}

fn keyed(number: u32, fingerprint: &str) -> NewStore {
    let key = IdempotencyKey { key: "order-1".to_owned(), fingerprint: fingerprint.to_owned() };
    NewStore { idempotency: Some(key), ..request(number) }
}

async fn create_all(
    doors: &[Door; 2],
    requests: impl Iterator<Item = NewStore>,
) -> Vec<Result<Created, RepositoryError>> {
    let creates = requests
        .zip(doors.iter().cycle().cloned())
        .map(|(request, door)| tokio::spawn(async move { door.create(request).await }));
    join_all(creates).await.into_iter().map(Result::unwrap).collect()
}

fn claim_request(owner: &str, lease: Duration, which: Claimable) -> ClaimRequest {
    ClaimRequest { owner: owner.to_owned(), lease, limit: 10, which }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn one_of_fifty_gets_the_name() {
    let database = Database::new();
    let doors = doors(&database).await;
    let answers = create_all(&doors, (0..50).map(|number| NewStore { id: request(number).id, ..request(1) })).await;
    let winners: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    let [Created::New(winner)] = winners.as_slice() else { panic!("{winners:?}") };
    let lost = |answer: &&Result<_, _>| matches!(answer, Err(RepositoryError::NameTaken { existing }) if *existing == winner.id);
    assert_eq!(answers.iter().filter(lost).count(), 49);
    assert_eq!(doors[0].changes(0, 100).await.unwrap().len(), 1, "those who lost leave no event");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn one_of_fifty_equal_requests_makes_the_store() {
    let database = Database::new();
    let doors = doors(&database).await;
    let answers =
        create_all(&doors, (0..50).map(|number| NewStore { id: request(number).id, ..keyed(1, "same") })).await;
    let stores: BTreeSet<_> = answers.iter().map(|answer| answer.as_ref().unwrap().clone().into_store().id).collect();
    assert_eq!(stores.len(), 1);
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Created::New(_))));
    assert_eq!(new.count(), 1, "the others are told of the first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn a_key_at_once_for_different_requests_is_for_one_of_them() {
    let database = Database::new();
    let doors = doors(&database).await;
    let answers = create_all(&doors, (0..20).map(|number| keyed(number, &format!("request {number}")))).await;
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Created::New(_)))).count(), 1);
    let reused = answers.iter().filter(|answer| matches!(answer, Err(RepositoryError::KeyReused)));
    assert_eq!(reused.count(), 19);
    assert_eq!(doors[1].list(&ListQuery::default()).await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn claimants_never_share_a_store() {
    let database = Database::new();
    let doors = doors(&database).await;
    for number in 0..40 {
        doors[0].create(request(number)).await.unwrap();
    }
    let claims = (0..8).map(|owner| {
        let door = Arc::clone(&doors[owner % 2]);
        tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let due = claim_request(&format!("owner {owner}"), Duration::from_mins(10), Claimable::Due);
                let claimed = door.claim_due(&ClaimRequest { limit: 3, ..due }).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|claimed| (claimed.store.id, claimed.claim.epoch)));
            }
        })
    });
    let claims: Vec<_> = join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    // One that finds everything locked by others takes nothing; what is due then is still there for the next look.
    let left = claim_request("last", Duration::from_mins(10), Claimable::Due);
    let left = doors[0].claim_due(&ClaimRequest { limit: 100, ..left }).await.unwrap();
    let left = left.into_iter().map(|claimed| (claimed.store.id, claimed.claim.epoch));
    let all: Vec<_> = claims.into_iter().chain(left).collect();
    let stores: BTreeSet<_> = all.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!((all.len(), stores.len()), (40, 40));
    assert!(all.iter().all(|(_, epoch)| *epoch == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn places_are_limited_among_all() {
    let database = Database::new();
    let doors = doors(&database).await;
    for number in 0..16 {
        doors[0].create(request(number)).await.unwrap();
    }
    let mut claims = Vec::new();
    for number in 0..16 {
        claims.push(claimed(&doors[0], &request(number).id).await.claim);
    }
    // Only the oldest that waits is admitted, so several rounds are needed.
    for _ in 0..4 {
        let admissions = claims.iter().zip(doors.iter().cycle()).map(|(claim, door)| {
            let (claim, door) = (claim.clone(), Arc::clone(door));
            tokio::spawn(async move { door.admit(&claim, Admission::InOrder { places: 3 }).await.unwrap() })
        });
        join_all(admissions).await;
    }
    let mut admitted = Vec::new();
    for (number, claim) in claims.iter().enumerate() {
        if doors[1].admit(claim, Admission::InOrder { places: 0 }).await.unwrap() {
            admitted.push(number);
        }
    }
    assert_eq!(admitted, [0, 1, 2], "the oldest, and no more");
}

/// An intent and a worker's write at once: neither is lost, and the worker's counts only if it came first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn an_intent_and_a_write_at_once_keep_out_of_each_others_way() {
    let database = Database::new();
    let doors = doors(&database).await;
    for number in 0..30 {
        let store = doors[0].create(request(number)).await.unwrap().into_store();
        let claim = claimed(&doors[0], &store.id).await.claim;
        let update = update(EventKind::GateMet);
        let (written, wanted) = tokio::join!(
            doors[0].record(&claim, 1, &update),
            doors[1].request_deletion(&store.id, None, store.created_at)
        );
        wanted.unwrap();
        let now = doors[0].get(&store.id).await.unwrap().unwrap();
        assert_eq!((now.status(), now.intent.generation), (Status::Deleting, 2));
        let kinds: Vec<_> =
            doors[0].events(&store.id, 0, 10).await.unwrap().into_iter().map(|event| event.kind).collect();
        match written.unwrap() {
            Recorded::Written(_) => {
                assert_eq!(kinds, [EventKind::Created, EventKind::GateMet, EventKind::DeletionRequested]);
            }
            Recorded::Stale => assert_eq!(kinds, [EventKind::Created, EventKind::DeletionRequested]),
        }
        assert_eq!(now.version, kinds.len() as u64, "each event raised the version once");
        assert_eq!(doors[1].sealed_password(&store.id).await.unwrap(), None);
    }
}

/// A lease that is given back while the intent changes: the store never sleeps through it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn an_intent_is_never_slept_through() {
    let database = Database::new();
    let doors = doors(&database).await;
    for number in 0..60 {
        let store = doors[0].create(request(number)).await.unwrap().into_store();
        let claim = claimed(&doors[0], &store.id).await.claim;
        let (released, wanted) = tokio::join!(
            doors[0].release(&claim, 1, WakeUp::OnIntent),
            doors[1].request_deletion(&store.id, None, store.created_at)
        );
        released.unwrap();
        wanted.unwrap();
        let due = claim_request("next", Duration::from_mins(10), Claimable::DueAmong(vec![store.id.clone()]));
        assert_eq!(doors[0].claim_due(&due).await.unwrap().len(), 1, "store {number} is due");
    }
}

/// Eight write and one follows: whoever sees a position has seen all before it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn followers_see_every_event_once_and_in_order() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 25;
    let database = Database::new();
    let doors = doors(&database).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let door = Arc::clone(&doors[writer as usize % 2]);
            tokio::spawn(async move {
                for number in 0..EACH {
                    let new = request(writer * EACH + number);
                    let (id, at) = (new.id.clone(), new.at);
                    door.create(new).await.unwrap();
                    door.request_deletion(&id, None, at).await.unwrap();
                }
            })
        })
        .collect();
    let follower = database.open().await;
    let mut seen = Vec::new();
    while seen.len() < 2 * (WRITERS * EACH) as usize {
        let after = seen.last().copied().unwrap_or(0);
        let portion =
            until(|| async { Some(follower.changes(after, 50).await.unwrap()).filter(|new| !new.is_empty()) });
        seen.extend(portion.await.iter().map(|event| event.position));
    }
    join_all(writers).await.into_iter().for_each(Result::unwrap);
    let all: Vec<_> = follower.changes(0, 10_000).await.unwrap().iter().map(|event| event.position).collect();
    assert_eq!(seen, all);
    assert!(seen.is_sorted_by(|earlier, later| earlier < later));
}

/// What a pod said last may hold anything.
#[tokio::test]
#[ignore = "needs PostgreSQL: cargo xtask test --only database"]
async fn an_event_may_say_anything() {
    let database = Database::new();
    let repository = database.open().await;
    let store = repository.create(request(1)).await.unwrap().into_store();
    let claim = claimed(&repository, &store.id).await.claim;
    let failure = Failure::new(FailureCode::TimedOut, "it said \0 and \u{1f6d2}", "Try again");
    let failed = Progress::Provisioning(Provisioning::begin(1)).fail(failure, store.created_at).unwrap();
    let events = vec![EventDraft::new(EventKind::Failed, "it said \0 and \u{1f6d2}")];
    let update = ProgressUpdate { progress: failed.clone(), events, ..update(EventKind::Failed) };
    assert!(matches!(repository.record(&claim, 1, &update).await.unwrap(), Recorded::Written(_)));
    let events = repository.events(&store.id, 1, 10).await.unwrap();
    assert_eq!(events[0].message, "it said \u{fffd} and \u{1f6d2}");
    assert_eq!(repository.get(&store.id).await.unwrap().unwrap().progress, failed);
}

fn update(kind: EventKind) -> ProgressUpdate {
    let at = request(1).at;
    ProgressUpdate {
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(Engine::Medusa, at),
        details: std::collections::BTreeMap::new(),
        erase_password: false,
        events: vec![EventDraft::new(kind, "It is so")],
        at,
    }
}

/// For what the other modules claim.
pub(crate) async fn claim_within(repository: &DatabaseRepository, id: &StoreId, owner: &str, lease: Duration) -> bool {
    let request = claim_request(owner, lease, Claimable::DueAmong(vec![id.clone()]));
    repository.claim_due(&request).await.is_ok_and(|claimed| !claimed.is_empty())
}
