//! What every `StoreRepository` must do, as checks that run against any of them.
//!
//! [`repository_contract!`](crate::repository_contract) makes a test of each. A repository comes fresh and empty, and
//! its leases run in real time: the checks wait for what they need, up to [`PATIENCE`].

#![expect(clippy::unwrap_used, reason = "checks: a panic is their answer")]

pub mod claims;
pub mod intent;
pub mod progress;
pub mod reads;

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::lifecycle::{EventKind, Failure, FailureCode, Gate, Gates, Progress, Provisioning, Store, TeardownEvidence};
use crate::ports::{
    Claim, ClaimRequest, Claimable, Claimed, EventDraft, IdempotencyKey, NewStore, ProgressUpdate, Recorded,
    StoreRepository, WakeUp,
};
use crate::store::{AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, SealedPassword, StoreId, StoreName};

/// How long a check waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A lease that does not end during a check.
const LONG: Duration = Duration::from_mins(10);

/// A lease that ends at once.
const SHORT: Duration = Duration::from_millis(20);

/// Makes a test of each check. `$make` is an async function without arguments that returns an
/// `Arc<dyn StoreRepository>` and a guard that is kept until the check is over. Attributes before it are put on each test.
#[macro_export]
macro_rules! repository_contract {
    ($(#[$attribute:meta])* $make:path) => {
        $crate::repository_contract!(@tests [$(#[$attribute])*] $make, claims:
            a_due_store_is_claimed_once, the_oldest_due_come_first, claimants_never_share_a_store,
            an_ended_lease_is_taken_over, a_lost_claim_writes_nothing, a_released_claim_writes_nothing,
            a_renewed_lease_holds, a_renewal_tells_the_generation, a_released_store_sleeps_until_it_is_due,
            a_store_sleeps_until_its_intent_changes, a_newer_intent_keeps_a_store_due,
            named_stores_are_claimed_due_or_not, the_next_due_time_is_known, an_action_in_flight_is_handed_on,
            an_action_of_an_old_decision_does_not_begin);
        $crate::repository_contract!(@tests [$(#[$attribute])*] $make, intent:
            a_new_store_is_remembered, times_are_kept_in_microseconds, a_name_belongs_to_one_store,
            one_of_many_creates_wins, a_deleted_store_frees_its_name, a_repeated_request_is_replayed,
            repeated_requests_at_once_make_one_store, a_key_is_for_one_request, a_key_is_forgotten_after_a_day,
            a_refused_request_uses_no_key, a_deletion_is_wanted_at_once, a_deletion_may_be_repeated,
            a_retry_is_for_failed_stores, a_retry_brings_a_new_password, an_intent_may_name_the_version_it_saw,
            an_intent_needs_a_store, a_protected_store_is_not_deleted, protection_disturbs_nobody,
            what_is_going_cannot_be_protected);
        $crate::repository_contract!(@tests [$(#[$attribute])*] $make, progress:
            progress_is_recorded_with_its_events, unseen_progress_keeps_the_version,
            progress_of_an_old_decision_is_stale, details_are_added_up, ready_and_deleted_have_their_times,
            a_password_is_erased, places_are_limited,
            a_place_is_given_out_of_turn, the_oldest_is_admitted_first, a_place_is_given_back,
            a_deleted_store_does_not_wait, a_place_survives_its_owner, admissions_at_once_keep_the_limit);
        $crate::repository_contract!(@tests [$(#[$attribute])*] $make, reads:
            nothing_is_there_at_first, a_cluster_is_bound_once, a_list_comes_in_pages, pages_are_stable,
            a_list_is_filtered, a_full_last_page_has_no_next, a_wrong_cursor_is_refused, the_queue_has_an_order,
            events_come_in_order, events_come_in_portions);
    };
    (@tests $attributes:tt $make:path, $group:ident: $($check:ident),+) => {
        mod $group {
            use super::*;
            $($crate::repository_contract!(@test $attributes $make, $group, $check);)+
        }
    };
    (@test [$($attribute:tt)*] $make:path, $group:ident, $check:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $($attribute)*
        async fn $check() {
            let (repository, _guard) = $make().await;
            $crate::testing::repository_contract::$group::$check(repository).await;
        }
    };
}

/// The time at which checks begin: long ago, to show that no repository takes it for the database's own time.
fn morning() -> Timestamp {
    "2024-03-01T08:00:00Z".parse().unwrap()
}

/// `count` seconds after the morning began.
fn second(count: i64) -> Timestamp {
    morning() + jiff::SignedDuration::from_secs(count)
}

/// A request for the store with this number, made at that second.
fn request(number: i64) -> NewStore {
    let name = StoreName::parse(&format!("shop-{number:03}")).unwrap();
    let template = PublicUrlTemplate::parse("http://{name}.localhost:8080").unwrap();
    NewStore {
        id: StoreId::parse(&format!("s{number:09}")).unwrap(),
        address: template.address(&name, Engine::Medusa),
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("owner").unwrap(),
        admin_email: AdminEmail::parse("owner@example.com").unwrap(),
        password: sealed(number),
        idempotency: None,
        at: second(number),
    }
}

/// A request that may be repeated under `key`.
fn keyed(number: i64, key: &str, fingerprint: &str) -> NewStore {
    let idempotency = Some(IdempotencyKey { key: key.to_owned(), fingerprint: fingerprint.to_owned() });
    NewStore { idempotency, ..request(number) }
}

fn sealed(number: i64) -> SealedPassword {
    SealedPassword { key_id: "0011223344556677".to_owned(), sealed: format!("sealed password {number}").into_bytes() }
}

/// Creates the store with this number.
async fn created(repository: &dyn StoreRepository, number: i64) -> Store {
    repository.create(request(number)).await.unwrap().into_store()
}

fn claim_request(owner: &str, lease: Duration, only: Option<&StoreId>) -> ClaimRequest {
    ClaimRequest {
        owner: owner.to_owned(),
        lease,
        limit: 100,
        which: only.map_or(Claimable::Due, |id| Claimable::These(vec![id.clone()])),
    }
}

/// Claims every store that is due, for long.
async fn claim_due(repository: &dyn StoreRepository, owner: &str) -> Vec<Claimed> {
    repository.claim_due(&claim_request(owner, LONG, None)).await.unwrap()
}

/// Claims this store, due or not, for long.
async fn claimed(repository: &dyn StoreRepository, id: &StoreId) -> Claimed {
    let mut claimed = repository.claim_due(&claim_request("worker", LONG, Some(id))).await.unwrap();
    claimed.pop().expect("nobody else holds the store")
}

/// Claims this store for another owner as soon as its lease has ended.
async fn taken_over(repository: &dyn StoreRepository, id: &StoreId) -> Claimed {
    until(|| async {
        let due = repository.claim_due(&claim_request("successor", LONG, None)).await.unwrap();
        due.into_iter().find(|claimed| claimed.store.id == *id)
    })
    .await
}

/// Asks again and again until there is an answer, with a short rest between.
async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Progress with one event.
fn update(progress: Progress, kind: EventKind, at: Timestamp) -> ProgressUpdate {
    ProgressUpdate {
        progress,
        gates: Gates::begin(Engine::Medusa, at),
        details: std::collections::BTreeMap::new(),
        erase_password: false,
        events: vec![EventDraft::new(kind, format!("It is {kind}"))],
        at,
    }
}

fn admitted(attempt: u32) -> Progress {
    Progress::Provisioning(Provisioning { admitted: true, ..Provisioning::begin(attempt) })
}

fn ready(at: Timestamp) -> Progress {
    Progress::Provisioning(Provisioning::begin(1)).become_ready(1, at).unwrap()
}

fn failed(at: Timestamp) -> Progress {
    let failure = Failure::new(FailureCode::TimedOut, "Provisioning timed out", "Try again");
    Progress::Provisioning(Provisioning::begin(1)).fail(failure, at).unwrap()
}

fn deleted(at: Timestamp) -> Progress {
    let deleting = ready(at).begin_teardown(TeardownEvidence::default(), at).unwrap();
    deleting.finish_teardown(at).unwrap()
}

/// Writes this progress under the claim, at the generation that the store has.
async fn reached(
    repository: &dyn StoreRepository,
    claim: &Claim,
    generation: u64,
    progress: Progress,
    kind: EventKind,
) -> Store {
    match repository.record(claim, generation, &update(progress, kind, second(500))).await.unwrap() {
        Recorded::Written(store) => store,
        Recorded::Stale => panic!("the claim is held and the generation is this one"),
    }
}

/// Claims a store, brings it to this progress, and lets it sleep until its intent changes.
async fn settled(repository: &dyn StoreRepository, id: &StoreId, progress: Progress, kind: EventKind) -> Store {
    let Claimed { claim, store, .. } = claimed(repository, id).await;
    let generation = store.intent.generation;
    let store = reached(repository, &claim, generation, progress, kind).await;
    repository.release(&claim, generation, WakeUp::OnIntent).await.unwrap();
    store
}

/// Gates of which the first `met` are met.
fn gates(met: usize) -> Gates {
    let mut gates = Gates::begin(Engine::Medusa, morning());
    let newly_met = gates.advance(met, second(1));
    assert!(newly_met.len() == met && Gate::of(Engine::Medusa).len() > met);
    gates
}
