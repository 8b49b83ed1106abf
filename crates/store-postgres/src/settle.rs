//! The one function through which a payment learns its outcome.

use crate::pool::{Connection, Transaction};
use crate::rows::{self, At};
use crate::sql;
use sekali_core::domain::{
    CheckoutSession, InvoiceStatus, Money, PaymentId, Receipt, SessionState, Status, Timestamp,
};
use sekali_core::ports::{SettleOutcome, Settlement, StoreError};

/// Writes what Stripe says of a session, under the locks of its consultation, payment and itself.
pub(crate) async fn settle(
    connection: &mut Connection,
    news: &Settlement,
) -> Result<SettleOutcome, StoreError> {
    let tx = connection.begin().await?;
    let id = news.session();
    tx.send(&sql::LOCK_CONSULTATION_OF_SESSION, &[&id]).await?;
    // Not locked yet: the payment comes first. Which one it is never changes.
    let Some(session) = rows::first(&tx.send(&sql::SESSION, &[&id]).await?, rows::session)? else {
        return Ok(SettleOutcome::NoSession);
    };
    let receipt = rows::first(&tx.send(&sql::LOCK_PAYMENT, &[&session.payment.0]).await?, rows::receipt)?;
    let receipt = receipt.ok_or_else(|| missing(session.payment))?;
    let session = rows::first(&tx.send(&sql::LOCK_SESSION, &[&id]).await?, rows::session)?;
    let session = session.ok_or_else(|| missing(receipt.payment.id))?;
    let step = match news {
        Settlement::Paid { gateway_id, payment_intent, amount, at, .. } => {
            let known = !tx.send(&sql::CAPTURE, &[payment_intent]).await?.is_empty();
            if known { None } else { Some(paid(&receipt, gateway_id, payment_intent, *amount, *at)) }
        }
        Settlement::Submitted { gateway_id, at, .. } => submitted(&session, gateway_id, *at),
        Settlement::Expired { gateway_id, at, .. } => expired(&session, gateway_id, *at),
        Settlement::Refused { at, .. } => refused(&session, *at),
    };
    match step {
        None => Ok(SettleOutcome::Unchanged(receipt)),
        Some(step) => step.take(tx, &session, receipt.payment.id).await,
    }
}

fn missing(payment: PaymentId) -> StoreError {
    StoreError::Broken(format!("payment {payment} has lost a row that belongs to it"))
}

/// What follows from the news, decided before anything is written.
struct Step<'n> {
    session: SessionState,
    gateway_id: Option<&'n str>,
    payment: Option<Status>,
    capture: Option<Capture<'n>>,
    at: Timestamp,
}

struct Capture<'n> {
    payment_intent: &'n str,
    amount: Money,
    disposition: Disposition,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    /// It pays the payment.
    Settled,
    /// The payment is not waiting for money.
    Surplus,
    /// The payment waits for another amount.
    Mismatch,
}

impl Disposition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Settled => "settled",
            Self::Surplus => "surplus",
            Self::Mismatch => "mismatch",
        }
    }
}

fn paid<'n>(
    receipt: &Receipt,
    gateway_id: &'n str,
    payment_intent: &'n str,
    amount: Money,
    at: Timestamp,
) -> Step<'n> {
    let disposition = match receipt.payment.status == Status::Processing {
        true if amount == receipt.payment.amount => Disposition::Settled,
        true => Disposition::Mismatch,
        false => Disposition::Surplus,
    };
    Step {
        session: SessionState::Complete,
        gateway_id: Some(gateway_id),
        payment: (disposition == Disposition::Settled).then_some(Status::Completed),
        capture: Some(Capture { payment_intent, amount, disposition }),
        at,
    }
}

fn submitted<'n>(session: &CheckoutSession, gateway_id: &'n str, at: Timestamp) -> Option<Step<'n>> {
    matches!(session.state, SessionState::Creating | SessionState::Open).then_some(Step {
        session: SessionState::Submitted,
        gateway_id: Some(gateway_id),
        payment: None,
        capture: None,
        at,
    })
}

fn expired<'n>(session: &CheckoutSession, gateway_id: &'n str, at: Timestamp) -> Option<Step<'n>> {
    matches!(session.state, SessionState::Creating | SessionState::Open).then_some(Step {
        session: SessionState::Expired,
        gateway_id: Some(gateway_id),
        payment: Some(Status::Expired),
        capture: None,
        at,
    })
}

fn refused<'n>(session: &CheckoutSession, at: Timestamp) -> Option<Step<'n>> {
    (session.state == SessionState::Creating).then_some(Step {
        session: SessionState::Expired,
        gateway_id: None,
        payment: Some(Status::Failed),
        capture: None,
        at,
    })
}

impl Step<'_> {
    /// Writes it. The session goes first, as the payment's change makes sure that none is live.
    async fn take(
        &self,
        tx: Transaction<'_>,
        session: &CheckoutSession,
        payment: PaymentId,
    ) -> Result<SettleOutcome, StoreError> {
        let at = At(self.at);
        let (from, to) = (session.state.as_str(), self.session.as_str());
        tx.change(&sql::CHANGE_SESSION, &[&session.id, &from, &to, &self.gateway_id, &at]).await?;
        if let Some(Capture { payment_intent, amount, disposition }) = &self.capture {
            let (minor, currency, disposition) = (amount.minor, amount.currency.code(), disposition.as_str());
            tx.change(
                &sql::INSERT_CAPTURE,
                &[payment_intent, &payment.0, &session.id, &minor, &currency, &disposition, &at],
            )
            .await?;
        }
        if let Some(status) = self.payment {
            if status == Status::Completed {
                tx.change(&sql::COMPLETE_PAYMENT, &[&payment.0, &at]).await?;
            } else {
                tx.change(&sql::END_PAYMENT, &[&payment.0, &status.as_str(), &at]).await?;
            }
            let invoice = InvoiceStatus::of(status).as_str();
            tx.change(&sql::CHANGE_INVOICE, &[&payment.0, &invoice, &at]).await?;
        }
        let after = rows::first(&tx.send(&sql::PAYMENT, &[&payment.0]).await?, rows::receipt)?;
        let after = after.ok_or_else(|| missing(payment))?;
        tx.commit().await?;
        let settles = |capture: &Capture<'_>| capture.disposition == Disposition::Settled;
        Ok(match &self.capture {
            Some(capture) if !settles(capture) => SettleOutcome::Surplus(after),
            _ => SettleOutcome::Changed(after),
        })
    }
}
