//! Several servers on one PostgreSQL, with real Helm and a real API server whose node is simulated: killed, frozen, and
//! asked one for what the other does.

mod deletion;
mod events;
mod frozen;
mod kills;
mod restart;
mod several;
