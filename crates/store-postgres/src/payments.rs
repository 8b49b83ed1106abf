//! Payments as they are read.

use crate::pool::work;
use crate::rows::{self, At};
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{Fingerprint, IdempotencyKey, PaymentId, Receipt, Timestamp, UserId};
use sekali_core::ports::{CreateOutcome, NewPayment, Page, PaymentStore, StoreError};

#[async_trait]
impl PaymentStore for PostgresStore {
    async fn create_payments(&self, batch: &[NewPayment]) -> Result<Vec<CreateOutcome>, StoreError> {
        self.queue.write(batch).await
    }

    async fn payment(&self, id: PaymentId) -> Result<Option<Receipt>, StoreError> {
        let work = work(move |c| {
            Box::pin(async move { rows::first(&c.read(&sql::PAYMENT, &[&id.0]).await?, rows::receipt) })
        });
        self.pool.read(work).await
    }

    async fn key(
        &self,
        user: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(Fingerprint, Receipt)>, StoreError> {
        let key = key.as_str().to_owned();
        let work = work(move |c| {
            Box::pin(async move {
                let found = c.read(&sql::KEY, &[&user.0, &key]).await?;
                rows::first(&found, |row| Ok((rows::fingerprint(row)?, rows::receipt(row)?)))
            })
        });
        self.pool.read(work).await
    }

    async fn payments(&self, page: &Page) -> Result<Vec<Receipt>, StoreError> {
        let page = page.clone();
        let work = work(move |c| {
            Box::pin(async move {
                let before = page.before.map_or(i64::MAX, |id| id.0);
                let limit = i64::from(page.limit);
                // One statement for each filter: a condition that is sometimes none hides the index.
                let found = match (page.user, page.consultation) {
                    (None, None) => c.read(&sql::PAGE, &[&before, &limit]).await?,
                    (Some(user), None) => c.read(&sql::PAGE_OF_USER, &[&before, &limit, &user.0]).await?,
                    (None, Some(consultation)) => {
                        c.read(&sql::PAGE_OF_CONSULTATION, &[&before, &limit, &consultation.0]).await?
                    }
                    (Some(user), Some(consultation)) => {
                        c.read(&sql::PAGE_OF_BOTH, &[&before, &limit, &user.0, &consultation.0]).await?
                    }
                };
                found.iter().map(rows::receipt).collect()
            })
        });
        self.pool.read(work).await
    }

    async fn purge_keys(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        let work = work(move |c| {
            Box::pin(async move {
                let gone = c.write(&sql::PURGE_KEYS, &[&At(before), &i64::from(limit)]).await?;
                Ok(gone.len() as u64)
            })
        });
        self.pool.write(work).await
    }
}
