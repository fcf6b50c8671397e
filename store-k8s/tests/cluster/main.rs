//! The adapter against a real API server and a real Helm. `STORE_TEST_KUBECONFIG` names the cluster, `STORE_TEST_HELM`
//! a Helm 4 and `STORE_TEST_HELM3` a Helm 3. Each test has an installation of its own and cleans up after itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod diagnosis;
mod doctor;
mod foreign;
mod lifecycle;
mod recovery;
mod sight;
mod support;
