//! Pages of stores, made once for all who ask before anything has changed.
//!
//! A page holds what was written, and its position says how far; and how the cluster was last seen, of which no position
//! tells. So a page is only given again while nothing was written by anybody, and for a moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use store_core::StoreService;
use store_core::lifecycle::Position;
use store_core::ports::ListQuery;
use store_core::service::ServiceError;
use tokio::time::Instant;

/// What the cluster showed may be this old in a list.
const KEPT_FOR: Duration = Duration::from_millis(200);
/// A page of 1,000 stores has two or three megabytes.
const PAGES_MAX: usize = 4;

/// The pages that were made last. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Lists(Arc<Mutex<HashMap<String, Place>>>);

/// Whoever holds it makes the page; the others wait for it.
type Place = Arc<tokio::sync::Mutex<Option<Made>>>;

struct Made {
    position: Position,
    at: Instant,
    body: Bytes,
}

impl Lists {
    /// A page of stores as JSON.
    pub(crate) async fn page(&self, service: &StoreService, query: &ListQuery) -> Result<Bytes, ServiceError> {
        let place = self.place(format!("{query:?}"));
        let mut made = place.lock().await;
        let (position, _) = service.positions().await?;
        if let Some(made) = made.as_ref().filter(|made| made.position == position && made.at.elapsed() < KEPT_FOR) {
            return Ok(made.body.clone());
        }
        let at = Instant::now();
        let list = service.list(query).await?;
        #[expect(clippy::expect_used, reason = "a document has no keys but texts, and nothing that fails")]
        let body = Bytes::from(serde_json::to_vec(&list).expect("a list becomes JSON"));
        // What was written meanwhile may be in it or not; its own position says no more than it has for certain.
        *made = Some(Made { position: list.position, at, body: body.clone() });
        Ok(body)
    }

    fn place(&self, query: String) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if places.len() >= PAGES_MAX && !places.contains_key(&query) {
            places.clear();
        }
        Arc::clone(places.entry(query).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_pages_are_kept() {
        let lists = Lists::default();
        for number in 0..100 {
            lists.place(number.to_string());
        }
        assert!(lists.0.lock().expect("a lock").len() <= PAGES_MAX);
        assert!(Arc::ptr_eq(&lists.place("99".to_owned()), &lists.place("99".to_owned())));
    }
}
