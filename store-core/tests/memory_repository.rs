//! The contract suite against the repository in memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use store_core::ports::{Clock, StoreRepository};
use store_core::testing::MemoryRepository;

/// Runs as fast as real time, from a fixed beginning.
struct Stopwatch(Instant);

#[async_trait]
impl Clock for Stopwatch {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.0.elapsed()).unwrap_or_default()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[expect(clippy::unused_async, reason = "the suite awaits whoever makes a repository")]
async fn memory() -> (Arc<dyn StoreRepository>, ()) {
    (Arc::new(MemoryRepository::new(Arc::new(Stopwatch(Instant::now())))), ())
}

store_core::repository_contract!(memory);
