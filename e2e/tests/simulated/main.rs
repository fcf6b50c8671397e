//! What the control plane does while its surroundings fail, on clusters whose nodes are simulated: no container runs, so
//! READY says nothing about a shop here. Every test's name ends with that, and `cargo xtask test` finds them by it.

mod disk_full;
mod drain;
mod outage;
