//! What anybody reads: lists, the queue, the audit trail, the installation.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{admitted, claimed, created, deleted, failed, ready, request, second, settled};
use crate::lifecycle::{EventKind, Status, Store};
use crate::ports::{Admission, Claimed, ListQuery, NewStore, RepositoryError, StoreRepository, WakeUp};
use crate::store::{Engine, StoreId, StoreName};

type Repository = Arc<dyn StoreRepository>;

/// An empty repository answers everything.
pub async fn nothing_is_there_at_first(repository: Repository) {
    assert_eq!(repository.get(&request(1).id).await.unwrap(), None);
    assert_eq!(repository.find_by_name(&request(1).name).await.unwrap(), None);
    let page = repository.list(&ListQuery::default()).await.unwrap();
    assert_eq!((page.items, page.next), (vec![], None));
    assert_eq!(repository.queue().await.unwrap(), BTreeMap::new());
    assert_eq!(repository.changes(0, 10).await.unwrap(), []);
    assert_eq!(repository.positions().await.unwrap(), (0, 0));
    assert_eq!(repository.installation().await.unwrap().cluster_uid, None);
}

/// The first cluster is the one; every call says which that is.
pub async fn a_cluster_is_bound_once(repository: Repository) {
    let before = repository.installation().await.unwrap();
    let bound = repository.bind_cluster("first").await.unwrap();
    assert_eq!((bound.id, bound.cluster_uid.as_deref()), (before.id, Some("first")));
    assert_eq!(repository.bind_cluster("second").await.unwrap(), bound);
    assert_eq!(repository.installation().await.unwrap(), bound);
}

/// Pages hold every store once, oldest first; those of one instant in the order of their ids.
pub async fn a_list_comes_in_pages(repository: Repository) {
    for number in [5, 3, 1, 4, 2, 0] {
        let at = second(number / 3);
        repository.create(NewStore { at, ..request(number) }).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut query = ListQuery { limit: 4, ..ListQuery::default() };
    loop {
        let page = repository.list(&query).await.unwrap();
        assert!(page.items.len() <= 4);
        seen.extend(ids(&page.items));
        query.after = page.next;
        if query.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..6).map(|number| request(number).id).collect::<Vec<_>>());
    let everything = repository.list(&ListQuery::default()).await.unwrap();
    assert_eq!((ids(&everything.items), everything.next), (seen, None));
}

/// Stores that come or go between two pages move nobody else.
pub async fn pages_are_stable(repository: Repository) {
    for number in 1..=4 {
        created(&*repository, 10 * number).await;
    }
    let query = ListQuery { limit: 2, ..ListQuery::default() };
    let first = repository.list(&query).await.unwrap();
    created(&*repository, 5).await;
    created(&*repository, 35).await;
    settled(&*repository, &request(20).id, deleted(second(50)), EventKind::Deleted).await;

    let rest = ListQuery { after: first.next, limit: 10, ..query };
    let rest = repository.list(&rest).await.unwrap();
    assert_eq!(ids(&rest.items), [30, 35, 40].map(|number| request(number).id));
}

/// Statuses are those that users see: derived from intent and progress.
pub async fn a_list_is_filtered(repository: Repository) {
    for number in 1..=6 {
        created(&*repository, number).await;
    }
    settled(&*repository, &request(2).id, ready(second(9)), EventKind::Ready).await;
    settled(&*repository, &request(3).id, failed(second(9)), EventKind::Failed).await;
    settled(&*repository, &request(4).id, failed(second(9)), EventKind::Failed).await;
    repository.request_retry(&request(4).id, None, None, second(9)).await.unwrap();
    settled(&*repository, &request(5).id, deleted(second(9)), EventKind::Deleted).await;
    settled(&*repository, &request(6).id, ready(second(9)), EventKind::Ready).await;
    repository.request_deletion(&request(6).id, None, second(9)).await.unwrap();

    assert_lists(&repository, &ListQuery::default(), &[1, 2, 3, 4, 6]).await;
    let cases: [(&[Status], &[i64]); 7] = [
        (&[Status::Provisioning], &[1, 4]),
        (&[Status::Ready], &[2]),
        (&[Status::Failed], &[3]),
        (&[Status::Deleting], &[6]),
        (&[Status::Deleted], &[5]),
        (&[Status::Failed, Status::Deleted], &[3, 5]),
        (&Status::ALL, &[1, 2, 3, 4, 5, 6]),
    ];
    for (statuses, expected) in cases {
        assert_lists(&repository, &ListQuery { statuses: statuses.to_vec(), ..ListQuery::default() }, expected).await;
    }
    let named = |name: StoreName| ListQuery { name: Some(name), engine: Some(Engine::Medusa), ..ListQuery::default() };
    assert_lists(&repository, &named(request(2).name), &[2]).await;
    assert_lists(&repository, &named(request(5).name), &[]).await;
    let tombstones = ListQuery { statuses: vec![Status::Deleted], ..named(request(5).name) };
    assert_lists(&repository, &tombstones, &[5]).await;
    let another = NewStore { engine: Engine::Woocommerce, ..request(7) };
    repository.create(another).await.unwrap();
    let of = |engine| ListQuery { engine: Some(engine), ..ListQuery::default() };
    assert_lists(&repository, &of(Engine::Woocommerce), &[7]).await;
    assert_lists(&repository, &of(Engine::Medusa), &[1, 2, 3, 4, 6]).await;
}

