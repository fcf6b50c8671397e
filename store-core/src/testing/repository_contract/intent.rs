//! What the service writes: new stores, and what is wanted of those there are.

use std::sync::Arc;

use jiff::Timestamp;

use super::{admitted, claimed, created, deleted, failed, keyed, ready, request, sealed, second, settled, update};
use crate::lifecycle::{Desired, EventKind, Gate, Status};
use crate::ports::{Created, NewStore, Recorded, RepositoryError, StoreRepository};
use crate::store::StoreId;

type Repository = Arc<dyn StoreRepository>;

/// A store can be read as it was answered, with its first event and its password.
pub async fn a_new_store_is_remembered(repository: Repository) {
    let Created::New(store) = repository.create(request(1)).await.unwrap() else { panic!("nothing is repeated") };
    assert_eq!(store.status(), Status::Provisioning);
    assert_eq!((store.version, store.intent.generation, store.intent.attempt), (1, 1, 1));
    assert_eq!((store.created_at, store.updated_at), (second(1), second(1)));
    assert_eq!((store.ready_at, store.deleted_at), (None, None));

    assert_eq!(repository.get(&store.id).await.unwrap().as_ref(), Some(&store));
    assert_eq!(repository.find_by_name(&store.name).await.unwrap().as_ref(), Some(&store));
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), Some(sealed(1)));
    let events = repository.events(&store.id, 0, 10).await.unwrap();
    let [event] = events.as_slice() else { panic!("one change, one event: {events:?}") };
    assert_eq!((event.kind, event.status, event.step), (EventKind::Created, Status::Provisioning, Some(Gate::Queued)));
    assert_eq!((event.at, &event.store_id), (second(1), &store.id));
}

/// A time with nanoseconds is the same in the answer and when it is read again.
pub async fn times_are_kept_in_microseconds(repository: Repository) {
    let at: Timestamp = "2024-03-01T08:00:00.123456789Z".parse().unwrap();
    let store = repository.create(NewStore { at, ..request(1) }).await.unwrap().into_store();
    assert_eq!(store.created_at, "2024-03-01T08:00:00.123456Z".parse().unwrap());
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));

    let store = repository.request_deletion(&store.id, None, at).await.unwrap();
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store));
}

/// Another store cannot take a name that is in use, and is told whose it is.
pub async fn a_name_belongs_to_one_store(repository: Repository) {
    let store = created(&*repository, 1).await;
    let rival = NewStore { id: request(2).id, ..request(1) };
    assert_taken(repository.create(rival.clone()).await, &store.id);
    assert_eq!(repository.get(&rival.id).await.unwrap(), None);
    assert_eq!(repository.changes(0, 10).await.unwrap().len(), 1, "a refused store leaves no event");
}

/// Of fifty that want one name at once, one gets it and all others are told whose it is.
pub async fn one_of_many_creates_wins(repository: Repository) {
    let rivals = (0..50).map(|number| NewStore { id: request(number).id, ..request(1) });
    let answers = futures::future::join_all(rivals.map(|rival| spawned(&repository, rival))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 49));
    let winner = won.into_iter().next().unwrap().unwrap().into_store();
    for answer in lost {
        assert_taken(answer, &winner.id);
    }
}

/// A name is free again once its store is DELETED, and not before.
pub async fn a_deleted_store_frees_its_name(repository: Repository) {
    let store = created(&*repository, 1).await;
    let next = NewStore { id: request(2).id, ..request(1) };
    repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    assert_taken(repository.create(next.clone()).await, &store.id);
    assert_eq!(repository.find_by_name(&store.name).await.unwrap().unwrap().id, store.id);

    settled(&*repository, &store.id, deleted(second(3)), EventKind::Deleted).await;
    assert_eq!(repository.find_by_name(&store.name).await.unwrap(), None);
    let next = repository.create(next).await.unwrap().into_store();
    assert_eq!(repository.find_by_name(&store.name).await.unwrap(), Some(next));
    assert_eq!(repository.get(&store.id).await.unwrap().unwrap().status(), Status::Deleted);
}

