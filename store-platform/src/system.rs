//! The real clock and the real source of randomness. The only place that may ask the system for either.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rand::TryRng;
use rand::rngs::SysRng;
use store_core::ports::{Clock, Entropy};

/// The system's clock, and tokio's timers to wait.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the implementation of the Clock port")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's source of random numbers, fit for secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// Panics if the operating system has no randomness to give: nothing that needs a secret may go on then.
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::expect_used, reason = "there is no safe way to go on without randomness")]
        SysRng.try_fill_bytes(bytes).expect("the operating system gives random numbers");
    }
}
