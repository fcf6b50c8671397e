//! For tests, here and in dependents: fakes, contract suites for adapters, and mockall mocks of the ports.

mod fake_cluster;
mod milestones;
pub mod repository_contract;
pub mod simulation;
mod time;
pub use fake_cluster::{FakeCluster, Timings};
pub use time::{SeededEntropy, TestClock};

pub use crate::memory::MemoryRepository;
pub use crate::ports::{MockDeployer, MockHealthProbe, MockStoreRepository};
