//! Leases: who may work on a store, until when, and what a successor learns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{
    LONG, SHORT, claim_due, claim_request, claimed, created, ready, request, second, settled, taken_over, until, update,
};
use crate::lifecycle::{EventKind, Status};
use crate::ports::{
    ActionInFlight, ActionKind, Admission, Claim, ClaimRequest, Claimable, Claimed, CutOff, Recorded, Renewal,
    StoreRepository, WakeUp,
};

type Repository = Arc<dyn StoreRepository>;

/// A new store is due at once, and nobody else gets it while it is held.
pub async fn a_due_store_is_claimed_once(repository: Repository) {
    let store = created(&*repository, 1).await;
    let claims = claim_due(&*repository, "one").await;
    let [Claimed { claim, store: seen, in_flight: None, .. }] = claims.as_slice() else { panic!("{claims:?}") };
    assert_eq!(seen, &store);
    assert_eq!(claim, &Claim { store: store.id.clone(), owner: "one".to_owned(), epoch: 1 });

    assert_eq!(claim_due(&*repository, "two").await, []);
    assert_eq!(claim_due(&*repository, "one").await, [], "not even by its owner");
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store), "claims change nothing that anybody sees");
}

/// Those who wait longest are claimed first, and no more than asked for.
pub async fn the_oldest_due_come_first(repository: Repository) {
    for number in [3, 1, 2] {
        created(&*repository, number).await;
    }
    let two = ClaimRequest { limit: 2, ..claim_request("worker", LONG, None) };
    let first: BTreeSet<_> = repository.claim_due(&two).await.unwrap().into_iter().map(|c| c.store.id).collect();
    assert_eq!(first.len(), 2);
    assert!(first.contains(&request(3).id), "it came first: {first:?}");
    assert_eq!(claim_due(&*repository, "worker").await.len(), 1);
    let none = ClaimRequest { limit: 0, ..two };
    assert_eq!(repository.claim_due(&none).await.unwrap(), []);
}

/// Many who claim at once get different stores.
pub async fn claimants_never_share_a_store(repository: Repository) {
    for number in 0..12 {
        created(&*repository, number).await;
    }
    let claimants = (0..8).map(|owner| {
        let repository = Arc::clone(&repository);
        let three = ClaimRequest { limit: 3, ..claim_request(&format!("owner {owner}"), LONG, None) };
        tokio::spawn(async move { repository.claim_due(&three).await.unwrap() })
    });
    let claims: Vec<_> = futures::future::join_all(claimants).await.into_iter().flat_map(Result::unwrap).collect();
    let stores: BTreeSet<_> = claims.iter().map(|claimed| claimed.store.id.clone()).collect();
    assert_eq!((claims.len(), stores.len()), (12, 12));
}

/// When an owner is gone its store is due again, although nobody released it, and the epoch tells the two apart.
pub async fn an_ended_lease_is_taken_over(repository: Repository) {
    let store = created(&*repository, 1).await;
    let [first] = repository.claim_due(&claim_request("gone", SHORT, None)).await.unwrap().try_into().unwrap();
    let next = taken_over(&*repository, &store.id).await;
    assert_eq!((next.claim.owner.as_str(), next.claim.epoch), ("successor", first.claim.epoch + 1));
}

/// Whoever lost a claim changes nothing any more.
pub async fn a_lost_claim_writes_nothing(repository: Repository) {
    let store = created(&*repository, 1).await;
    let [first] = repository.claim_due(&claim_request("slow", SHORT, None)).await.unwrap().try_into().unwrap();
    let next = taken_over(&*repository, &store.id).await;
    assert!(repository.begin_action(&next.claim, 1, &action(2)).await.unwrap());

    assert_powerless(&repository, &first.claim).await;
    assert_eq!(repository.renew(&next.claim, LONG).await.unwrap(), Renewal::Held { generation: 1 });
    assert_eq!(claim_due(&*repository, "third").await, [], "a lost claim's release frees nothing");
    repository.release(&next.claim, 1, WakeUp::After(Duration::ZERO)).await.unwrap();
    assert_eq!(claimed(&*repository, &store.id).await.in_flight.map(|cut_off| cut_off.action), Some(action(2)));
}

