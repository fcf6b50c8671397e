//! store-k8s