/// A page that holds exactly the last stores is the last.
pub async fn a_full_last_page_has_no_next(repository: Repository) {
    created(&*repository, 1).await;
    created(&*repository, 2).await;
    let page = repository.list(&ListQuery { limit: 2, ..ListQuery::default() }).await.unwrap();
    assert_eq!((page.items.len(), page.next), (2, None));
}

/// A cursor that is not ours is an error of its own, not an empty page.
pub async fn a_wrong_cursor_is_refused(repository: Repository) {
    created(&*repository, 1).await;
    for cursor in ["", "2", "'; drop table stores; --", "é"] {
        let query = ListQuery { after: Some(cursor.to_owned()), ..ListQuery::default() };
        let answer = repository.list(&query).await;
        assert!(matches!(answer, Err(RepositoryError::BadCursor)), "{cursor:?}: {answer:?}");
    }
}

/// Those who wait for a place have numbers, the oldest the first; a store that is tried again waits as well.
pub async fn the_queue_has_an_order(repository: Repository) {
    for number in [3, 1, 2, 4, 5] {
        created(&*repository, number).await;
    }
    settled(&*repository, &request(1).id, failed(second(9)), EventKind::Failed).await;
    let Claimed { claim, .. } = claimed(&*repository, &request(2).id).await;
    assert!(repository.admit(&claim, Admission::InOrder { places: 1 }).await.unwrap());
    super::reached(&*repository, &claim, 1, admitted(1), EventKind::GateMet).await;
    repository.release(&claim, 1, WakeUp::OnIntent).await.unwrap();
    repository.request_deletion(&request(4).id, None, second(9)).await.unwrap();
    assert_eq!(repository.queue().await.unwrap(), places(&[3, 5]));

    repository.request_retry(&request(1).id, None, None, second(9)).await.unwrap();
    assert_eq!(repository.queue().await.unwrap(), places(&[1, 3, 5]));
}

/// Everybody's events come in commit order, each store's own in the same, and positions never repeat.
pub async fn events_come_in_order(repository: Repository) {
    let one = created(&*repository, 1).await;
    let two = created(&*repository, 2).await;
    repository.request_deletion(&one.id, None, second(3)).await.unwrap();
    settled(&*repository, &two.id, ready(second(4)), EventKind::Ready).await;

    let all = repository.changes(0, 10).await.unwrap();
    let kinds: Vec<_> = all.iter().map(|event| (&event.store_id, event.kind)).collect();
    let expected = [
        (&one.id, EventKind::Created),
        (&two.id, EventKind::Created),
        (&one.id, EventKind::DeletionRequested),
        (&two.id, EventKind::Ready),
    ];
    assert_eq!(kinds, expected);
    assert!(all.is_sorted_by(|earlier, later| earlier.position < later.position));
    assert_eq!(repository.positions().await.unwrap(), (all[3].position, all[0].position));

    let mine = repository.events(&two.id, 0, 10).await.unwrap();
    assert_eq!(mine, [all[1].clone(), all[3].clone()]);
    assert_eq!(repository.events(&request(9).id, 0, 10).await.unwrap(), []);
}

/// Events continue after a position, a limited number at a time.
pub async fn events_come_in_portions(repository: Repository) {
    for number in 1..=5 {
        created(&*repository, number).await;
    }
    let all = repository.changes(0, 10).await.unwrap();
    let portion = repository.changes(all[1].position, 2).await.unwrap();
    assert_eq!(portion, all[2..4]);
    assert_eq!(repository.changes(all[4].position, 2).await.unwrap(), []);

    let store = request(1).id;
    repository.request_deletion(&store, None, second(9)).await.unwrap();
    let [first] = repository.events(&store, 0, 1).await.unwrap().try_into().unwrap();
    let [next] = repository.events(&store, first.position, 9).await.unwrap().try_into().unwrap();
    assert_eq!((first.kind, next.kind), (EventKind::Created, EventKind::DeletionRequested));
}

fn ids(stores: &[Store]) -> Vec<StoreId> {
    stores.iter().map(|store| store.id.clone()).collect()
}

fn places(numbers: &[i64]) -> BTreeMap<StoreId, usize> {
    numbers.iter().map(|&number| request(number).id).zip(1..).collect()
}

async fn assert_lists(repository: &Repository, query: &ListQuery, numbers: &[i64]) {
    let page = repository.list(query).await.unwrap();
    let expected: Vec<_> = numbers.iter().map(|&number| request(number).id).collect();
    assert_eq!(ids(&page.items), expected, "{query:?}");
}
