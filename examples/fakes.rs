//! A store's whole life in under a second, without a cluster and without a database: on the fakes that come with
//! store-core's feature `testing`.
//!
//! `cargo run -p store-examples --example fakes`

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use store_core::StoreService;
use store_core::lifecycle::Status;
use store_core::ports::Clock;
use store_core::reconcile::{ReconcilerSettings, Scope};
use store_core::service::{CreateStore, ServiceParts, ServiceSettings, StoreDocument, StoreRef};
use store_core::store::{CredentialsCipher, CredentialsKey, PublicUrlTemplate};
use store_core::testing::{FakeCluster, MemoryRepository, SeededEntropy, TestClock, Timings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let service = platform()?;
    // Without a reconciler, wishes are written down and nothing more happens.
    let reconciler = service.start(Scope::All);

    let request = CreateStore {
        name: Some("demo".to_owned()),
        engine: Some("medusa".to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some(SecretString::from("correct horse battery")),
        plan: None,
    };
    let store = service.create(request, None).await?.store;
    // By id, since deletion frees the name.
    let demo = StoreRef::parse(&store.id)?;
    let store = until(&service, &demo, Status::Ready).await?;
    println!("{} is {} at {}", store.name, store.status, store.store_url);

    service.delete(&demo, None).await?;
    let store = until(&service, &demo, Status::Deleted).await?;
    println!("{} is {}", store.name, store.status);

    for event in service.events(&demo, 0, 100).await? {
        println!("  {:<12} {}", event.status.as_str(), event.message);
    }
    reconciler.shutdown(Duration::from_secs(1)).await;
    Ok(())
}

/// The platform on fakes. With the real adapters, only these parts differ: see the example `embed`.
fn platform() -> Result<StoreService, Box<dyn Error>> {
    let clock: Arc<dyn Clock> = Arc::new(TestClock::new());
    let cluster = FakeCluster::new(Arc::clone(&clock), Timings::default());
    let parts = ServiceParts {
        repository: Arc::new(MemoryRepository::new(Arc::clone(&clock))),
        deployer: Arc::new(cluster.clone()),
        probe: Arc::new(cluster),
        clock,
        entropy: Arc::new(SeededEntropy::new(1)),
        cipher: CredentialsCipher::new(CredentialsKey::new([7; CredentialsKey::LENGTH]), Vec::new()),
    };
    let urls = PublicUrlTemplate::parse("http://{name}.localhost")?;
    Ok(StoreService::new(parts, ServiceSettings::new(urls, ReconcilerSettings::new("example"))))
}

/// Waits without polling: the service tells when something was written.
async fn until(service: &StoreService, which: &StoreRef, status: Status) -> Result<StoreDocument, Box<dyn Error>> {
    let mut notices = service.notices();
    loop {
        notices.mark_unchanged();
        let store = service.get(which).await?;
        if store.status == status {
            return Ok(store);
        }
        if store.status == Status::Failed {
            return Err(store.failure_reason.unwrap_or_default().into());
        }
        notices.changed().await?;
    }
}