/// The same request under the same key answers with its store, as that is now.
pub async fn a_repeated_request_is_replayed(repository: Repository) {
    let store = repository.create(keyed(1, "key", "request")).await.unwrap().into_store();
    let now = settled(&*repository, &store.id, ready(second(2)), EventKind::Ready).await;
    let again = NewStore { id: request(2).id, ..keyed(1, "key", "request") };
    assert_eq!(repository.create(again).await.unwrap(), Created::Replayed(now));
    assert_eq!(repository.get(&request(2).id).await.unwrap(), None);
}

/// Of many equal requests at once, one makes the store and all others are answered with it.
pub async fn repeated_requests_at_once_make_one_store(repository: Repository) {
    let requests = (0..20).map(|number| NewStore { id: request(number).id, ..keyed(1, "key", "request") });
    let answers = futures::future::join_all(requests.map(|request| spawned(&repository, request))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Created::New(_))).count(), 1);
    let ids: std::collections::BTreeSet<_> = answers.into_iter().map(|answer| answer.into_store().id).collect();
    assert_eq!(ids.len(), 1);
}

/// A key that comes with another request is refused, and that request makes no store.
pub async fn a_key_is_for_one_request(repository: Repository) {
    created_with_key(&repository, 1).await;
    let answer = repository.create(keyed(2, "key", "another request")).await;
    assert!(matches!(answer, Err(RepositoryError::KeyReused)), "{answer:?}");
    assert_eq!(repository.get(&request(2).id).await.unwrap(), None);
    assert!(repository.create(keyed(2, "another key", "another request")).await.is_ok());
}

/// After 24 hours a key may be used for something else.
pub async fn a_key_is_forgotten_after_a_day(repository: Repository) {
    const DAY: i64 = 24 * 60 * 60;
    created_with_key(&repository, 1).await;
    let nearly = NewStore { at: second(DAY), ..keyed(2, "key", "another request") };
    assert!(matches!(repository.create(nearly.clone()).await, Err(RepositoryError::KeyReused)));
    let later = NewStore { at: second(DAY + 1), ..nearly };
    assert!(matches!(repository.create(later.clone()).await.unwrap(), Created::New(_)));
    assert!(matches!(repository.create(later).await.unwrap(), Created::Replayed(_)));
}

/// A request that was refused may be corrected under the same key.
pub async fn a_refused_request_uses_no_key(repository: Repository) {
    created(&*repository, 1).await;
    let refused = NewStore { id: request(2).id, ..keyed(1, "key", "request") };
    assert!(matches!(repository.create(refused).await, Err(RepositoryError::NameTaken { .. })));
    assert!(matches!(repository.create(keyed(2, "key", "corrected request")).await.unwrap(), Created::New(_)));
}

/// A store is DELETING as soon as that is wanted, and its password is gone.
pub async fn a_deletion_is_wanted_at_once(repository: Repository) {
    let before = created(&*repository, 1).await;
    let store = repository.request_deletion(&before.id, None, second(2)).await.unwrap();
    assert_eq!((store.status(), store.intent.desired), (Status::Deleting, Desired::Deleted));
    assert_eq!((store.version, store.intent.generation, store.intent.attempt), (2, 2, 1));
    assert_eq!((store.created_at, store.updated_at), (second(1), second(2)));
    assert_eq!(store.progress, before.progress);
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), None);

    let event = repository.events(&store.id, 1, 10).await.unwrap().pop().unwrap();
    assert_eq!((event.kind, event.status, event.step), (EventKind::DeletionRequested, Status::Deleting, None));
}

