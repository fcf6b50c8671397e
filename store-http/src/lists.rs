//! Pages of stores, made once for all who ask before anything on them has changed.
//!
//! A page holds what was written, and its position says how far: it is only given again while nothing was written since
//! that could be seen on it. It also holds how the cluster was last seen, of which no position tells: so it is made anew
//! when the condition of a READY store is another one, and after a moment where stores are on their way, while those who
//! ask still get the one before, which is a second old at most.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use store_core::StoreService;
use store_core::lifecycle::{Event, EventKind, Position, Status};
use store_core::ports::ListQuery;
use store_core::service::{ServiceError, StoreList};
use tokio::sync::OwnedMutexGuard;
use tokio::time::{Instant, timeout};

use crate::conditions::Conditions;

/// What the cluster showed of stores on their way is looked at again after this long.
const FRESH_FOR: Duration = Duration::from_millis(200);
/// A page may be this old, and that old where it has only stores of whose changes we would have been told.
const KEPT_FOR: Duration = Duration::from_secs(1);
const SETTLED_KEPT_FOR: Duration = Duration::from_secs(10);
/// From this age on the latter is made anew while those who ask still get it, so that nobody waits for it.
const SETTLED_FRESH_FOR: Duration = Duration::from_secs(5);
/// Whoever waits longer than this for another one's page makes its own, so that failures do not queue up.
const WAITS_FOR: Duration = Duration::from_secs(1);
/// A page of 1,000 stores has a megabyte and a half, and who reads 10,000 of them reads ten.
const PAGES_MAX: usize = 12;
/// More changes than this are not looked through: the page is made anew.
const CHANGES_MAX: usize = 64;

/// The pages that were asked for last, the last one at the end. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Lists(Arc<Mutex<Places>>);

/// By their queries.
type Places = VecDeque<(String, Arc<Place>)>;

/// Where the page of one query is kept.
#[derive(Default)]
struct Place {
    made: Mutex<Option<Made>>,
    /// Whoever holds it makes the page.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Clone)]
struct Made {
    /// Nothing on the page has changed up to here.
    position: Position,
    /// What had been told of READY stores.
    told: u64,
    at: Instant,
    body: Bytes,
    shown: Arc<Shown>,
}

/// What decides whether a change is seen on a page.
struct Shown {
    stores: HashSet<String>,
    /// None of them is on its way.
    is_settled: bool,
    /// Of a page that stores can only leave or come to behind what was created last: when that was.
    closed_by: Option<jiff::Timestamp>,
}

impl Lists {
    /// A page of stores as JSON.
    pub(crate) async fn page(
        &self,
        service: &StoreService,
        conditions: &Conditions,
        query: &ListQuery,
    ) -> Result<Bytes, ServiceError> {
        // Cheap to make, and each asked for once: whether a name is taken.
        if query.name.is_some() {
            return Ok(json(&service.list(query).await?));
        }
        let place = self.place(format!("{query:?}"));
        let told = conditions.told();
        if let Some(made) = place.current(service, told).await? {
            if !made.is_fresh(told)
                && let Ok(turn) = Arc::clone(&place.turn).try_lock_owned()
            {
                let (place, service, query) = (Arc::clone(&place), service.clone(), query.clone());
                tokio::spawn(async move { place.make(&service, &query, told, Some(turn)).await });
            }
            return Ok(made.body);
        }
        let turn = timeout(WAITS_FOR, Arc::clone(&place.turn).lock_owned()).await.ok();
        // The one before may have made it meanwhile.
        match place.current(service, told).await? {
            Some(made) => Ok(made.body),
            None => place.make(service, query, told, turn).await,
        }
    }

    fn place(&self, query: String) -> Arc<Place> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = places.iter().position(|(known, _)| *known == query).and_then(|at| places.remove(at));
        let (query, place) = known.unwrap_or_else(|| (query, Arc::default()));
        if places.len() == PAGES_MAX {
            places.pop_front();
        }
        places.push_back((query, Arc::clone(&place)));
        place
    }
}

impl Place {
    /// The page, unless it is old or something on it has changed.
    async fn current(&self, service: &StoreService, told: u64) -> Result<Option<Made>, ServiceError> {
        let Some(mut made) = self.kept().filter(|made| made.is_young(told)) else { return Ok(None) };
        let (position, _) = service.positions().await?;
        if position != made.position {
            let changes = service.changes(made.position, CHANGES_MAX).await?;
            if changes.len() == CHANGES_MAX || changes.iter().any(|change| made.shown.shows(change)) {
                return Ok(None);
            }
            made.position = changes.last().map_or(made.position, |change| change.position);
            self.keep(&made);
        }
        Ok(Some(made))
    }

