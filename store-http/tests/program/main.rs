//! The program `store-http` as its users meet it: a real process, a real database, a Helm that only tells its version,
//! and a kubeconfig that leads nowhere.

mod demo;
mod installation;
mod moving;
mod refusals;
mod serving;
mod tokens;
