//! How far the host application was told of each payment's record.

use crate::rows::{self, At, maybe_at, value};
use crate::single::values;
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{Delivery, OutboxEntry, OutboxQuery, OutboxStore, StoreError};
use std::time::Duration;
use tokio_postgres::Row;

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let values = values![At(now), At(now.plus(lease)), i64::from(limit)];
        self.pool.change(&sql::CLAIM_DELIVERIES, values).await?.iter().map(delivery).collect()
    }

    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Result<(), StoreError> {
        self.pool.change(&sql::DELIVERED, values![payment.0, seq, At(now)]).await.map(drop)
    }

    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let values = values![payment.0, seq, error.to_owned(), At(now), next.map(At)];
        self.pool.change(&sql::NOT_DELIVERED, values).await.map(drop)
    }

    async fn outbox(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let sql = match query {
            OutboxQuery::Parked => &sql::OUTBOX_PARKED,
            OutboxQuery::Unfinished => &sql::OUTBOX_UNFINISHED,
            OutboxQuery::All => &sql::OUTBOX_ALL,
        };
        self.pool.list(sql, values![after.0, i64::from(limit)], entry).await
    }

    async fn replay(
        &self,
        payment: PaymentId,
        from: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let from = from.map(|seq| seq.max(1));
        let found = self.pool.change(&sql::REPLAY, values![payment.0, from, At(now)]).await?;
        Ok(!found.is_empty())
    }

    async fn outbox_depth(&self) -> Result<(u64, u64), StoreError> {
        let depth = |row: &Row| Ok((count(row, "unfinished")?, count(row, "parked")?));
        let found = self.pool.find(&sql::OUTBOX_DEPTH, values![], depth).await?;
        found.ok_or_else(|| StoreError::Broken("the outbox was not counted".to_owned()))
    }
}

fn delivery(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        reference: value(row, "reference")?,
        event: rows::event(row)?,
        attempts: attempts(row)?,
        failing_since: maybe_at(row, "failing_since")?,
    })
}

fn entry(row: &Row) -> Result<OutboxEntry, StoreError> {
    Ok(OutboxEntry {
        payment: PaymentId(value(row, "payment_id")?),
        delivered_seq: value(row, "delivered_seq")?,
        last_seq: value(row, "last_seq")?,
        attempts: attempts(row)?,
        due_at: maybe_at(row, "due_at")?,
        failing_since: maybe_at(row, "failing_since")?,
        parked_at: maybe_at(row, "parked_at")?,
        error: value(row, "error")?,
    })
}

fn attempts(row: &Row) -> Result<u32, StoreError> {
    Ok(u32::try_from(value::<i64>(row, "attempts")?).unwrap_or(u32::MAX))
}

fn count(row: &Row, column: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(value::<i64>(row, column)?).unwrap_or(0))
}
