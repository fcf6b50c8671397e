//! store-cli
