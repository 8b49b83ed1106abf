//! A payment is given up.
//!
//! What must hold: a payment is cancelled only when its session is dead for certain, by Stripe's word.
//! Whoever dies on the way leaves `cancel_requested`, and the reconciler goes on from there. If Stripe
//! says that the patient has paid, the payment is settled instead.

use super::Stopwatch;
use super::checkout::{Checkout, Way};
use super::settle::{SettleError, Settled};
use crate::decision::cancel::{Cancelling, cancel};
use crate::domain::{CheckoutSession, Origin, PaymentFile, PaymentId, Receipt, SessionState, Status};
use crate::ports::{GatewayError, Point, StoreError};

/// How a wish to cancel ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It is cancelled, now or before.
    Done(Receipt),
    /// It will be, unless it turns out to be paid: Stripe has not said yet that the session is dead.
    Requested(Receipt),
    /// It is paid, or the money is on its way.
    Confirmed(Receipt),
    /// It is over in another way.
    Over(Receipt),
    /// No such payment.
    NoPayment,
}

/// Giving up, with the way to Stripe.
#[derive(Clone)]
pub struct Cancel {
    /// Finds out about sessions, and holds the ports.
    pub checkout: Checkout,
}

impl Cancel {
    /// Cancels a payment. Asked again, it goes on where it stands.
    pub async fn cancel(&self, id: PaymentId, origin: &Origin) -> Result<Cancelled, StoreError> {
        let settle = &self.checkout.settle;
        let (key, at, by) = (settle.random.uuid(), settle.clock.now(), origin.clone());
        let judge = move |file: &PaymentFile| cancel(file, key, at, &by);
        let mut watch = Stopwatch::start(&*settle.clock, &*settle.probe);
        let intended = || watch.passed(Point::CancelIntended);
        let Some(outcome) = settle.decide_and_tell(id, intended, judge).await? else {
            return Ok(Cancelled::NoPayment);
        };
        let receipt = outcome.file.receipt();
        match outcome.verdict {
            Cancelling::Cancelled => Ok(Cancelled::Done(receipt)),
            Cancelling::Confirmed => Ok(Cancelled::Confirmed(receipt)),
            Cancelling::Over(_) => Ok(Cancelled::Over(receipt)),
            Cancelling::Ending(session) if session.state == SessionState::Creating => {
                self.find_out_first(receipt, &session, origin).await
            }
            Cancelling::Ending(session) => self.end(receipt, &session, origin).await,
        }
    }

    /// Nobody knows whether Stripe has made the session; when that is known it is ended like any other.
    async fn find_out_first(
        &self,
        receipt: Receipt,
        session: &CheckoutSession,
        origin: &Origin,
    ) -> Result<Cancelled, StoreError> {
        match self.checkout.go_on(receipt, session, origin).await? {
            Way::ToStripe(_) => Box::pin(self.cancel(session.payment, origin)).await,
            Way::Stands(receipt) => Ok(as_it_stands(receipt)),
            Way::Later(receipt) => Ok(Cancelled::Requested(receipt)),
            Way::NoPayment => Ok(Cancelled::NoPayment),
        }
    }

    /// Ends an open session at Stripe. Its answer may be an old picture, and a refusal may mean that the
    /// patient was quicker: so the session is looked up either way.
    async fn end(
        &self,
        receipt: Receipt,
        session: &CheckoutSession,
        origin: &Origin,
    ) -> Result<Cancelled, StoreError> {
        let settle = &self.checkout.settle;
        let (Some(gateway_id), Some(key)) = (&session.gateway_id, session.ending) else {
            return Err(StoreError::Broken("an open session has no name at Stripe".into()));
        };
        let mut watch = Stopwatch::start(&*settle.clock, &*settle.probe);
        if let Err(error @ (GatewayError::Unknown(_) | GatewayError::Spent(_))) =
            settle.gateway.expire_session(key, gateway_id).await
        {
            tracing::warn!(payment_id = session.payment.0, %error, "Cancel: Stripe gave no answer");
        }
        watch.passed(Point::SessionEnded);
        match settle.settle_session(gateway_id, origin).await {
            Ok(Settled::Stands(receipt)) => Ok(as_it_stands(receipt)),
            Ok(Settled::NotOurs) => Ok(Cancelled::Requested(receipt)),
            Err(SettleError::Store(error)) => Err(error),
            Err(error) => {
                tracing::warn!(payment_id = session.payment.0, %error, "Cancel: how the session stands is not known yet");
                Ok(Cancelled::Requested(receipt))
            }
        }
    }
}

fn as_it_stands(receipt: Receipt) -> Cancelled {
    match receipt.payment.status {
        Status::Cancelled => Cancelled::Done(receipt),
        Status::Completed | Status::Refunded => Cancelled::Confirmed(receipt),
        Status::Processing if receipt.payment.submitted => Cancelled::Confirmed(receipt),
        Status::Pending | Status::Processing => Cancelled::Requested(receipt),
        Status::Failed | Status::Expired => Cancelled::Over(receipt),
    }
}
