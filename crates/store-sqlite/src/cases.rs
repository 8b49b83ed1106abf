//! What an operator has to look at.

use crate::connection::Sql;
use crate::sql::operations;
use crate::{SqliteStore, rows};
use async_trait::async_trait;
use sekali_core::domain::{PaymentId, Timestamp};
use sekali_core::ports::{Case, CaseKind, CaseStore, StoreError};

#[async_trait]
impl CaseStore for SqliteStore {
    async fn open_case(&self, case: &Case) -> Result<bool, StoreError> {
        let case = case.clone();
        self.write(move |sql| {
            let Case { kind, object, payment, detail, opened_at, .. } = case;
            let row = (kind.as_str(), object, payment.map(|id| id.0), detail, opened_at.sql());
            Ok(sql.run(operations::NOTE_CASE, row)? == 1)
        })
        .await
    }

    async fn close_case(&self, kind: CaseKind, object: &str, at: Timestamp) -> Result<bool, StoreError> {
        let object = object.to_owned();
        self.write(move |sql| close(sql, kind, &object, &at.sql())).await
    }

    async fn cases(&self, open: bool, limit: u32) -> Result<Vec<Case>, StoreError> {
        let statement = if open { operations::OPEN_CASES } else { operations::CASES };
        self.read(move |sql| sql.rows(statement, [limit], rows::case)).await
    }
}

/// Whether it was opened; not if it is open already.
pub(crate) fn open(
    sql: &Sql<'_>,
    kind: CaseKind,
    object: &str,
    payment: Option<PaymentId>,
    detail: &str,
    at: &str,
) -> Result<bool, StoreError> {
    let payment = payment.map(|payment| payment.0);
    Ok(sql.run(operations::OPEN_CASE, (kind.as_str(), object, payment, detail, at))? == 1)
}

/// Whether one was open.
pub(crate) fn close(sql: &Sql<'_>, kind: CaseKind, object: &str, at: &str) -> Result<bool, StoreError> {
    Ok(sql.run(operations::CLOSE_CASE, (kind.as_str(), object, at))? == 1)
}
