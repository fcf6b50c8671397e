//! Objects that belong to somebody else are never taken over, and charts that cannot work are refused for good.

use k8s_openapi::api::core::v1::{Namespace, Secret, Service, ServicePort, ServiceSpec};
use kube::api::{Api, ObjectMeta, PostParams};
use rstest::rstest;
use store_core::ports::{ActionKind, CredentialsSeen, Deployer as _, ErrorClass, NamespaceSeen, ReleaseSeen};

use crate::support::{Bench, Chart, Helm, context, credentials, on_bench};

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { ports: [{ port: 80 }] }\n";

fn named(name: String, namespace: Option<String>) -> ObjectMeta {
    ObjectMeta { name: Some(name), namespace, ..ObjectMeta::default() }
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_namespace_of_somebody_else_is_left_alone() {
    on_bench(Chart::Tiny(SERVICE.into()), Helm::Four, async |bench: &Bench| {
        let namespaces = Api::<Namespace>::all(bench.client.clone());
        let name = bench.store.id.namespace();
        let theirs = Namespace { metadata: named(name.clone(), None), ..Namespace::default() };
        namespaces.create(&PostParams::default(), &theirs).await.unwrap();
        let given = context(ActionKind::EnsureNamespace);
        let error = bench.deployer.ensure_namespace(&bench.store, &given).await.unwrap_err();
        let seen = bench.fresh().await.namespace;
        namespaces.delete(&name, &kube::api::DeleteParams::default()).await.unwrap();
        assert_eq!(error.class(), ErrorClass::Conflict);
        assert_eq!(error.to_string(), format!("namespace {name} exists and is not this store's"));
        assert_eq!(seen, NamespaceSeen::Foreign);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_secret_of_somebody_else_is_left_alone() {
    on_bench(Chart::Tiny(SERVICE.into()), Helm::Four, async |bench: &Bench| {
        bench.deployer.ensure_namespace(&bench.store, &context(ActionKind::EnsureNamespace)).await.unwrap();
        let secrets = Api::<Secret>::namespaced(bench.client.clone(), &bench.store.id.namespace());
        let theirs = Secret { metadata: named(bench.store.id.credentials_secret(), None), ..Secret::default() };
        secrets.create(&PostParams::default(), &theirs).await.unwrap();
        let given = context(ActionKind::EnsureCredentials);
        let error = bench.deployer.ensure_credentials(&bench.store, &credentials(), &given).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Conflict);
        assert_eq!(bench.fresh().await.credentials, CredentialsSeen::Foreign);
    })
    .await;
}

#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn an_object_of_somebody_else_stops_the_install(#[case] helm: Helm) {
    on_bench(Chart::Tiny(SERVICE.into()), helm, async |bench: &Bench| {
        bench.prepare().await;
        let services = Api::<Service>::namespaced(bench.client.clone(), &bench.store.id.namespace());
        let spec = ServiceSpec {
            ports: Some(vec![ServicePort { port: 8080, ..ServicePort::default() }]),
            ..ServiceSpec::default()
        };
        let theirs = Service { metadata: named("web".into(), None), spec: Some(spec), ..Service::default() };
        let before = services.create(&PostParams::default(), &theirs).await.unwrap();
        let error = bench.install().await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Conflict, "{error}");
        assert_eq!(services.get("web").await.unwrap(), before);
    })
    .await;
}

#[rstest]
#[case::template("kind: {{ .Values.nothing.here }}", ErrorClass::Permanent)]
#[case::yaml("kind: [", ErrorClass::Permanent)]
#[case::unknown_kind("apiVersion: nobody.example/v1\nkind: Nothing\nmetadata: { name: x }\n", ErrorClass::Permanent)]
#[case::refused(
    "apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { ports: [{ port: 123456 }] }\n",
    ErrorClass::Permanent
)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_chart_that_cannot_work_is_refused_for_good(
    #[case] objects: &str,
    #[case] class: ErrorClass,
    #[values(Helm::Three, Helm::Four)] helm: Helm,
) {
    on_bench(Chart::Tiny(objects.into()), helm, async |bench: &Bench| {
        bench.prepare().await;
        let error = bench.install().await.unwrap_err();
        println!("{error}");
        assert_eq!(error.class(), class, "{error}");
    })
    .await;
}

/// The schema of the real chart refuses what is not the platform's own document.
#[rstest]
#[case::helm_3(Helm::Three)]
#[case::helm_4(Helm::Four)]
#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn values_against_the_schema_are_refused_for_good(#[case] helm: Helm) {
    on_bench(Chart::Real, helm, async |bench: &Bench| {
        bench.prepare().await;
        let mut store = bench.store.clone();
        store.address.host = "not a host".into();
        let error = bench.deployer.install(&store, &context(ActionKind::Install)).await.unwrap_err();
        println!("{error}");
        assert_eq!(error.class(), ErrorClass::Permanent, "{error}");
        assert_eq!(bench.fresh().await.release, ReleaseSeen::Absent);
    })
    .await;
}
