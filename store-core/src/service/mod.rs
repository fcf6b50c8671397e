//! What HTTP, the CLI and other programs call.
pub struct StoreService;
