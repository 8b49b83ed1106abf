//! Payments, sessions and refunds whose end is awaited.

use super::{AT_ONCE, ORIGIN, PAGE, Part, Reconcile, Report};
use crate::decision::cancel::expire;
use crate::domain::{Origin, PaymentFile, PaymentId, Receipt, SessionState, Timestamp};
use crate::flow::checkout::{IN_FLIGHT, Way};
use crate::flow::settle::{SettleError, Settled};
use crate::ports::{AwaitedSession, StoreError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};
use std::sync::PoisonError;
use uuid::Uuid;

impl Reconcile {
    /// Payments that were made long ago and have no session: there is nothing to ask Stripe about.
    pub(super) async fn expire_overdue(&self, report: &mut Report) -> Result<(), StoreError> {
        let deadline = self.now().minus(self.rules.pending_expires);
        let mut part = Part::of("payments that nobody went on to pay", report);
        let mut after = PaymentId(0);
        loop {
            let overdue = self.store().overdue_payments(deadline, after, PAGE).await?;
            let Some(last) = overdue.last() else { return Ok(()) };
            after = *last;
            for payment in overdue {
                self.keep().await?;
                let expired = part.take(self.expire(payment, deadline).await);
                part.report.expired += u64::from(expired == Some(true));
                if part.is_hopeless() {
                    return Ok(());
                }
            }
        }
    }

    /// Whether the payment has expired by this.
    async fn expire(&self, payment: PaymentId, deadline: Timestamp) -> Result<bool, SettleError> {
        let at = self.now();
        let judge = move |file: &PaymentFile| expire(file, deadline, at, &ORIGIN);
        let outcome = self.cancel.checkout.settle.decide_and_tell(payment, || {}, judge).await?;
        Ok(outcome.is_some_and(|outcome| outcome.changed))
    }

    /// Every live session is asked about, several at a time.
    pub(super) async fn ask_sessions(&self, report: &mut Report) -> Result<(), StoreError> {
        let (origin, mut part) = (ORIGIN, Part::of("checkout sessions", report));
        let mut after = std::mem::take(&mut *self.begin_after.lock().unwrap_or_else(PoisonError::into_inner));
        loop {
            let page = self.store().awaited_sessions(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.ordinal;
            let asked: Vec<_> = page.iter().filter(|awaited| !self.is_in_flight(awaited)).collect();
            for several in asked.chunks(AT_ONCE) {
                self.keep().await?;
                // Boxed before they are awaited: the compiler cannot tell otherwise that they may change threads.
                let several: Vec<BoxFuture<'_, _>> =
                    several.iter().map(|awaited| self.ask_session(awaited, &origin).boxed()).collect();
                for answer in join_all(several).await {
                    part.report.sessions += 1;
                    part.report.settled += u64::from(part.take(answer) == Some(true));
                }
                if part.is_hopeless() {
                    *self.begin_after.lock().unwrap_or_else(PoisonError::into_inner) = after;
                    return Ok(());
                }
            }
        }
    }

    /// The call that makes it may still be under way.
    fn is_in_flight(&self, awaited: &AwaitedSession) -> bool {
        let now = self.now();
        awaited.session.state == SessionState::Creating && now < awaited.session.created_at.plus(IN_FLIGHT)
    }

    /// Whether the payment has moved on.
    pub(super) async fn ask_session(
        &self,
        awaited: &AwaitedSession,
        origin: &Origin,
    ) -> Result<bool, SettleError> {
        let (checkout, session) = (&self.cancel.checkout, &awaited.session);
        let Some(before) = self.store().payment(session.payment).await? else { return Ok(false) };
        let now = if awaited.cancel_requested && session.state != SessionState::Submitted {
            self.cancel.cancel(session.payment, origin).await?;
            self.store().payment(session.payment).await?
        } else if let Some(gateway_id) = &session.gateway_id {
            match checkout.settle.settle_session(gateway_id, origin).await? {
                Settled::Stands(receipt) => Some(receipt),
                Settled::NotOurs => None,
            }
        } else {
            stands(checkout.go_on(before.clone(), session, origin).await?)
        };
        Ok(now.is_some_and(|now| now.payment.status != before.payment.status))
    }

    /// Every refund whose end is awaited is asked about.
    pub(super) async fn ask_refunds(&self, report: &mut Report) -> Result<(), StoreError> {
        let mut part = Part::of("refunds", report);
        let mut after = Uuid::nil();
        loop {
            let page = self.store().awaited_refunds(after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.refund.id;
            for awaited in &page {
                self.keep().await?;
                part.report.refunds += 1;
                part.take(self.refunds.follow(awaited.payment, &awaited.refund, &ORIGIN).await);
                if part.is_hopeless() {
                    return Ok(());
                }
            }
        }
    }
}

fn stands(way: Way) -> Option<Receipt> {
    match way {
        Way::Stands(receipt) | Way::Later(receipt) => Some(receipt),
        Way::ToStripe(_) | Way::NoPayment => None,
    }
}
