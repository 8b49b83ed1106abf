//! What the reconciler looks for.

use crate::SqliteStore;
use crate::failure::broken;
use crate::rows::{self, column};
use crate::sql::operations;
use async_trait::async_trait;
use rusqlite::Row;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{
    AwaitedRefund, AwaitedSession, FURTHEST_AHEAD, ReconcileStore, StoreError, StrayCapture,
};
use uuid::Uuid;

#[async_trait]
impl ReconcileStore for SqliteStore {
    async fn overdue_payments(
        &self,
        before: Timestamp,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let params = (second(before), after.0, limit);
        self.read(move |sql| sql.rows(operations::OVERDUE_PAYMENTS, params, |row| rows::payment_id(row, 0)))
            .await
    }

    async fn awaited_sessions(&self, after: i64, limit: u32) -> Result<Vec<AwaitedSession>, StoreError> {
        self.read(move |sql| sql.rows(operations::AWAITED_SESSIONS, (after, limit), awaited_session)).await
    }

    async fn awaited_refunds(&self, after: Uuid, limit: u32) -> Result<Vec<AwaitedRefund>, StoreError> {
        let params = (after.to_string(), limit);
        self.read(move |sql| sql.rows(operations::AWAITED_REFUNDS, params, awaited_refund)).await
    }

    async fn stray_captures(&self, after: &str, limit: u32) -> Result<Vec<StrayCapture>, StoreError> {
        let params = (after.to_owned(), limit);
        self.read(move |sql| sql.rows(operations::STRAY_CAPTURES, params, stray_capture)).await
    }

    async fn bring_forward(&self, now: Timestamp) -> Result<u64, StoreError> {
        let params = (now.as_micros(), now.plus(FURTHEST_AHEAD).as_micros());
        self.write(move |sql| {
            let events = sql.run(operations::BRING_EVENTS_FORWARD, params)?;
            let deliveries = sql.run(operations::BRING_DELIVERIES_FORWARD, params)?;
            Ok(u64::try_from(events + deliveries).unwrap_or(u64::MAX))
        })
        .await
    }

    async fn automatic_refunds_since(&self, since: Timestamp) -> Result<u64, StoreError> {
        let params = [second(since)];
        let count = self
            .read(move |sql| sql.row(operations::AUTOMATIC_REFUNDS_SINCE, params, |row| rows::count(row, 0)))
            .await?;
        count.ok_or_else(|| broken("a count brought no row"))
    }

    async fn sessions_since(
        &self,
        since: Timestamp,
        after: i64,
        limit: u32,
    ) -> Result<Vec<AwaitedSession>, StoreError> {
        let params = (second(since), after, limit);
        self.read(move |sql| sql.rows(operations::SESSIONS_SINCE, params, awaited_session)).await
    }

    async fn captures_since(
        &self,
        since: Timestamp,
        after: &str,
        limit: u32,
    ) -> Result<Vec<StrayCapture>, StoreError> {
        let params = (second(since), after.to_owned(), limit);
        self.read(move |sql| sql.rows(operations::CAPTURES_SINCE, params, stray_capture)).await
    }

    async fn refunds_since(
        &self,
        since: Timestamp,
        after: Uuid,
        limit: u32,
    ) -> Result<Vec<AwaitedRefund>, StoreError> {
        let params = (second(since), after.to_string(), limit);
        self.read(move |sql| sql.rows(operations::REFUNDS_SINCE, params, awaited_refund)).await
    }
}

/// The first whole second at or after a moment, as the columns hold it. Rows hold whole seconds: one lies
/// before the moment if and only if it lies before this second.
fn second(moment: Timestamp) -> String {
    let last = Timestamp::from_micros(moment.as_micros().saturating_add(999_999));
    last.whole_second().sql()
}

fn awaited_session(row: &Row<'_>) -> Result<AwaitedSession, StoreError> {
    Ok(AwaitedSession {
        ordinal: column(row, rows::AFTER_SESSION)?,
        session: rows::session(row)?,
        cancel_requested: column(row, rows::AFTER_SESSION + 1)?,
    })
}

fn awaited_refund(row: &Row<'_>) -> Result<AwaitedRefund, StoreError> {
    Ok(AwaitedRefund { payment: rows::payment_id(row, rows::AFTER_REFUND)?, refund: rows::refund(row)? })
}

fn stray_capture(row: &Row<'_>) -> Result<StrayCapture, StoreError> {
    Ok(StrayCapture { payment: rows::payment_id(row, rows::AFTER_CAPTURE)?, capture: rows::capture(row)? })
}
