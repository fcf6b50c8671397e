//! From what is to what is wanted: observe, decide, act.
