//! The stores that a demo begins with.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use store_core::MemoryRepository;
use store_core::StoreService;
use store_core::lifecycle::{Event, EventKind, Failed, Gate, Progress, Ready, Store};
use store_core::ports::{Entropy, EventDraft, NewStore, ProgressUpdate, changes};
use store_core::service::{CreateStore, ServiceError, StoreRef};
use store_core::store::{AdminEmail, AdminUsername, Engine, InvalidValue, Plan, PublicUrlTemplate, SealedPassword};
use store_core::store::{StoreId, StoreName};

use crate::cluster::{DemoCluster, setup_failure};

/// How long each gate of a sample took.
const GATE_TOOK: Duration = Duration::from_secs(4);
/// The sample whose deletion is under way.
const DELETING: &str = "stuck-toys";
/// The sample that is being brought up.
const PROVISIONING: &str = "slow-bakery";

/// What a sample has reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reached {
    Ready,
    Failed,
}

const SAMPLES: [(&str, Engine, Plan, Reached); 5] = [
    ("corner-books", Engine::Woocommerce, Plan::Small, Reached::Ready),
    ("tea-house", Engine::Medusa, Plan::Medium, Reached::Ready),
    ("degraded-bikes", Engine::Woocommerce, Plan::Small, Reached::Ready),
    ("fail-flowers", Engine::Medusa, Plan::Small, Reached::Failed),
    (DELETING, Engine::Medusa, Plan::Large, Reached::Ready),
];

/// Puts `count` READY stores there, and the samples in which nothing moves, as if they had been made before `now`.
pub(crate) fn settled(
    public_url: &PublicUrlTemplate,
    entropy: &dyn Entropy,
    now: Timestamp,
    count: usize,
    cluster: &DemoCluster,
    repository: &MemoryRepository,
) {
    let plan = |number: usize| [Plan::Small, Plan::Medium, Plan::Large][number % 3];
    let many = (1..=count).map(|number| {
        (format!("shop-{number:05}"), Engine::ALL[number % Engine::ALL.len()], plan(number), Reached::Ready)
    });
    let samples = SAMPLES.into_iter().map(|(name, engine, plan, reached)| (name.to_owned(), engine, plan, reached));
    let total = count + SAMPLES.len();
    let made = many.chain(samples).enumerate().filter_map(|(index, (name, engine, plan, reached))| {
        // The last one an hour ago, the others a second apart before it.
        let age = Duration::from_secs(3600 + u64::try_from(total - index).unwrap_or_default());
        let new = request(&name, engine, plan, public_url, entropy, now - age).ok()?;
        let (store, events) = history(&new, reached);
        cluster.adopt(&store, new.at);
        Some((store, events))
    });
    repository.insert(made);
}

/// Asks for the samples in which something moves.
pub(crate) async fn moving(service: &StoreService, entropy: &dyn Entropy) -> Result<(), ServiceError> {
    let wanted = CreateStore {
        name: Some(PROVISIONING.to_owned()),
        engine: Some(Engine::Woocommerce.as_str().to_owned()),
        admin_username: Some("owner".to_owned()),
        admin_email: Some("owner@example.com".to_owned()),
        admin_password: Some(entropy.alphanumeric(20).into()),
        plan: None,
    };
    service.create(wanted, None).await?;
    if let Ok(which) = StoreRef::parse(DELETING) {
        service.delete(&which, None).await?;
    }
    Ok(())
}

fn request(
    name: &str,
    engine: Engine,
    plan: Plan,
    public_url: &PublicUrlTemplate,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<NewStore, InvalidValue> {
    let name = StoreName::parse(name)?;
    Ok(NewStore {
        id: StoreId::random(|| entropy.next_u64()),
        address: public_url.address(&name, engine),
        name,
        engine,
        plan,
        admin_username: AdminUsername::parse("owner")?,
        admin_email: AdminEmail::parse("owner@example.com")?,
        // Erased before anybody could ask for it: its Secret is there.
        password: SealedPassword { key_id: String::new(), sealed: Vec::new() },
        idempotency: None,
        at,
    })
}

/// The store after all that happened to it, and what that was.
fn history(new: &NewStore, reached: Reached) -> (Store, Vec<Event>) {
    let (mut store, created) = changes::create(new);
    let mut events = vec![changes::event(&store, &created, 0, new.at)];
    let gates = Gate::of(new.engine);
    let stops_at = gates.iter().position(|gate| *gate == Gate::Setup).unwrap_or_default();
    let met = if reached == Reached::Failed { stops_at } else { gates.len() };
    let mut at = new.at;
    for count in 1..=met {
        at += GATE_TOOK;
        store.gates.advance(count, at);
    }
    let (progress, draft) = match reached {
        Reached::Ready => {
            let ready = Ready { attempt: 1, revision: 1, at };
            (Progress::Ready(ready), EventDraft::new(EventKind::Ready, format!("{} is READY", store.name)))
        }
        Reached::Failed => {
            let failure = setup_failure(&store);
            let draft = EventDraft::new(EventKind::Failed, failure.reason());
            (Progress::Failed(Failed { attempt: 1, failure, at }), draft)
        }
    };
    let update = ProgressUpdate {
        progress,
        gates: store.gates.clone(),
        details: details(&store, reached),
        erase_password: true,
        events: vec![draft.clone()],
        at,
    };
    changes::record(&mut store, &update);
    events.push(changes::event(&store, &draft, 0, at));
    (store, events)
}

fn details(store: &Store, reached: Reached) -> BTreeMap<String, String> {
    let has_key = store.engine == Engine::Medusa && reached == Reached::Ready;
    let key = || ("publishable_api_key".to_owned(), format!("pk_simulated_{}", store.id));
    has_key.then(key).into_iter().collect()
}
