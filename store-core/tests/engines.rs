//! Every engine on the simulated cluster: its own gates, address and details.

mod common;

use std::time::Duration;

use common::world::{World, request};
use store_core::lifecycle::{Gate, Status};
use store_core::service::CreateStore;
use store_core::store::Engine;

#[tokio::test(start_paused = true)]
async fn every_engine_meets_its_gates_in_its_own_order() {
    for engine in Engine::ALL {
        let world = World::new();
        let reconciler = world.start();
        let wanted = CreateStore { engine: Some(engine.to_string()), ..request("demo") };
        let store = world.service.create(wanted, None).await.expect("accepted").store;
        assert_eq!(store.admin_url, format!("http://demo.localhost{}", engine.admin_path()));

        let store = world.until(&store.id, Status::Ready).await;
        let order: Vec<Gate> = store.gates.iter().map(|gate| gate.gate).collect();
        assert_eq!(order, Gate::of(engine));
        assert!(store.gates.is_sorted_by_key(|gate| gate.ended_at.expect("it was met")), "{:#?}", store.gates);
        assert_eq!(store.details.contains_key("publishable_api_key"), engine == Engine::Medusa);
        reconciler.shutdown(Duration::from_secs(1)).await;
    }
}
