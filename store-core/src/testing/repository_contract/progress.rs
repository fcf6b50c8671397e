//! What workers write: progress with its events, and who may be brought up at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{
    SHORT, admitted, claim_request, claimed, created, deleted, failed, gates, reached, ready, request, sealed, second,
    settled, taken_over, update,
};
use crate::lifecycle::{EventKind, Gate, Status};
use crate::ports::{Admission, Claim, Claimed, EventDraft, ProgressUpdate, Recorded, StoreRepository, WakeUp};

type Repository = Arc<dyn StoreRepository>;

/// Progress is read as it was answered; its events carry the status and the step after it.
pub async fn progress_is_recorded_with_its_events(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    let events = vec![
        EventDraft::new(EventKind::GateMet, "A place was found"),
        EventDraft::new(EventKind::GateMet, "The namespace is there"),
    ];
    let update = ProgressUpdate { gates: gates(2), events, ..update(admitted(1), EventKind::GateMet, second(5)) };
    let store = written(&repository, &claim, &update).await;
    assert_eq!((&store.progress, &store.gates), (&update.progress, &update.gates));
    assert_eq!((store.version, store.updated_at, store.intent.generation), (2, second(5), 1));
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));

    let events = repository.events(&store.id, 1, 10).await.unwrap();
    let messages: Vec<_> = events.iter().map(|event| event.message.as_str()).collect();
    assert_eq!(messages, ["A place was found", "The namespace is there"]);
    for event in events {
        assert_eq!((event.status, event.step), (Status::Provisioning, Some(Gate::Credentials)));
        assert_eq!((event.kind, event.at), (EventKind::GateMet, second(5)));
    }
}

/// What nobody sees raises no version and writes no event.
pub async fn unseen_progress_keeps_the_version(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    let update = ProgressUpdate { events: Vec::new(), ..update(admitted(1), EventKind::GateMet, second(5)) };
    let after = written(&repository, &claim, &update).await;
    assert_eq!((after.version, after.updated_at), (1, second(1)));
    assert_eq!(after.progress, update.progress);
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(after));
    assert_eq!(repository.positions().await.unwrap(), (1, 1));
}

/// Progress that was decided on before the intent changed is refused as a whole.
pub async fn progress_of_an_old_decision_is_stale(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    let store = repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    let update = update(ready(second(3)), EventKind::Ready, second(3));
    assert_eq!(repository.record(&claim, 1, &update).await.unwrap(), Recorded::Stale);
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));
    assert_eq!(repository.changes(0, 10).await.unwrap().len(), 2);

    let after = reached(&*repository, &claim, 2, ready(second(3)), EventKind::Ready).await;
    assert_eq!(after.status(), Status::Deleting, "the intent counts");
    let event = repository.changes(2, 10).await.unwrap().pop().unwrap();
    assert_eq!((event.kind, event.status, event.step), (EventKind::Ready, Status::Deleting, None));
}

/// New facts are added to those there are; a fact that is there is replaced.
pub async fn details_are_added_up(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    for facts in [&[("region", "eu"), ("key", "old")][..], &[("key", "new")][..], &[][..]] {
        let details = facts.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        let update = ProgressUpdate { details, ..update(admitted(1), EventKind::GateMet, second(2)) };
        written(&repository, &claim, &update).await;
    }
    let details = repository.get(&store.id).await.unwrap().unwrap().details;
    let expected = BTreeMap::from([("key", "new"), ("region", "eu")]);
    assert_eq!(details, expected.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect());
}

/// The first READY and the end are remembered.
pub async fn ready_and_deleted_have_their_times(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    let times = [(ready(second(5)), 5), (admitted(1), 6), (ready(second(7)), 7), (deleted(second(8)), 8)];
    let mut seen = Vec::new();
    for (progress, at) in times {
        let store = written(&repository, &claim, &update(progress, EventKind::GateMet, second(at))).await;
        assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));
        seen.push((store.ready_at, store.deleted_at));
    }
    let first_ready = Some(second(5));
    let expected = [(first_ready, None), (first_ready, None), (first_ready, None), (first_ready, Some(second(8)))];
    assert_eq!(seen, expected);
}

/// A password stays until it is erased, and is erased for its own store only.
pub async fn a_password_is_erased(repository: Repository) {
    let store = created(&*repository, 1).await;
    let other = created(&*repository, 2).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    written(&repository, &claim, &update(admitted(1), EventKind::GateMet, second(3))).await;
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), Some(sealed(1)));

    let update = ProgressUpdate { erase_password: true, ..update(admitted(1), EventKind::GateMet, second(4)) };
    written(&repository, &claim, &update).await;
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), None);
    assert_eq!(repository.sealed_password(&other.id).await.unwrap(), Some(sealed(2)));
}

/// No more stores are brought up at once than there are places.
pub async fn places_are_limited(repository: Repository) {
    let claims = claims_of(&repository, 3).await;
    assert!(!admit(&repository, &claims[0], 0).await);
    assert!(admit(&repository, &claims[0], 2).await);
    assert!(admit(&repository, &claims[0], 2).await, "it has its place");
    assert!(admit(&repository, &claims[1], 2).await);
    assert!(!admit(&repository, &claims[2], 2).await);
    assert!(admit(&repository, &claims[2], 3).await);
}

