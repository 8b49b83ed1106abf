//! What the reconciler looks for.

use crate::rows::{self, At, value};
use crate::single::values;
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{
    AwaitedRefund, AwaitedSession, FURTHEST_AHEAD, ReconcileStore, StoreError, StrayCapture,
};
use tokio_postgres::Row;
use uuid::Uuid;

#[async_trait]
impl ReconcileStore for PostgresStore {
    async fn overdue_payments(
        &self,
        before: Timestamp,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let values = values![At(before), after.0, i64::from(limit)];
        self.pool.list(&sql::OVERDUE_PAYMENTS, values, |row| value(row, "id").map(PaymentId)).await
    }

    async fn awaited_sessions(&self, after: i64, limit: u32) -> Result<Vec<AwaitedSession>, StoreError> {
        self.pool.list(&sql::AWAITED_SESSIONS, values![after, i64::from(limit)], awaited_session).await
    }

    async fn awaited_refunds(&self, after: Uuid, limit: u32) -> Result<Vec<AwaitedRefund>, StoreError> {
        self.pool.list(&sql::AWAITED_REFUNDS, values![after, i64::from(limit)], awaited_refund).await
    }

    async fn stray_captures(&self, after: &str, limit: u32) -> Result<Vec<StrayCapture>, StoreError> {
        let values = values![after.to_owned(), i64::from(limit)];
        self.pool.list(&sql::STRAY_CAPTURES, values, capture).await
    }

    async fn bring_forward(&self, now: Timestamp) -> Result<u64, StoreError> {
        let brought =
            self.pool.change(&sql::BRING_FORWARD, values![At(now), At(now.plus(FURTHEST_AHEAD))]).await?;
        let late = |row: &Row| Ok(u64::try_from(value::<i64>(row, "late")?).unwrap_or(0));
        rows::first(&brought, late)?
            .ok_or_else(|| StoreError::Broken("what is late was not counted".to_owned()))
    }

    async fn automatic_refunds_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let count = |row: &Row| Ok(u64::try_from(value::<i64>(row, "refunds")?).unwrap_or(0));
        let found = self.pool.find(&sql::AUTOMATIC_REFUNDS_SINCE, values![At(since)], count).await?;
        found.ok_or_else(|| StoreError::Broken("automatic refunds were not counted".to_owned()))
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AwaitedSession>, StoreError> {
        let values = values![At(since), after, i64::from(limit)];
        self.pool.list(&sql::SESSIONS_SINCE, values, awaited_session).await
    }

    async fn captures_since(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StrayCapture>, StoreError> {
        let values = values![At(since), after.to_owned(), i64::from(limit)];
        self.pool.list(&sql::CAPTURES_SINCE, values, capture).await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<AwaitedRefund>, StoreError> {
        let values = values![At(since), after, i64::from(limit)];
        self.pool.list(&sql::REFUNDS_SINCE, values, awaited_refund).await
    }
}

fn awaited_session(row: &Row) -> Result<AwaitedSession, StoreError> {
    Ok(AwaitedSession {
        ordinal: value(row, "ordinal")?,
        session: rows::session(row)?,
        cancel_requested: value(row, "cancel_requested")?,
    })
}

fn awaited_refund(row: &Row) -> Result<AwaitedRefund, StoreError> {
    Ok(AwaitedRefund { payment: PaymentId(value(row, "payment_id")?), refund: rows::refund(row)? })
}

fn capture(row: &Row) -> Result<StrayCapture, StoreError> {
    Ok(StrayCapture { payment: PaymentId(value(row, "payment_id")?), capture: rows::capture(row)? })
}
