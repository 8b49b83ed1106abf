//! What a decision changes, written row by row.

use crate::pool::Transaction;
use crate::rows::At;
use crate::sql;
use sekali_core::decision::{Change, Decision};
use sekali_core::domain::{
    Capture, CheckoutSession, Dispute, InvoiceStatus, PaymentFile, Refund, RefundOrigin, Status,
};
use sekali_core::ports::StoreError;

/// Writes the changes in their order. One that does not find the state it leaves is an error.
pub(crate) async fn apply(
    tx: &Transaction<'_>,
    file: &PaymentFile,
    decision: &Decision,
) -> Result<(), StoreError> {
    let at = At(decision.at.whole_second());
    let writer = Writer { tx, payment: file.payment.id.0, taxes: file.taxes.len(), at };
    for change in &decision.changes {
        writer.write(change).await?;
    }
    Ok(())
}

struct Writer<'t> {
    tx: &'t Transaction<'t>,
    payment: i64,
    /// How many there are.
    taxes: usize,
    at: At,
}

impl Writer<'_> {
    async fn write(&self, change: &Change) -> Result<(), StoreError> {
        let Self { tx, payment, at, .. } = self;
        match change {
            Change::Status { from, to } => self.status(*from, *to).await,
            Change::CancelRequested => tx.change(&sql::REQUEST_CANCEL, &[payment, at]).await,
            Change::Refunded { minor, taxes } => self.refunded(*minor, taxes).await,
            Change::DisputeState(state) => {
                tx.change(&sql::CHANGE_DISPUTE_STATE, &[payment, &state.as_str(), at]).await
            }
            Change::NewSession(session) => self.new_session(session).await,
            Change::Session { id, from, to, gateway_id } => {
                let (from, to) = (from.as_str(), to.as_str());
                tx.change(&sql::CHANGE_SESSION, &[id, payment, &from, &to, gateway_id, at]).await
            }
            Change::Ending { id, key } => tx.change(&sql::END_SESSION_BY, &[id, payment, key, at]).await,
            Change::NewCapture(capture) => self.new_capture(capture).await,
            Change::NewRefund(refund) => self.new_refund(refund).await,
            Change::Refund { id, from, to, gateway_id, failure } => {
                let (from, to) = (from.as_str(), to.as_str());
                tx.change(&sql::CHANGE_REFUND, &[id, payment, &from, &to, gateway_id, failure, at]).await
            }
            Change::Dispute(dispute) => self.dispute(dispute).await,
            // A case that is there already, or one that is not: both are as they should be.
            Change::OpenCase { kind, object, detail } => {
                tx.send(&sql::OPEN_CASE, &[&kind.as_str(), object, payment, detail, at]).await.map(drop)
            }
            Change::CloseCase { kind, object } => {
                tx.send(&sql::CLOSE_CASE, &[&kind.as_str(), object, at]).await.map(drop)
            }
        }
    }

    async fn status(&self, from: Status, to: Status) -> Result<(), StoreError> {
        if !from.may_become(to) {
            return Err(StoreError::Broken(format!("a payment that is {from} cannot become {to}")));
        }
        let Self { tx, payment, at, .. } = self;
        let sql = if to.is_active() { &sql::CHANGE_STATUS } else { &sql::END_PAYMENT };
        tx.change(sql, &[payment, &from.as_str(), &to.as_str(), at]).await?;
        let (invoice, becomes) = (InvoiceStatus::of(from), InvoiceStatus::of(to));
        if invoice == becomes {
            return Ok(());
        }
        tx.change(&sql::CHANGE_INVOICE, &[payment, &invoice.as_str(), &becomes.as_str(), at]).await
    }

    async fn refunded(&self, minor: i64, taxes: &[i64]) -> Result<(), StoreError> {
        let Self { tx, payment, at, .. } = self;
        tx.change(&sql::CHANGE_REFUNDED, &[payment, &minor, at]).await?;
        let written = tx.send(&sql::CHANGE_TAXES_REFUNDED, &[payment, &taxes]).await?.len();
        if written == taxes.len() && written == self.taxes {
            return Ok(());
        }
        Err(StoreError::Broken(format!("payment {payment} has other taxes than were decided on")))
    }

    async fn new_session(&self, session: &CheckoutSession) -> Result<(), StoreError> {
        let CheckoutSession { id, state, request, gateway_id, ending, .. } = session;
        let created_at = At(session.created_at.whole_second());
        let state = state.as_str();
        self.tx
            .change(
                &sql::INSERT_SESSION,
                &[id, &self.payment, &state, request, gateway_id, ending, &created_at, &self.at],
            )
            .await
    }

    async fn new_capture(&self, capture: &Capture) -> Result<(), StoreError> {
        let Capture { payment_intent, session, amount, disposition, created_at } = capture;
        let (currency, disposition) = (amount.currency.code(), disposition.as_str());
        let created_at = At(created_at.whole_second());
        self.tx
            .change(
                &sql::INSERT_CAPTURE,
                &[
                    payment_intent,
                    &self.payment,
                    session,
                    &amount.minor,
                    &currency,
                    &disposition,
                    &created_at,
                ],
            )
            .await
    }

    async fn new_refund(&self, refund: &Refund) -> Result<(), StoreError> {
        let (by, key, fingerprint) = match &refund.origin {
            RefundOrigin::Operator { by, key, fingerprint } => {
                (Some(by.0), Some(key.as_str()), Some(fingerprint.0.as_slice()))
            }
            RefundOrigin::Automatic | RefundOrigin::Dashboard => (None, None, None),
        };
        let currency = refund.amount.currency;
        let decimals = i16::try_from(currency.decimals()).unwrap_or(i16::MAX);
        self.tx
            .change(
                &sql::INSERT_REFUND,
                &[
                    &refund.id,
                    &self.payment,
                    &refund.payment_intent,
                    &refund.amount.minor,
                    &currency.code(),
                    &decimals,
                    &refund.state.as_str(),
                    &refund.origin.as_str(),
                    &by,
                    &key,
                    &fingerprint,
                    &refund.reason,
                    &refund.request,
                    &refund.gateway_id,
                    &refund.replaces,
                    &refund.failure,
                    &At(refund.created_at.whole_second()),
                    &self.at,
                ],
            )
            .await
    }

    async fn dispute(&self, dispute: &Dispute) -> Result<(), StoreError> {
        let Dispute { gateway_id, payment_intent, amount, state, reason, created_at } = dispute;
        let (currency, state) = (amount.currency.code(), state.as_str());
        let (created_at, minor) = (At(created_at.whole_second()), amount.minor);
        self.tx
            .change(
                &sql::PUT_DISPUTE,
                &[
                    gateway_id,
                    &self.payment,
                    payment_intent,
                    &minor,
                    &currency,
                    &state,
                    reason,
                    &created_at,
                    &self.at,
                ],
            )
            .await
    }
}
