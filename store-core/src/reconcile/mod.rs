//! From what is to what is wanted: claim → observe → [`decide`] → act once → write down → go on or sleep.
//!
//! One path for the happy case, for retries and for the recovery after a crash: what to do next follows from what is
//! there, never from how it came to be.

mod act;
mod attend;
mod cluster_gate;
mod decide;
mod diagnose;
mod look;
mod notices;
mod readiness;
mod run;
mod settings;
mod teardown;

pub use cluster_gate::ClusterState;
pub use decide::{Action, Change, Limits, Step, decide};
pub use diagnose::condition;
pub use readiness::{Expected, gates_met, is_ready};
pub use run::{Reconciler, Scope};
pub use settings::ReconcilerSettings;

pub(crate) use cluster_gate::check;
pub(crate) use run::Core;
