//! The suite that every store passes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use async_trait::async_trait;
use sekali_core::contract::store::TestDatabase;
use sekali_core::contract::store::console::ConsoleDatabase;
use sekali_core::ports::{ConsoleStore, Store};
use sekali_store_sqlite::SqliteStore;
use std::sync::Arc;
use support::{Folder, host};

/// What the suite of every store works on.
struct Database(Folder);

impl Database {
    #[expect(clippy::unused_async, reason = "other databases take a while to be made")]
    async fn create() -> Self {
        Self(Folder::create())
    }
}

#[async_trait]
impl TestDatabase for Database {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.0.database()).unwrap())
    }

    async fn execute(&self, sql: &str) -> Result<(), String> {
        host(&self.0.database()).execute_batch(sql).map_err(|error| error.to_string())
    }

    async fn set_next_ids(&self, payment: i64, invoice: i64, tax: i64) {
        let store = SqliteStore::open(&self.0.database()).unwrap();
        store.set_next_ids(payment, invoice, tax).await.unwrap();
    }
}

#[async_trait]
impl ConsoleDatabase for Database {
    async fn console(&self) -> Arc<dyn ConsoleStore> {
        Arc::new(SqliteStore::open(&self.0.database()).unwrap())
    }
}

sekali_core::store_contract!(Database::create);
sekali_core::console_contract!(Database::create);
