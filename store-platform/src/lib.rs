//! store-platform
