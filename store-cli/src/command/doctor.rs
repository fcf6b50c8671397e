//! `store doctor`: is everything there that stores need?

use super::Context;
use crate::failure::Failure;

#[expect(clippy::unused_async, reason = "placeholder")]
pub(super) async fn run(_context: &Context) -> Result<(), Failure> {
    Err(Failure::new("not yet"))
}
