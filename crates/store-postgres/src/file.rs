//! All that belongs to a payment, as it is read.

use crate::pool::{Params, Transaction, work};
use crate::rows::{self, value};
use crate::single::values;
use crate::{PostgresStore, decide, remark, sql};
use async_trait::async_trait;
use futures_util::future::try_join_all;
use sekali_core::domain::{
    CheckoutSession, IdempotencyKey, PaymentFile, PaymentId, RecordedEvent, Refund, UserId,
};
use sekali_core::ports::{Decided, FileStore, Judge, Remark, StoreError};
use tokio_postgres::Row;
use uuid::Uuid;

#[async_trait]
impl FileStore for PostgresStore {
    async fn decide(&self, payment: PaymentId, judge: Judge) -> Result<Option<Decided>, StoreError> {
        self.pool
            .write(work(move |c| Box::pin(async move { decide::decide(c, payment, &judge).await })))
            .await
    }

    async fn remark(&self, remarks: &[Remark]) -> Result<Vec<PaymentId>, StoreError> {
        let remarks = remarks.to_vec();
        self.pool.write(work(move |c| Box::pin(async move { remark::remark(c, &remarks).await }))).await
    }

    async fn file(&self, payment: PaymentId) -> Result<Option<PaymentFile>, StoreError> {
        let work = work(move |c| {
            Box::pin(async move {
                let tx = c.begin_snapshot().await?;
                read(&tx, payment).await
            })
        });
        self.pool.read(work).await
    }

    async fn session(&self, session: Uuid) -> Result<Option<CheckoutSession>, StoreError> {
        self.pool.find(&sql::SESSION, values![session], rows::session).await
    }

    async fn session_by_gateway_id(&self, gateway_id: &str) -> Result<Option<CheckoutSession>, StoreError> {
        self.pool.find(&sql::SESSION_BY_GATEWAY_ID, values![gateway_id.to_owned()], rows::session).await
    }

    async fn latest_session(&self, payment: PaymentId) -> Result<Option<CheckoutSession>, StoreError> {
        self.pool.find(&sql::LATEST_SESSION, values![payment.0], rows::session).await
    }

    async fn payment_of_intent(&self, payment_intent: &str) -> Result<Option<PaymentId>, StoreError> {
        let values = values![payment_intent.to_owned()];
        self.pool.find(&sql::PAYMENT_OF_INTENT, values, |row| value(row, "payment_id").map(PaymentId)).await
    }

    async fn refund(&self, refund: Uuid) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        self.pool.find(&sql::REFUND, values![refund], with_payment).await
    }

    async fn refund_by_key(
        &self,
        by: UserId,
        key: &IdempotencyKey,
    ) -> Result<Option<(PaymentId, Refund)>, StoreError> {
        self.pool.find(&sql::REFUND_BY_KEY, values![by.0, key.as_str().to_owned()], with_payment).await
    }

    async fn record(
        &self,
        payment: PaymentId,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.pool.list(&sql::RECORD, values![payment.0, after, i64::from(limit)], rows::event).await
    }
}

fn with_payment(row: &Row) -> Result<(PaymentId, Refund), StoreError> {
    Ok((PaymentId(value(row, "payment_id")?), rows::refund(row)?))
}

/// Reads it as the transaction sees it: under the payment's lock, or in one snapshot. The statements are
/// sent together, and so take one round trip.
pub(crate) async fn read(
    tx: &Transaction<'_>,
    payment: PaymentId,
) -> Result<Option<PaymentFile>, StoreError> {
    let id: Params<'_> = &[&payment.0];
    let asked = [
        &sql::PAYMENT,
        &sql::TAXES,
        &sql::SESSIONS,
        &sql::CAPTURES,
        &sql::REFUNDS,
        &sql::DISPUTES,
        &sql::HEAD,
    ];
    let found = try_join_all(asked.map(|sql| tx.send(sql, id))).await?;
    let [receipt, taxes, sessions, captures, refunds, disputes, head] = &found[..] else {
        return Err(StoreError::Broken("a question was not answered".to_owned()));
    };
    let Some(receipt) = rows::first(receipt, rows::receipt)? else { return Ok(None) };
    Ok(Some(PaymentFile {
        payment: receipt.payment,
        invoice: receipt.invoice,
        taxes: each(taxes, rows::tax)?,
        sessions: each(sessions, rows::session)?,
        captures: each(captures, rows::capture)?,
        refunds: each(refunds, rows::refund)?,
        disputes: each(disputes, rows::dispute)?,
        head: rows::first(head, rows::head)?.unwrap_or_default(),
    }))
}

fn each<T>(found: &[Row], read: impl Fn(&Row) -> Result<T, StoreError>) -> Result<Vec<T>, StoreError> {
    found.iter().map(read).collect()
}
