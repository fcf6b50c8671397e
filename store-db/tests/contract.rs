//! The contract suite against SQLite.

use std::sync::Arc;

use store_core::ports::StoreRepository;
use store_db::{DatabaseRepository, OpenMode};

async fn sqlite() -> (Arc<dyn StoreRepository>, tempfile::TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("stores.db");
    let repository = DatabaseRepository::open_sqlite(path, OpenMode::Create).await.expect("a new database");
    (Arc::new(repository), directory)
}

store_core::repository_contract!(sqlite);