    async fn make(
        &self,
        service: &StoreService,
        query: &ListQuery,
        told: u64,
        _turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Bytes, ServiceError> {
        let at = Instant::now();
        let list = service.list(query).await?;
        let body = json(&list);
        // What was written meanwhile may be in it or not; its own position says no more than it has for certain.
        let shown = Arc::new(Shown::new(&list, query));
        self.keep(&Made { position: list.position, told, at, body: body.clone(), shown });
        Ok(body)
    }

    fn kept(&self) -> Option<Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the newer of two.
    fn keep(&self, made: &Made) {
        let mut kept = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| (kept.at, kept.position) < (made.at, made.position)) {
            *kept = Some(made.clone());
        }
    }
}

fn json(list: &StoreList) -> Bytes {
    #[expect(clippy::expect_used, reason = "a document has no keys but texts, and nothing that fails")]
    serde_json::to_vec(list).expect("a list becomes JSON").into()
}

impl Made {
    fn is_young(&self, told: u64) -> bool {
        let nothing_changes_it = self.shown.is_settled && self.told == told;
        self.at.elapsed() < if nothing_changes_it { SETTLED_KEPT_FOR } else { KEPT_FOR }
    }

    fn is_fresh(&self, told: u64) -> bool {
        self.told == told && self.at.elapsed() < if self.shown.is_settled { SETTLED_FRESH_FOR } else { FRESH_FOR }
    }
}

impl Shown {
    fn new(list: &StoreList, query: &ListQuery) -> Self {
        let is_every_store = query.statuses.is_empty() && query.engine.is_none() && query.name.is_none();
        // A place in the queue depends on stores of the pages before.
        let none_waits = list.stores.iter().all(|store| store.queue_position.is_none());
        let is_closed = is_every_store && none_waits && list.next_page_token.is_some();
        let closed_by = list.stores.last().filter(|_| is_closed).map(|store| store.created_at);
        let on_their_way = [Status::Provisioning, Status::Deleting];
        let is_settled = !list.stores.iter().any(|store| on_their_way.contains(&store.status));
        Self { stores: list.stores.iter().map(|store| store.id.clone()).collect(), is_settled, closed_by }
    }

    /// Whether the page would be another one after this event.
    fn shows(&self, event: &Event) -> bool {
        let Some(closed_by) = self.closed_by else { return true };
        // Clocks of several servers may be apart, and a store created later may have the earlier time.
        let comes = event.kind == EventKind::Created && event.at <= closed_by;
        comes || self.stores.contains(event.store_id.as_str())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use store_core::store::StoreId;

    use super::*;

    #[test]
    fn the_pages_that_were_asked_for_last_are_kept() {
        let lists = Lists::default();
        let (often, once) = (lists.place("often".to_owned()), lists.place("once".to_owned()));
        for number in 0..100 {
            lists.place(number.to_string());
            assert!(Arc::ptr_eq(&often, &lists.place("often".to_owned())), "asked for all the time");
        }
        assert!(!Arc::ptr_eq(&once, &lists.place("once".to_owned())));
        assert_eq!(lists.0.lock().expect("a lock").len(), PAGES_MAX);
    }

    #[rstest]
    #[case::of_a_store_on_it("s1", EventKind::GateMet, 50, true)]
    #[case::of_another_store("s2", EventKind::GateMet, 50, false)]
    #[case::of_a_new_store("s2", EventKind::Created, 50, false)]
    #[case::of_a_new_store_by_a_slow_clock("s2", EventKind::Created, 5, true)]
    fn a_full_page_of_every_store_shows_few_changes(
        #[case] store: &str,
        #[case] kind: EventKind,
        #[case] at: i64,
        #[case] shows: bool,
    ) {
        let time = |second| jiff::Timestamp::from_second(second).unwrap();
        let event = Event {
            position: 7,
            store_id: StoreId::parse(&store.repeat(5)).unwrap(),
            kind,
            status: Status::Ready,
            step: None,
            message: String::new(),
            at: time(at),
        };
        let stores = HashSet::from(["s1".repeat(5)]);
        let page = |closed_by| Shown { stores: stores.clone(), is_settled: true, closed_by };
        assert_eq!(page(Some(time(10))).shows(&event), shows);
        assert!(page(None).shows(&event), "any other page may show anything");
    }

    /// Whoever finds it no longer fresh has it made anew, and does not wait.
    #[tokio::test(start_paused = true)]
    async fn a_page_stops_being_fresh_before_it_is_too_old() {
        for (is_settled, at_ms) in [(true, [0, 6_000, 10_000]), (false, [0, 500, 1_000])] {
            let shown = Arc::new(Shown { stores: HashSet::new(), is_settled, closed_by: None });
            let made = Made { position: 1, told: 0, at: Instant::now(), body: Bytes::new(), shown };
            let mut seen = Vec::new();
            for after in at_ms.map(Duration::from_millis) {
                tokio::time::sleep_until(made.at + after).await;
                seen.push((made.is_fresh(0), made.is_young(0)));
            }
            assert_eq!(seen, [(true, true), (false, true), (false, false)], "settled: {is_settled}");
        }
    }
}
