//! The Helm half: one builder of command lines, one place that starts processes, the chart, and the release record.

pub(crate) mod args;
pub(crate) mod chart;
pub(crate) mod classify;
pub(crate) mod deployer;
pub(crate) mod environment;
mod record_size;
pub(crate) mod release;
pub(crate) mod run;
pub(crate) mod spawn;
pub(crate) mod stop;
pub(crate) mod values;
pub(crate) mod version;