/// Whoever works on one store alone does not wait for the others, which nobody works on.
pub async fn a_place_is_given_out_of_turn(repository: Repository) {
    let claims = claims_of(&repository, 3).await;
    assert!(!admit(&repository, &claims[2], 1).await);
    assert!(repository.admit(&claims[2], Admission::OutOfTurn).await.unwrap());
    assert!(!admit(&repository, &claims[0], 1).await, "it takes a place all the same");
}

/// A younger store does not overtake an older one.
pub async fn the_oldest_is_admitted_first(repository: Repository) {
    let claims = claims_of(&repository, 3).await;
    assert!(!admit(&repository, &claims[1], 10).await);
    assert!(!admit(&repository, &claims[2], 10).await);
    assert!(admit(&repository, &claims[0], 10).await);
    assert!(!admit(&repository, &claims[2], 10).await);
    assert!(admit(&repository, &claims[1], 10).await);
    assert!(admit(&repository, &claims[2], 10).await);
}

/// Whoever is READY, FAILED or DELETED leaves a place to the next.
pub async fn a_place_is_given_back(repository: Repository) {
    let claims = claims_of(&repository, 4).await;
    let ends = [(ready(second(5)), EventKind::Ready), (failed(second(5)), EventKind::Failed)];
    let ends = ends.into_iter().chain([(deleted(second(5)), EventKind::Deleted)]);
    for ((progress, kind), pair) in ends.zip(claims.windows(2)) {
        assert!(admit(&repository, &pair[0], 1).await);
        written(&repository, &pair[0], &update(admitted(1), EventKind::GateMet, second(4))).await;
        assert!(!admit(&repository, &pair[1], 1).await);
        written(&repository, &pair[0], &update(progress, kind, second(5))).await;
        assert!(admit(&repository, &pair[1], 1).await, "after {kind}");
    }
}

/// A store that waits holds nobody up once it is to be deleted, and gets no place itself.
pub async fn a_deleted_store_does_not_wait(repository: Repository) {
    let claims = claims_of(&repository, 2).await;
    repository.request_deletion(&claims[0].store, None, second(3)).await.unwrap();
    assert!(!admit(&repository, &claims[0], 10).await);
    assert!(admit(&repository, &claims[1], 10).await);
}

/// A place belongs to the store, not to its owner: whoever takes the store over finds it admitted.
pub async fn a_place_survives_its_owner(repository: Repository) {
    let store = created(&*repository, 1).await;
    let [first] = repository.claim_due(&claim_request("gone", SHORT, None)).await.unwrap().try_into().unwrap();
    assert!(admit(&repository, &first.claim, 1).await);
    let next = taken_over(&*repository, &store.id).await;
    assert!(admit(&repository, &next.claim, 1).await);
    repository.release(&next.claim, 1, WakeUp::After(Duration::ZERO)).await.unwrap();
    assert_eq!(repository.queue().await.unwrap(), BTreeMap::new());
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    assert!(admit(&repository, &claim, 1).await);
}

/// However many ask at once, the limit holds.
pub async fn admissions_at_once_keep_the_limit(repository: Repository) {
    let claims = claims_of(&repository, 10).await;
    let mut places = 0;
    for _ in 0..4 {
        let asked = claims.iter().map(|claim| {
            let (repository, claim) = (Arc::clone(&repository), claim.clone());
            tokio::spawn(async move { admit(&repository, &claim, 4).await })
        });
        let answers = futures::future::join_all(asked).await;
        places = answers.into_iter().filter(|answer| *answer.as_ref().unwrap()).count();
        assert!(places <= 4, "{places} places");
    }
    assert_eq!(places, 4, "each round admits at least one more");
    settled_count(&repository, 6).await;
}

/// Creates and claims stores 1 to `count`.
async fn claims_of(repository: &Repository, count: i64) -> Vec<Claim> {
    let mut claims = Vec::new();
    for number in 1..=count {
        let store = created(&**repository, number).await;
        claims.push(claimed(&**repository, &store.id).await.claim);
    }
    claims
}

async fn admit(repository: &Repository, claim: &Claim, places: usize) -> bool {
    repository.admit(claim, Admission::InOrder { places }).await.unwrap()
}

async fn written(repository: &Repository, claim: &Claim, update: &ProgressUpdate) -> crate::Store {
    match repository.record(claim, 1, update).await.unwrap() {
        Recorded::Written(store) => store,
        Recorded::Stale => panic!("the claim is held"),
    }
}

async fn settled_count(repository: &Repository, waiting: usize) {
    let queue = repository.queue().await.unwrap();
    assert_eq!(queue.len(), waiting);
    assert!(queue.values().copied().eq(1..=waiting), "ids and places go up together here: {queue:?}");
    assert!(!queue.contains_key(&request(1).id));
    settled(&**repository, &created(&**repository, 99).await.id, failed(second(9)), EventKind::Failed).await;
    assert_eq!(repository.queue().await.unwrap(), queue, "a FAILED store does not wait");
}