/// A repeated request changes nothing and succeeds, also with the version that the first one named.
pub async fn a_deletion_may_be_repeated(repository: Repository) {
    let before = created(&*repository, 1).await;
    let store = repository.request_deletion(&before.id, Some(1), second(2)).await.unwrap();
    assert_eq!(repository.request_deletion(&store.id, Some(1), second(3)).await.unwrap(), store);
    assert_eq!(repository.request_deletion(&store.id, None, second(3)).await.unwrap(), store);
    let gone = settled(&*repository, &store.id, deleted(second(4)), EventKind::Deleted).await;
    assert_eq!(repository.request_deletion(&store.id, None, second(5)).await.unwrap(), gone);
    assert_eq!(repository.events(&store.id, 0, 10).await.unwrap().len(), 3);
}

/// Only a FAILED store can be tried again, and only once at a time.
pub async fn a_retry_is_for_failed_stores(repository: Repository) {
    let store = created(&*repository, 1).await;
    assert_wrong_status(&repository, &store.id, Status::Provisioning).await;
    settled(&*repository, &store.id, failed(second(2)), EventKind::Failed).await;

    let store = repository.request_retry(&store.id, None, None, second(3)).await.unwrap();
    assert_eq!((store.status(), store.intent.attempt, store.intent.generation), (Status::Provisioning, 2, 2));
    assert_eq!((store.version, store.updated_at), (3, second(3)));
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));
    let event = repository.events(&store.id, 0, 10).await.unwrap().pop().unwrap();
    assert_eq!((event.kind, event.status), (EventKind::RetryRequested, Status::Provisioning));
    assert_eq!(event.step, Some(Gate::Queued));

    assert_wrong_status(&repository, &store.id, Status::Provisioning).await;
    repository.request_deletion(&store.id, None, second(4)).await.unwrap();
    assert_wrong_status(&repository, &store.id, Status::Deleting).await;
}

/// A retry keeps the password that there is, or brings one.
pub async fn a_retry_brings_a_new_password(repository: Repository) {
    let store = created(&*repository, 1).await;
    settled(&*repository, &store.id, failed(second(2)), EventKind::Failed).await;
    repository.request_retry(&store.id, None, None, second(3)).await.unwrap();
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), Some(sealed(1)));

    settled(&*repository, &store.id, second_failure(), EventKind::Failed).await;
    let store = repository.request_retry(&store.id, Some(sealed(2)), None, second(4)).await.unwrap();
    assert_eq!(store.intent.attempt, 3);
    assert_eq!(repository.sealed_password(&store.id).await.unwrap(), Some(sealed(2)));
}

/// An intent that names an older version is refused with the version that holds.
pub async fn an_intent_may_name_the_version_it_saw(repository: Repository) {
    let store = created(&*repository, 1).await;
    let store = settled(&*repository, &store.id, failed(second(2)), EventKind::Failed).await;
    assert_eq!(store.version, 2);
    let refused = repository.request_deletion(&store.id, Some(1), second(3)).await;
    assert!(matches!(refused, Err(RepositoryError::VersionMismatch { current: 2 })), "{refused:?}");
    let refused = repository.request_retry(&store.id, None, Some(3), second(3)).await;
    assert!(matches!(refused, Err(RepositoryError::VersionMismatch { current: 2 })), "{refused:?}");
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(store.clone()));

    assert!(repository.request_retry(&store.id, None, Some(2), second(3)).await.is_ok());
    assert!(repository.request_deletion(&store.id, Some(3), second(4)).await.is_ok());
}

/// Deletion of a protected store is refused until its protection is taken away; each change is one event.
pub async fn a_protected_store_is_not_deleted(repository: Repository) {
    let store = created(&*repository, 1).await;
    assert!(!store.intent.protected);
    let protected = repository.request_protection(&store.id, true, Some(1), second(2)).await.unwrap();
    assert!(protected.intent.protected);
    assert_eq!((protected.version, protected.updated_at), (2, second(2)));
    assert_eq!(repository.request_protection(&store.id, true, Some(1), second(3)).await.unwrap(), protected);
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(protected.clone()));

    let refused = repository.request_deletion(&store.id, None, second(4)).await;
    assert!(matches!(refused, Err(RepositoryError::Protected)), "{refused:?}");
    assert_eq!(repository.get(&store.id).await.unwrap(), Some(protected));
    let refused = repository.request_protection(&store.id, false, Some(1), second(4)).await;
    assert!(matches!(refused, Err(RepositoryError::VersionMismatch { current: 2 })), "{refused:?}");

    repository.request_protection(&store.id, false, None, second(5)).await.unwrap();
    assert_eq!(repository.request_deletion(&store.id, None, second(6)).await.unwrap().status(), Status::Deleting);
    let events = repository.events(&store.id, 0, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
    let expected = [EventKind::Created, EventKind::Protected, EventKind::Unprotected, EventKind::DeletionRequested];
    assert_eq!(kinds, expected);
}