/// A claim that was given back is lost.
pub async fn a_released_claim_writes_nothing(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    repository.release(&claim, 1, WakeUp::OnIntent).await.unwrap();
    assert_powerless(&repository, &claim).await;
    assert_eq!(repository.next_due().await.unwrap(), None);
}

/// A lease that is renewed does not end when the first one would have.
pub async fn a_renewed_lease_holds(repository: Repository) {
    let store = created(&*repository, 1).await;
    let only = claim_request("owner", SHORT, Some(&store.id));
    let [first] = repository.claim_due(&only).await.unwrap().try_into().unwrap();
    assert_eq!(repository.renew(&first.claim, LONG).await.unwrap(), Renewal::Held { generation: 1 });

    // Another store's equally short lease, taken later, ends: so the first one's would have.
    let other = created(&*repository, 2).await;
    repository.claim_due(&claim_request("gone", SHORT, Some(&other.id))).await.unwrap();
    let due = until(|| async { Some(claim_due(&*repository, "successor").await).filter(|due| !due.is_empty()) }).await;
    assert_eq!(due.iter().map(|claimed| &claimed.store.id).collect::<Vec<_>>(), [&other.id]);
}

/// The owner of a lease learns with its renewal that something else is wanted.
pub async fn a_renewal_tells_the_generation(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    assert_eq!(repository.renew(&claim, LONG).await.unwrap(), Renewal::Held { generation: 1 });
    repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    assert_eq!(repository.renew(&claim, LONG).await.unwrap(), Renewal::Held { generation: 2 });
}

/// A store is due again after the time that its owner named, in the repository's time.
pub async fn a_released_store_sleeps_until_it_is_due(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    repository.release(&claim, 1, WakeUp::After(LONG)).await.unwrap();
    assert_eq!(claim_due(&*repository, "worker").await, []);

    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    assert_eq!(claim.epoch, 2);
    repository.release(&claim, 1, WakeUp::After(SHORT)).await.unwrap();
    assert_eq!(taken_over(&*repository, &store.id).await.claim.epoch, 3);
}

/// A settled store costs nothing until somebody wants something else.
pub async fn a_store_sleeps_until_its_intent_changes(repository: Repository) {
    let store = created(&*repository, 1).await;
    settled(&*repository, &store.id, ready(second(2)), EventKind::Ready).await;
    assert_eq!(claim_due(&*repository, "worker").await, []);
    assert_eq!(repository.next_due().await.unwrap(), None);

    repository.request_deletion(&store.id, None, second(3)).await.unwrap();
    assert_eq!(repository.next_due().await.unwrap(), Some(Duration::ZERO));
    let [Claimed { store, .. }] = claim_due(&*repository, "worker").await.try_into().unwrap();
    assert_eq!(store.status(), Status::Deleting);
}

/// An intent that comes while a store is held is not slept through.
pub async fn a_newer_intent_keeps_a_store_due(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    assert_eq!(claim_due(&*repository, "another").await, [], "held is held");
    repository.release(&claim, 1, WakeUp::OnIntent).await.unwrap();

    let [Claimed { claim, store, .. }] = claim_due(&*repository, "another").await.try_into().unwrap();
    assert_eq!(store.intent.generation, 2);
    repository.release(&claim, 2, WakeUp::OnIntent).await.unwrap();
    assert_eq!(claim_due(&*repository, "another").await, []);
}

