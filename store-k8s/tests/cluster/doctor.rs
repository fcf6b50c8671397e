//! What `store doctor` is told about a real cluster.

use std::collections::BTreeSet;

use store_core::ports::HealthProbe as _;
use store_k8s::doctor;

use crate::support::{Bench, Chart, Helm, on_bench};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn the_cluster_is_described() {
    on_bench(Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        let cluster = &bench.cluster;
        assert_eq!(doctor::identity(cluster).await.unwrap(), bench.probe.cluster().await.unwrap());
        assert!(doctor::rights(cluster).await.unwrap().iter().all(|right| right.allowed));
        let classes = doctor::storage_classes(cluster).await.unwrap();
        assert!(classes.iter().any(|class| class.is_default && class.reclaim_policy == "Delete"), "{classes:?}");
        let classes = doctor::ingress_classes(cluster).await.unwrap();
        println!("{classes:?}");
        assert!(classes.iter().any(|class| class.is_default && !class.controller.is_empty()), "{classes:?}");
        let asked = ["busybox".to_owned(), "nothing:1".to_owned()];
        let images = doctor::images(cluster, &asked).await.unwrap();
        assert_eq!(images.iter().map(|image| image.nodes.len()).collect::<Vec<_>>(), [1, 0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test --only adapters"]
async fn a_namespace_that_no_store_explains_is_an_orphan() {
    on_bench(Chart::Tiny(String::new()), Helm::Four, async |bench: &Bench| {
        bench.prepare().await;
        bench.install().await.unwrap();
        let orphans = async |known: &[_]| {
            let known = known.iter().cloned().collect::<BTreeSet<_>>();
            doctor::orphans(&bench.cluster, bench.installation, &known).await.unwrap().namespaces
        };
        assert_eq!(orphans(std::slice::from_ref(&bench.store.id)).await, []);
        let found = orphans(&[]).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].store, bench.store.id.as_str());
        assert_eq!(found[0].releases, BTreeSet::from([bench.store.id.release()]));
    })
    .await;
}