/// Protection keeps the generation, so that a worker's decision holds; and the worker's write keeps the protection.
pub async fn protection_disturbs_nobody(repository: Repository) {
    let store = created(&*repository, 1).await;
    let claim = claimed(&*repository, &store.id).await.claim;
    let protected = repository.request_protection(&store.id, true, None, second(2)).await.unwrap();
    assert_eq!(protected.intent.generation, store.intent.generation);
    let update = update(admitted(1), EventKind::AttemptStarted, second(3));
    match repository.record(&claim, store.intent.generation, &update).await.unwrap() {
        Recorded::Written(store) => assert_eq!((store.intent.protected, store.version), (true, 3)),
        Recorded::Stale => panic!("the generation is the same"),
    }
}

/// What is on its way to nothing, or gone, is not protected any more; that it is not protected may be repeated.
pub async fn what_is_going_cannot_be_protected(repository: Repository) {
    let store = created(&*repository, 1).await;
    let store = repository.request_deletion(&store.id, None, second(2)).await.unwrap();
    let refused = repository.request_protection(&store.id, true, None, second(3)).await;
    assert!(matches!(refused, Err(RepositoryError::WrongStatus { status: Status::Deleting })), "{refused:?}");
    assert_eq!(repository.request_protection(&store.id, false, None, second(3)).await.unwrap(), store);
    let refused = repository.request_protection(&request(2).id, true, None, second(3)).await;
    assert!(matches!(refused, Err(RepositoryError::NotFound)), "{refused:?}");
}

/// Nothing can be wanted of a store that never was.
pub async fn an_intent_needs_a_store(repository: Repository) {
    let id = request(1).id;
    let answer = repository.request_deletion(&id, None, second(1)).await;
    assert!(matches!(answer, Err(RepositoryError::NotFound)), "{answer:?}");
    let answer = repository.request_retry(&id, Some(sealed(1)), None, second(1)).await;
    assert!(matches!(answer, Err(RepositoryError::NotFound)), "{answer:?}");
    assert_eq!(repository.sealed_password(&id).await.unwrap(), None);
}

fn second_failure() -> crate::lifecycle::Progress {
    let again = failed(second(2)).begin_attempt(2).unwrap();
    let failure = crate::lifecycle::Failure::new(crate::lifecycle::FailureCode::SetupFailed, "Again", "Look");
    again.fail(failure, second(3)).unwrap()
}

async fn created_with_key(repository: &Repository, number: i64) {
    repository.create(keyed(number, "key", "request")).await.unwrap();
}

async fn spawned(repository: &Repository, new: NewStore) -> Result<Created, RepositoryError> {
    let repository = Arc::clone(repository);
    tokio::spawn(async move { repository.create(new).await }).await.unwrap()
}

fn assert_taken(answer: Result<Created, RepositoryError>, by: &StoreId) {
    match answer {
        Err(RepositoryError::NameTaken { existing }) => assert_eq!(existing, *by),
        other => panic!("the name is taken, not {other:?}"),
    }
}

async fn assert_wrong_status(repository: &Repository, id: &StoreId, expected: Status) {
    match repository.request_retry(id, None, None, second(9)).await {
        Err(RepositoryError::WrongStatus { status }) => assert_eq!(status, expected),
        other => panic!("a store that is {expected} cannot be tried again, but: {other:?}"),
    }
}
