//! One payment, because an operator wants to know now.

use super::Reconcile;
use crate::domain::{Entry, Origin, PaymentFile, PaymentId, What};
use crate::flow::settle::SettleError;
use crate::ports::{AwaitedSession, StoreError};

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Stripe was asked about everything; whether the payment, or one of its refunds, has moved on by that.
    Answered {
        /// By this asking.
        changed: bool,
    },
    /// Something has no answer yet: the reconciler goes on asking.
    Unanswered(String),
    /// No such payment.
    NoPayment,
}

impl Reconcile {
    /// Asks Stripe now how a payment's live session, its refunds and its money stand, and writes what follows, as a
    /// pass would.
    ///
    /// What must hold: that the operator has asked is in the record before Stripe is, whatever comes of it; nothing is
    /// decided here that a webhook would not decide. A process that dies on the way leaves the question to the next
    /// pass.
    pub async fn ask(&self, payment: PaymentId, origin: &Origin) -> Result<Asked, StoreError> {
        let Some(before) = self.note_asked(payment, origin).await? else { return Ok(Asked::NoPayment) };
        if let Err(error) = self.ask_all(&before, origin).await {
            tracing::warn!(payment_id = payment.0, %error, "Reconciler: An operator's question has no answer yet");
            return match error {
                SettleError::Store(error) => Err(error),
                error => Ok(Asked::Unanswered(error.to_string())),
            };
        }
        let after = self.store().file(payment).await?;
        Ok(Asked::Answered { changed: after.is_some_and(|after| after.head != before.head) })
    }

    /// The file of the payment after the operator's wish is in its record. `None`: there is no such payment.
    async fn note_asked(
        &self,
        payment: PaymentId,
        origin: &Origin,
    ) -> Result<Option<PaymentFile>, StoreError> {
        let entry = Entry { what: What::ReconcileAsked {}, origin: origin.clone() };
        self.cancel.checkout.settle.note(payment, entry).await
    }

    async fn ask_all(&self, file: &PaymentFile, origin: &Origin) -> Result<(), SettleError> {
        if let Some(session) = file.live_session() {
            let cancel_requested = file.payment.cancel_requested;
            let awaited = AwaitedSession { ordinal: 0, session: session.clone(), cancel_requested };
            self.ask_session(&awaited, origin).await?;
        }
        for refund in file.refunds.iter().filter(|refund| refund.state.is_awaited()) {
            self.refunds.follow(file.payment.id, refund, origin).await?;
        }
        // Refunds that somebody has made in the dashboard.
        for capture in &file.captures {
            self.refunds.take_in_all(&capture.payment_intent, origin).await?;
        }
        Ok(())
    }
}
