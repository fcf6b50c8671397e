//! For tests, here and in dependents: mockall mocks of the ports.

pub use crate::ports::{MockDeployer, MockHealthProbe, MockStoreRepository};
