//! What the unit tests of this crate share: a store, a clock that stands still, objects written as JSON.

use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use store_core::lifecycle::{Desired, Gates, Intent, Progress, Provisioning, Store};
use store_core::ports::Clock;
use store_core::store::{AdminEmail, AdminUsername, Engine, Plan, PublicUrlTemplate, StoreId, StoreName};

/// A store in its first attempt: id `abcdefghij`, name `shop`.
pub(crate) fn store() -> Store {
    let name = StoreName::parse("shop").unwrap();
    let at = Timestamp::UNIX_EPOCH;
    Store {
        id: StoreId::parse("abcdefghij").unwrap(),
        address: PublicUrlTemplate::parse("http://{name}.localhost:8080").unwrap().address(&name, Engine::Medusa),
        name,
        engine: Engine::Medusa,
        plan: Plan::Small,
        admin_username: AdminUsername::parse("admin").unwrap(),
        admin_email: AdminEmail::parse("owner@example.com").unwrap(),
        intent: Intent { desired: Desired::Present, attempt: 1, generation: 1, protected: false },
        progress: Progress::Provisioning(Provisioning::begin(1)),
        gates: Gates::begin(Engine::Medusa, at),
        details: std::collections::BTreeMap::default(),
        version: 1,
        created_at: at,
        updated_at: at,
        ready_at: None,
        deleted_at: None,
    }
}

/// A point in time, in seconds after some origin.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + second).unwrap()
}

/// A clock that moves only when it is told to; sleeping returns at once.
pub(crate) struct StillClock(pub(crate) Mutex<Timestamp>);

#[async_trait::async_trait]
impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, _: Duration) {}
}

/// A Kubernetes object from its JSON.
pub(crate) fn object<K: serde::de::DeserializeOwned>(json: serde_json::Value) -> K {
    serde_json::from_value(json).unwrap()
}
