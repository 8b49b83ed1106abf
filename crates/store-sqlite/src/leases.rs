//! One at a time for work that two servers must not do at once.

use crate::SqliteStore;
use crate::sql::operations;
use async_trait::async_trait;
use sekali_core::domain::Timestamp;
use sekali_core::ports::{FURTHEST_AHEAD, LeaseStore, StoreError};
use std::time::Duration;
use uuid::Uuid;

#[async_trait]
impl LeaseStore for SqliteStore {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        let until = now.plus(lasts).as_micros();
        let wrong = now.plus(FURTHEST_AHEAD).as_micros();
        let params = (name.to_owned(), holder.to_string(), now.as_micros(), until, wrong);
        self.write(move |sql| Ok(sql.run(operations::ACQUIRE_LEASE, params)? == 1)).await
    }

    async fn release_lease(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        let params = (name.to_owned(), holder.to_string());
        self.write(move |sql| sql.run(operations::RELEASE_LEASE, params).map(drop)).await
    }
}
