//! Programs that use the platform as a library. They are the examples beside this folder, and the tests in `tests/`:
//!
//! - `embed`: creates and deletes a store on a real cluster;
//! - `fakes`: the same in under a second, without a cluster or a database;
//! - `tests/downstream.rs`: how a program that depends on `store-core` tests its own use of it, with mocks.

/// The README's program is compiled with the doc tests, so that it stays true.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