/// Stores that are named are claimed although they are not due, but not from somebody else.
pub async fn named_stores_are_claimed_due_or_not(repository: Repository) {
    let sleeping = created(&*repository, 1).await;
    settled(&*repository, &sleeping.id, ready(second(2)), EventKind::Ready).await;
    let due = created(&*repository, 2).await;
    assert_eq!(claimed(&*repository, &sleeping.id).await.store.id, sleeping.id);

    let both =
        ClaimRequest { which: Claimable::These(vec![sleeping.id, due.id.clone()]), ..claim_request("two", LONG, None) };
    let [got] = repository.claim_due(&both).await.unwrap().try_into().unwrap();
    assert_eq!(got.store.id, due.id);
    let nobody = ClaimRequest { which: Claimable::These(Vec::new()), ..both };
    assert_eq!(repository.claim_due(&nobody).await.unwrap(), []);
}

/// How long there is nothing to do: until a store is due, or until a lease ends that may not be renewed.
pub async fn the_next_due_time_is_known(repository: Repository) {
    assert_eq!(repository.next_due().await.unwrap(), None);
    let store = created(&*repository, 1).await;
    assert_eq!(repository.next_due().await.unwrap(), Some(Duration::ZERO));

    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    assert_about(LONG, repository.next_due().await.unwrap());
    repository.release(&claim, 1, WakeUp::After(2 * LONG)).await.unwrap();
    assert_about(2 * LONG, repository.next_due().await.unwrap());
    created(&*repository, 2).await;
    assert_eq!(repository.next_due().await.unwrap(), Some(Duration::ZERO));
}

/// Whoever takes a store over learns what its last owner may have left running, until that is recorded to be over.
pub async fn an_action_in_flight_is_handed_on(repository: Repository) {
    let store = created(&*repository, 1).await;
    let [first] = repository.claim_due(&claim_request("gone", SHORT, None)).await.unwrap().try_into().unwrap();
    assert!(repository.begin_action(&first.claim, 1, &action(1)).await.unwrap());

    let next = taken_over(&*repository, &store.id).await;
    let CutOff { action: cut_off, may_run_for } = next.in_flight.expect("an action in flight");
    assert_eq!(cut_off, action(1));
    assert_about(ActionKind::Install.hard_deadline(), Some(may_run_for));
    repository.end_action(&next.claim).await.unwrap();
    repository.release(&next.claim, 1, WakeUp::OnIntent).await.unwrap();
    assert_eq!(claimed(&*repository, &store.id).await.in_flight, None);
}

/// An action does not begin if what is wanted has changed since it was decided on.
pub async fn an_action_of_an_old_decision_does_not_begin(repository: Repository) {
    let store = created(&*repository, 1).await;
    let Claimed { claim, .. } = claimed(&*repository, &store.id).await;
    repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    assert!(!repository.begin_action(&claim, 1, &action(1)).await.unwrap());
    assert!(repository.begin_action(&claim, 2, &action(1)).await.unwrap());
}

fn action(epoch: u64) -> ActionInFlight {
    ActionInFlight {
        id: Uuid::from_u128(7),
        kind: ActionKind::Install,
        epoch,
        host: "host".to_owned(),
        boot_id: "boot".to_owned(),
    }
}

async fn assert_powerless(repository: &Repository, claim: &Claim) {
    let before = repository.get(&claim.store).await.unwrap().unwrap();
    assert_eq!(repository.renew(claim, LONG).await.unwrap(), Renewal::Lost);
    assert!(!repository.admit(claim, Admission::InOrder { places: 10 }).await.unwrap());
    assert!(!repository.begin_action(claim, 1, &action(1)).await.unwrap());
    let written = repository.record(claim, 1, &update(ready(second(9)), EventKind::Ready, second(9))).await.unwrap();
    assert_eq!(written, Recorded::Stale);
    repository.end_action(claim).await.unwrap();
    repository.release(claim, 1, WakeUp::After(Duration::ZERO)).await.unwrap();
    assert_eq!(repository.get(&claim.store).await.unwrap(), Some(before));
}

fn assert_about(expected: Duration, actual: Option<Duration>) {
    let actual = actual.expect("a store will be due");
    assert!(actual <= expected && actual + super::PATIENCE > expected, "{actual:?}, not about {expected:?}");
}
