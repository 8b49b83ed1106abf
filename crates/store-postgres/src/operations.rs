//! Cases, and leases.

use crate::rows::{At, at, maybe_at, value, word};
use crate::single::values;
use crate::{PostgresStore, sql};
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{Case, CaseKind, CaseStore, FURTHEST_AHEAD, LeaseStore, StoreError};
use std::time::Duration;
use tokio_postgres::Row;
use uuid::Uuid;

#[async_trait]
impl CaseStore for PostgresStore {
    async fn open_case(&self, case: &Case) -> Result<bool, StoreError> {
        let Case { kind, object, payment, detail, opened_at, .. } = case.clone();
        let opened_at = At(opened_at.whole_second());
        let values = values![kind.as_str(), object, payment.map(|id| id.0), detail, opened_at];
        Ok(!self.pool.change(&sql::NOTE_CASE, values).await?.is_empty())
    }

    async fn close_case(&self, kind: CaseKind, object: &str, at: Timestamp) -> Result<bool, StoreError> {
        let values = values![kind.as_str(), object.to_owned(), At(at.whole_second())];
        Ok(!self.pool.change(&sql::CLOSE_CASE, values).await?.is_empty())
    }

    async fn cases(&self, open: bool, limit: u32) -> Result<Vec<Case>, StoreError> {
        let sql = if open { &sql::OPEN_CASES } else { &sql::CASES };
        self.pool.list(sql, values![i64::from(limit)], case).await
    }
}

pub(crate) fn case(row: &Row) -> Result<Case, StoreError> {
    Ok(Case {
        kind: word(row, "kind", CaseKind::parse)?,
        object: value(row, "object")?,
        payment: value::<Option<i64>>(row, "payment_id")?.map(PaymentId),
        detail: value(row, "detail")?,
        opened_at: at(row, "opened_at")?,
        closed_at: maybe_at(row, "closed_at")?,
    })
}

#[async_trait]
impl LeaseStore for PostgresStore {
    async fn acquire_lease(
        &self,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        lasts: Duration,
    ) -> Result<bool, StoreError> {
        let values =
            values![name.to_owned(), holder, At(now), At(now.plus(lasts)), At(now.plus(FURTHEST_AHEAD))];
        Ok(!self.pool.change(&sql::ACQUIRE_LEASE, values).await?.is_empty())
    }

    async fn release_lease(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        self.pool.change(&sql::RELEASE_LEASE, values![name.to_owned(), holder]).await.map(drop)
    }
}
