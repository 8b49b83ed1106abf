//! How far the host was told of each payment's record.

use crate::SqliteStore;
use crate::connection::Sql;
use crate::failure::broken;
use crate::rows::{self, column};
use crate::sql::operations;
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{Delivery, OutboxEntry, OutboxQuery, OutboxStore, StoreError};
use std::time::Duration;

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let until = now.plus(lease);
        self.write(move |sql| claim(sql, now, until, limit)).await
    }

    async fn delivered(&self, payment: PaymentId, seq: i64, now: Timestamp) -> Result<(), StoreError> {
        let params = (payment.0, seq, now.as_micros());
        self.write(move |sql| sql.run(operations::DELIVERED, params).map(drop)).await
    }

    async fn not_delivered(
        &self,
        payment: PaymentId,
        seq: i64,
        error: &str,
        now: Timestamp,
        next: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let params = (payment.0, seq, error.to_owned(), now.as_micros(), next.map(Timestamp::as_micros));
        self.write(move |sql| sql.run(operations::NOT_DELIVERED, params).map(drop)).await
    }

    async fn outbox(
        &self,
        query: OutboxQuery,
        after: PaymentId,
        limit: u32,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let statement = match query {
            OutboxQuery::Parked => operations::OUTBOX_PARKED,
            OutboxQuery::Unfinished => operations::OUTBOX_UNFINISHED,
            OutboxQuery::All => operations::OUTBOX,
        };
        self.read(move |sql| sql.rows(statement, (after.0, limit), rows::outbox_entry)).await
    }

    async fn replay(
        &self,
        payment: PaymentId,
        from: Option<i64>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        // What is delivered then: everything before `from`.
        let before = from.map(|seq| seq.max(1) - 1);
        let params = (payment.0, before, now.as_micros());
        self.write(move |sql| Ok(sql.run(operations::REPLAY, params)? == 1)).await
    }

    async fn outbox_depth(&self) -> Result<(u64, u64), StoreError> {
        let read = |row: &rusqlite::Row<'_>| Ok((rows::count(row, 0)?, rows::count(row, 1)?));
        let depth = self.read(move |sql| sql.row(operations::OUTBOX_DEPTH, (), read)).await?;
        depth.ok_or_else(|| broken("a count brought no row"))
    }
}

/// A row that was claimed.
struct Claimed {
    payment: PaymentId,
    delivered_seq: i64,
    attempts: u32,
    failing_since: Option<Timestamp>,
}

fn claim(sql: &Sql<'_>, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
    let claimed =
        sql.rows(operations::CLAIM_DELIVERIES, (now.as_micros(), until.as_micros(), limit), |row| {
            Ok(Claimed {
                payment: rows::payment_id(row, 0)?,
                delivered_seq: column(row, 1)?,
                attempts: column(row, 2)?,
                failing_since: rows::micros(row, 3)?,
            })
        })?;
    claimed.iter().map(|row| next(sql, row)).collect()
}

/// The entry that a claimed payment's host is to be told of next.
fn next(sql: &Sql<'_>, claimed: &Claimed) -> Result<Delivery, StoreError> {
    let Claimed { payment, delivered_seq, attempts, failing_since } = *claimed;
    let found = sql.row(operations::NEXT_ANNOUNCED, (payment.0, delivered_seq), |row| {
        Ok((rows::uuid(row, rows::AFTER_EVENT)?, rows::event(row)?))
    })?;
    let (reference, event) =
        found.ok_or_else(|| broken(format!("the delivery of payment {payment} is due without an entry")))?;
    Ok(Delivery { reference, event, attempts, failing_since })
}
