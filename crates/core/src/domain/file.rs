//! All that belongs to one payment.

use super::{
    Capture, CheckoutSession, Disposition, Dispute, Head, Invoice, Money, Payment, Receipt, Refund,
    RefundState, TaxLine,
};
use uuid::Uuid;

/// A payment with everything that hangs on it, as one transaction sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentFile {
    /// The payment.
    pub payment: Payment,
    /// Its invoice.
    pub invoice: Invoice,
    /// Its tax records, in their order.
    pub taxes: Vec<TaxRecord>,
    /// Its Checkout Sessions, oldest first.
    pub sessions: Vec<CheckoutSession>,
    /// The money that came for it, oldest first.
    pub captures: Vec<Capture>,
    /// Its refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Its disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// Where its record ends.
    pub head: Head,
}

/// A tax as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaxRecord {
    /// The tax.
    pub line: TaxLine,
    /// How much of it went back with refunds, in minor units of its currency.
    pub refunded_minor: i64,
}

impl PaymentFile {
    /// The payment with its invoice.
    pub fn receipt(&self) -> Receipt {
        Receipt { payment: self.payment.clone(), invoice: self.invoice.clone() }
    }

    /// A session by our name.
    pub fn session(&self, id: Uuid) -> Option<&CheckoutSession> {
        self.sessions.iter().find(|session| session.id == id)
    }

    /// The session through which money could still arrive; there is one at most.
    pub fn live_session(&self) -> Option<&CheckoutSession> {
        self.sessions.iter().find(|session| session.state.is_live())
    }

    /// A capture by its payment intent.
    pub fn capture(&self, payment_intent: &str) -> Option<&Capture> {
        self.captures.iter().find(|capture| capture.payment_intent == payment_intent)
    }

    /// The capture that paid the payment.
    pub fn settled(&self) -> Option<&Capture> {
        self.captures.iter().find(|capture| capture.disposition == Disposition::Settled)
    }

    /// A refund by our name.
    pub fn refund(&self, id: Uuid) -> Option<&Refund> {
        self.refunds.iter().find(|refund| refund.id == id)
    }

    /// The refunds of one capture.
    pub fn refunds_of<'f, 'i>(
        &'f self,
        payment_intent: &'i str,
    ) -> impl Iterator<Item = &'f Refund> + use<'f, 'i> {
        self.refunds.iter().filter(move |refund| refund.payment_intent == payment_intent)
    }

    /// What of a capture is not taken up by refunds that are requested, under way or done.
    pub fn remaining(&self, capture: &Capture) -> Money {
        let refunds = self.refunds_of(&capture.payment_intent).filter(|refund| refund.state.counts());
        let taken: i64 = refunds.map(|refund| refund.amount.minor).sum();
        Money::new(capture.amount.minor - taken, capture.amount.currency)
    }

    /// What of a capture is back with the payer for certain.
    pub fn given_back(&self, capture: &Capture) -> Money {
        let refunds =
            self.refunds_of(&capture.payment_intent).filter(|refund| refund.state == RefundState::Succeeded);
        Money::new(refunds.map(|refund| refund.amount.minor).sum(), capture.amount.currency)
    }
}
