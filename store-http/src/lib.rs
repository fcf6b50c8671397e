//! store-http
