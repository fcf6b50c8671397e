//! What the platform's own account may do: what is committed, no more, and nothing outside of stores.

use std::process::Command;

use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use pretty_assertions::assert_eq;

use crate::support::{Bench, Chart, Helm, client_of, kubeconfig, on_bench, variable};

const COMMITTED: &str = include_str!("../../../charts/platform/can-i.txt");
const NOT_A_STORE: &str = "this namespace is not a store's";

fn nothing() -> Chart {
    Chart::Tiny(String::new())
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn the_account_may_do_exactly_what_is_committed() {
    on_bench(nothing(), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let ask = |namespace: &str| {
            let mut command = Command::new(variable("STORE_TEST_KUBECTL"));
            command.arg("--kubeconfig").arg(kubeconfig());
            command.args(["auth", "can-i", "--list", "--namespace", namespace]);
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        let again = format!(
            "if role.yaml changed on purpose: kubectl --kubeconfig {} auth can-i --list > charts/platform/can-i.txt",
            kubeconfig().display()
        );
        assert_eq!(ask(&bench.store.id.namespace()), COMMITTED, "{again}");
        // Nobody gave it more where it has no business.
        assert_eq!(ask("kube-system"), COMMITTED);
    })
    .await;
}

fn metadata(name: &str, labels: &[(&str, &str)]) -> ObjectMeta {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ObjectMeta { name: Some(name.to_owned()), labels: Some(labels), ..ObjectMeta::default() }
}

fn assert_refused<T: std::fmt::Debug>(what: &str, result: kube::Result<T>) {
    assert_refused_for(NOT_A_STORE, what, result);
}

fn assert_refused_for<T: std::fmt::Debug>(why: &str, what: &str, result: kube::Result<T>) {
    match result {
        Err(kube::Error::Api(status)) if status.message.contains(why) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn nothing_is_changed_outside_of_stores() {
    on_bench(nothing(), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        let platform = client_of(&kubeconfig()).await;
        let (try_to, try_away) =
            (PostParams { dry_run: true, ..PostParams::default() }, DeleteParams::default().dry_run());
        let secret = Secret { metadata: metadata("made", &[]), ..Secret::default() };
        let secrets = |namespace: &str| Api::<Secret>::namespaced(platform.clone(), namespace);
        let namespaces = Api::<Namespace>::all(platform.clone());
        let namespace = |labels| Namespace { metadata: metadata("store-nobodys", labels), ..Namespace::default() };

        assert_refused("a Secret of theirs", secrets("kube-system").create(&try_to, &secret).await);
        // The platform's own home is as good as any that is no store's; kube-system nobody may delete.
        assert_refused("their namespace", namespaces.delete("store-platform", &try_away).await);
        assert_refused("a namespace without a store", namespaces.create(&try_to, &namespace(&[])).await);

        let privileged = [("store-platform/installation", "x"), ("pod-security.kubernetes.io/enforce", "privileged")];
        for labels in [&privileged[..], &privileged[..1]] {
            let refused = namespaces.create(&try_to, &namespace(labels)).await;
            assert_refused_for("Pod Security Standard", "a namespace that admits any pod", refused);
        }

        let own = bench.store.id.namespace();
        secrets(&own).create(&try_to, &secret).await.unwrap();
        secrets(&own).delete(&bench.store.id.credentials_secret(), &try_away).await.unwrap();
        let restricted = [("store-platform/installation", "x"), ("pod-security.kubernetes.io/enforce", "restricted")];
        namespaces.create(&try_to, &namespace(&restricted)).await.unwrap();
        namespaces.delete(&own, &try_away).await.unwrap();
    })
    .await;
}
