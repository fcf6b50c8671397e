//! Every fault that a store can meet in its cluster, injected for real: the right failure, the right culprit, in time;
//! and what only looks like a fault and must fail nothing. `cargo xtask test --only diagnosis` runs them, and compares
//! what they report with its own list of them.

#![expect(clippy::expect_used, reason = "in tests, what is missing ends the test with its name")]

#[macro_use]
mod case;
mod expect;
mod injected;
mod shown;
