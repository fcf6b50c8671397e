//! `prefill DATABASE_FILE COUNT`: fills a new SQLite file with READY stores, through the repository, as the service and
//! the reconciler write them. They are in no cluster: for measuring reads only.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use store_core::lifecycle::{EventKind, Gates, Progress, Provisioning, Ready};
use store_core::ports::{
    ClaimRequest, Claimable, Claimed, EventDraft, NewStore, ProgressUpdate, StoreRepository, WakeUp,
};
use store_core::store::{
    AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, SealedPassword, StoreId, StoreName,
};
use store_db::{DatabaseRepository, OpenMode};

const LEASE: Duration = Duration::from_mins(1);
/// As long as a store takes to be READY on a small machine.
const UNTIL_READY: SignedDuration = SignedDuration::from_secs(23);
const BEGAN: &str = "2026-01-01T00:00:00Z";
const USAGE: &str = "usage: prefill DATABASE_FILE COUNT";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (file, count) = (arguments.next().ok_or(USAGE)?, arguments.next().ok_or(USAGE)?);
    let (file, count): (PathBuf, u32) = (file.into(), count.parse()?);
    let repository = DatabaseRepository::open_sqlite(&file, OpenMode::Create).await?;
    let began: Timestamp = BEGAN.parse()?;
    for number in 0..count {
        let at = began + SignedDuration::from_secs(i64::from(number));
        repository.create(store(number, at)?).await?;
        if (number + 1).is_multiple_of(1_000) || number + 1 == count {
            make_ready(&repository).await?;
            eprintln!("{} of {count} stores", number + 1);
        }
    }
    repository.close().await;
    Ok(())
}

fn store(number: u32, at: Timestamp) -> Result<NewStore, Box<dyn Error>> {
    let name = StoreName::parse(&format!("shop-{number:05}"))?;
    let engine = if number.is_multiple_of(3) { Engine::Woocommerce } else { Engine::Medusa };
    let template = PublicUrlTemplate::parse("http://{name}.localhost")?;
    Ok(NewStore {
        id: StoreId::parse(&format!("p{number:09}"))?,
        address: template.address(&name, engine),
        name,
        engine,
        plan: Plan::default(),
        admin_username: AdminUsername::parse("admin")?,
        admin_email: AdminEmail::parse(&format!("shopkeeper-{number:05}@example.com"))?,
        // Nothing opens it: the stores are READY, and it is erased then.
        password: SealedPassword { key_id: "none".to_owned(), sealed: vec![0; 64] },
        idempotency: None,
        at,
    })
}

/// Claims everything that is due and writes down that it is READY.
async fn make_ready(repository: &DatabaseRepository) -> Result<(), Box<dyn Error>> {
    loop {
        let request = ClaimRequest { owner: "prefill".to_owned(), lease: LEASE, limit: 1_000, which: Claimable::Due };
        let claimed = repository.claim_due(&request).await?;
        if claimed.is_empty() {
            return Ok(());
        }
        for Claimed { claim, store, .. } in claimed {
            let (created_at, at) = (store.created_at, store.created_at + UNTIL_READY);
            let mut gates = Gates::begin(store.engine, created_at);
            gates.advance(usize::MAX, at);
            let begin = ProgressUpdate {
                progress: Progress::Provisioning(Provisioning::begin(1)),
                gates: Gates::begin(store.engine, created_at),
                details: BTreeMap::new(),
                erase_password: false,
                events: vec![EventDraft::new(EventKind::AttemptStarted, "attempt 1 started")],
                at: created_at,
            };
            repository.record(&claim, store.intent.generation, &begin).await?;
            let ready = ProgressUpdate {
                progress: Progress::Ready(Ready { attempt: 1, revision: 1, at }),
                gates,
                erase_password: true,
                events: vec![EventDraft::new(EventKind::Ready, format!("ready at {}", store.address.store_url))],
                at,
                ..begin
            };
            repository.record(&claim, store.intent.generation, &ready).await?;
            repository.release(&claim, store.intent.generation, WakeUp::OnIntent).await?;
        }
    }
}
