//! The contract suite against PostgreSQL.

use std::sync::Arc;

use store_core::ports::StoreRepository;

use crate::database::Database;

async fn postgres() -> (Arc<dyn StoreRepository>, Database) {
    let database = Database::new();
    (Arc::new(database.open().await), database)
}

store_core::repository_contract!(
    #[ignore = "needs PostgreSQL: cargo xtask test --only database"]
    postgres
);
