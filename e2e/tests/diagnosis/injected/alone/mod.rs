//! Faults that everybody in the cluster feels: one at a time, and last.

mod api_service;
