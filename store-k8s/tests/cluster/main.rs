//! The adapter against a real API server and a real Helm. `STORE_TEST_KUBECONFIG` is of the platform's own account, with
//! which the adapter works; `STORE_TEST_ADMIN_KUBECONFIG` is for looking and for what others do. `STORE_TEST_HELM` is a
//! Helm 4, `STORE_TEST_HELM3` a Helm 3. Each test has an installation of its own and cleans up after itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod diagnosis;
mod doctor;
mod foreign;
mod lifecycle;
mod logs;
mod recovery;
mod rights;
mod sight;
mod support;
