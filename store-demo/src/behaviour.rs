//! What a store's name asks for: the demo's way of showing what goes wrong in real clusters.

use std::time::Duration;

use store_core::store::StoreName;

/// How a simulated store behaves. Words in the name may be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behaviour {
    /// `fail`: its setup job gives up in the first attempt; a retry succeeds.
    pub fails_first: bool,
    /// `slow`: everything takes this many times as long.
    pub slowness: u32,
    /// `stuck`: how long its teardown is held up; what holds it up is named after a minute.
    pub stuck: Duration,
    /// `degraded`: a while after it became READY its application keeps crashing.
    pub degrades: bool,
}

impl Behaviour {
    /// What this name asks for.
    pub fn of(name: &StoreName) -> Self {
        let asks = |word| name.as_str().contains(word);
        Self {
            fails_first: asks("fail"),
            slowness: if asks("slow") { 5 } else { 1 },
            stuck: Duration::from_secs(if asks("stuck") { 150 } else { 0 }),
            degrades: asks("degraded"),
        }
    }
}
