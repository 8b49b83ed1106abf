//! All that belongs to a payment: read as a whole, decided on, and found by its parts.

use crate::connection::Sql;
use crate::rows::column;
use crate::{SqliteStore, apply, payments, record, rows, sql};
use async_trait::async_trait;
use sekali_core::domain::{
    CheckoutSession, Head, IdempotencyKey, PaymentFile, PaymentId, RecordedEvent, Refund, UserId,
};
use sekali_core::ports::{Decided, FileStore, Judge, Remark, StoreError};
use uuid::Uuid;

#[async_trait]
impl FileStore for SqliteStore {
    /// The writing thread is the only one that writes and has begun IMMEDIATE, so that there is nothing
    /// to lock.
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Result<Option<Decided>, StoreError> {
        self.write(move |sql| decide(sql, payment, &judge)).await
    }

    async fn remark(&self, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError> {
        let remarks = remarks.to_vec();
        self.write(move |sql| remarks.iter().try_for_each(|one| remark(sql, one))).await?;
        // Nothing else is decided while the one thread that writes does this.
        Ok(Vec::new())
    }

    async fn file(&self, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError> {
        self.read(move |sql| sql.snapshot(|| read(sql, payment))).await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        self.read(move |sql| sql.row(sql::SESSION, [session.to_string()], rows::session)).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        let gateway_id = gateway_id.to_owned();
        self.read(move |sql| sql.row(sql::SESSION_BY_GATEWAY_ID, [gateway_id], rows::session)).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.read(move |sql| sql.row(sql::LATEST_SESSION, [payment.0], rows::session)).await
    }

    async fn payment_of_intent(&self, payment_intent: &str) -> Result<Option<PaymentId>, StoreError> {
        let payment_intent = payment_intent.to_owned();
        self.read(move |sql| {
            sql.row(sql::PAYMENT_OF_INTENT, [payment_intent], |row| rows::payment_id(row, 0))
        })
        .await
    }

    async fn refund(&self, refund: Uuid) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        self.read(move |sql| sql.row(sql::REFUND, [refund.to_string()], refund_with_payment)).await
    }

    async fn refund_by_key(
        &self,
        by: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        let key = key.clone();
        self.read(move |sql| sql.row(sql::REFUND_BY_KEY, (by.0, key.as_str()), refund_with_payment)).await
    }

    async fn record(
        &self,
        payment: PaymentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read(move |sql| record::of_payment(sql, payment, after, limit)).await
    }
}

fn refund_with_payment(row: &rusqlite::Row<'_>) -> Result<(PaymentId, Refund), StoreError> {
    Ok((rows::payment_id(row, rows::AFTER_REFUND)?, rows::refund(row)?))
}

fn decide(sql: &Sql<'_>, payment: PaymentId, judge: &Judge) -> Result<Option<Decided>, StoreError> {
    let Some(file) = read(sql, payment)? else { return Ok(None) };
    let decision = judge(&file);
    if decision.is_empty() {
        return Ok(Some(Decided { file, changed: false }));
    }
    apply::apply(sql, &file, &decision)?;
    for event in decision.recorded(&file) {
        record::append(sql, payment, &event)?;
    }
    Ok(read(sql, payment)?.map(|file| Decided { file, changed: true }))
}

fn remark(sql: &Sql<'_>, remark: &Remark) -> Result<(), StoreError> {
    let found = payments::find(sql, remark.payment)?;
    if found.is_none_or(|receipt| receipt.payment.reference != remark.reference) {
        return Ok(());
    }
    record::append(sql, remark.payment, &remark.after(head(sql, remark.payment)?))
}

fn head(sql: &Sql<'_>, payment: PaymentId) -> Result<Head, StoreError> {
    Ok(sql.row(sql::HEAD, [payment.0], rows::head)?.unwrap_or_default())
}

/// The file of a payment, inside the caller's transaction.
fn read(sql: &Sql<'_>, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError> {
    let Some(receipt) = payments::find(sql, payment)? else { return Ok(None) };
    let (id, currency) = ([payment.0], receipt.payment.amount.currency);
    Ok(Some(PaymentFile {
        taxes: sql.rows(sql::TAXES, id, |row| rows::tax(row, currency))?,
        sessions: sql.rows(sql::SESSIONS_OF_PAYMENT, id, rows::session)?,
        captures: sql.rows(sql::CAPTURES_OF_PAYMENT, id, rows::capture)?,
        refunds: sql.rows(sql::REFUNDS_OF_PAYMENT, id, rows::refund)?,
        disputes: sql.rows(sql::DISPUTES_OF_PAYMENT, id, rows::dispute)?,
        head: head(sql, payment)?,
        payment: receipt.payment,
        invoice: receipt.invoice,
    }))
}

/// The row numbers of a payment's taxes, in their order.
pub(crate) fn tax_ids(sql: &Sql<'_>, payment: PaymentId) -> Result<Vec<i64>, StoreError> {
    sql.rows(sql::TAXES, [payment.0], |row| column(row, 4))
}
