//! The states a store goes through, and what is known in each of them.

mod event;
mod failure;
mod gate;
mod progress;
mod status;
mod store;

pub use event::{Event, EventKind, Position};
pub use failure::{Blocker, Failure, FailureCode, ObjectRef};
pub use gate::{Gate, GateRecord, Gates};
pub use progress::{
    Deleted, Deleting, EndedPhase, Failed, InvalidTransition, Progress, Provisioning, Ready, RemovedVolume,
    TeardownEvidence, TeardownPhase, VolumeFate,
};
pub use status::{Condition, Published, Status};
pub use store::{Desired, Intent, Store};
