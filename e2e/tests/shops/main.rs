//! Shops for real, of both engines: they come up, sell, survive their pods, keep what their keepers changed, are upgraded
//! by hand, and leave nothing behind.

mod common;
mod dashboard;
mod order;
mod setup_again;
mod shopfront;
mod upgrade_by_hand;
mod woocommerce;
