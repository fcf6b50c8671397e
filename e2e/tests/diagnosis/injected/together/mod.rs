//! Faults that are one store's own: many of them at once, since most of their time is waiting.

mod controls;
mod pods;
mod probes;
mod ready;
mod refusals;
mod release;
mod setup;
mod teardown;
mod volumes;
