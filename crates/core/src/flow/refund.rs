//! Money goes back: refunds wished for by an operator, made by Sekali itself, or found at Stripe.
//!
//! What must hold: a refund is committed, with its key and bytes, before Stripe is called; refunds that
//! are requested, under way or done never exceed the capture; what Stripe has made is never forgotten. A
//! process that dies after the commit leaves a `requested` refund, which the reconciler sends again.

use super::Stopwatch;
use super::checkout::{IN_FLIGHT, KEY_LIFE};
use super::settle::{Settle, SettleError, Settled};
use crate::decision::refund::{Recording, RefundNews, Wish, Wishing, give_back, never_arrived, record, wish};
use crate::domain::{Money, Origin, PaymentFile, PaymentId, Receipt, Refund, RefundOrigin, RefundState};
use crate::ports::{Gateway, GatewayError, GatewayRefund, Point, RefundDraft, StoreError};
use std::sync::Arc;
use uuid::Uuid;

/// How an operator's wish ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refunded {
    /// It was made, and stands like this. [`RefundState::Requested`]: Stripe has not answered yet.
    Made(Receipt, Refund),
    /// The same key has made it before.
    Known(Receipt, Refund),
    /// The key has stood for another wish.
    KeyReused,
    /// The payment was not captured, or everything is back.
    NotRefundable(Receipt),
    /// More than what remains.
    TooMuch {
        /// What remains.
        remaining: Money,
    },
    /// Something else remains than was seen: somebody was quicker, and nothing was refunded.
    Moved {
        /// What remains.
        remaining: Money,
        /// The refund that was made last.
        latest: Option<Refund>,
    },
    /// Refunds of this payment were found at Stripe that were not known here: look at them, and ask again.
    FoundOthers(Receipt),
    /// No such payment.
    NoPayment,
}

/// Refunds, with the ports they work through.
#[derive(Clone)]
pub struct Refunds {
    /// Settles what was not known yet, and holds the ports.
    pub settle: Settle,
}

impl Refunds {
    /// Makes the refund that an operator wants, once for each key.
    pub async fn refund(
        &self,
        payment: PaymentId,
        wanted: &Wish,
        origin: &Origin,
    ) -> Result<Refunded, StoreError> {
        if self.is_another_payments(payment, wanted).await? {
            return Ok(Refunded::KeyReused);
        }
        if self.finds_others(payment, origin).await? {
            let receipt = self.settle.store.payment(payment).await?;
            return Ok(receipt.map_or(Refunded::NoPayment, Refunded::FoundOthers));
        }
        let mut watch = self.watch();
        let (asked, by, encode) = (wanted.clone(), origin.clone(), self.encoder());
        let judge = move |file: &PaymentFile| wish(file, &asked, &by, &encode);
        let intended = || watch.passed(Point::RefundIntended);
        let decided = match self.settle.decide_and_tell(payment, intended, judge).await {
            // The database has refused the key: another payment's refund was quicker with it.
            Err(StoreError::Broken(_) | StoreError::Conflict(_))
                if self.is_another_payments(payment, wanted).await? =>
            {
                return Ok(Refunded::KeyReused);
            }
            decided => decided?,
        };
        let Some(outcome) = decided else { return Ok(Refunded::NoPayment) };
        let receipt = outcome.file.receipt();
        match outcome.verdict {
            Wishing::Made(refund) => {
                self.send(payment, &refund, false, origin, &mut watch).await?;
                let (receipt, refund) = self.now(payment, refund.id).await?;
                Ok(Refunded::Made(receipt, refund))
            }
            Wishing::Known(refund) => Ok(Refunded::Known(receipt, refund)),
            Wishing::KeyReused => Ok(Refunded::KeyReused),
            Wishing::NotRefundable(_) => Ok(Refunded::NotRefundable(receipt)),
            Wishing::TooMuch(remaining) => Ok(Refunded::TooMuch { remaining }),
            Wishing::Moved { remaining, latest } => Ok(Refunded::Moved { remaining, latest }),
        }
    }

    /// Whether Stripe has refunds of the payment that were not known: made in the dashboard a moment ago, or
    /// before the database was restored from a backup. What is wished for may be one of them. A Stripe that
    /// gives no list keeps nobody from wishing.
    async fn finds_others(&self, payment: PaymentId, origin: &Origin) -> Result<bool, StoreError> {
        let Some(before) = self.settle.store.file(payment).await? else { return Ok(false) };
        let Some(capture) = before.settled() else { return Ok(false) };
        match self.take_in_all(&capture.payment_intent, origin).await {
            Err(SettleError::Store(error)) => return Err(error),
            Err(error) => {
                tracing::warn!(payment_id = payment.0, %error, "Refund: Stripe's list cannot be taken in");
            }
            Ok(_) => {}
        }
        let after = self.settle.store.file(payment).await?;
        let dashboard = |file: &PaymentFile| {
            file.refunds.iter().filter(|refund| refund.origin == RefundOrigin::Dashboard).count()
        };
        Ok(after.is_some_and(|after| dashboard(&after) > dashboard(&before)))
    }

    /// A key that has stood for another payment's refund is not this payment's to see.
    async fn is_another_payments(&self, payment: PaymentId, wanted: &Wish) -> Result<bool, StoreError> {
        let known = self.settle.store.refund_by_key(wanted.by, &wanted.key).await?;
        Ok(known.is_some_and(|(of, _)| of != payment))
    }

    /// Gives back money that settles nothing. Whether a refund was made.
    pub async fn give_back(
        &self,
        payment: PaymentId,
        payment_intent: &str,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let mut watch = self.watch();
        let (intent, id, at) =
            (payment_intent.to_owned(), self.settle.random.uuid(), self.settle.clock.now());
        let (by, encode) = (origin.clone(), self.encoder());
        let judge = move |file: &PaymentFile| give_back(file, &intent, id, at, &by, &encode);
        let intended = || watch.passed(Point::RefundIntended);
        let outcome = self.settle.decide_and_tell(payment, intended, judge).await?;
        let Some(refund) = outcome.and_then(|outcome| outcome.verdict) else { return Ok(false) };
        metrics::counter!("sekali_automatic_refunds_total").increment(1);
        tracing::warn!(
            payment_id = payment.0,
            payment_intent,
            amount = %refund.amount,
            currency = refund.amount.currency.code(),
            "Refund: Money that settles no payment is given back"
        );
        self.send(payment, &refund, false, origin, &mut watch).await?;
        Ok(true)
    }

    /// Finds out what became of a refund whose end is awaited.
    pub async fn follow(
        &self,
        payment: PaymentId,
        refund: &Refund,
        origin: &Origin,
    ) -> Result<(), SettleError> {
        let mut watch = self.watch();
        let Some(gateway_id) = &refund.gateway_id else {
            return Ok(self.send(payment, refund, true, origin, &mut watch).await?);
        };
        let found = self.settle.gateway.refund(gateway_id).await?;
        self.take_in(payment, &found, origin, &mut watch).await.map(drop)
    }

    /// Takes in every refund that Stripe has of a payment intent, wherever it was made. `false`: the money
    /// is none of this installation's.
    pub async fn take_in_all(&self, payment_intent: &str, origin: &Origin) -> Result<bool, SettleError> {
        let Some(payment) = self.owner(payment_intent, origin).await? else { return Ok(false) };
        let mut found = self.settle.gateway.refunds_of(payment_intent).await?;
        // What frees money goes first, then the oldest: so that each fits as it did at Stripe.
        found.sort_by_key(|refund| (refund.state.counts(), refund.created));
        let (mut watch, mut failed) = (self.watch(), None);
        for refund in &found {
            if let Err(error) = self.take_in(payment, refund, origin, &mut watch).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(true), Err)
    }

    /// The payment that money came for. News of a refund can be quicker than the news of the money, which
    /// is then taken in first.
    pub(super) async fn owner(
        &self,
        payment_intent: &str,
        origin: &Origin,
    ) -> Result<Option<PaymentId>, SettleError> {
        let known = self.settle.store.payment_of_intent(payment_intent).await?;
        if known.is_some() {
            return Ok(known);
        }
        let Some(session) = self.settle.gateway.session_of_intent(payment_intent).await? else {
            return Ok(None);
        };
        match self.settle.settle_with(&session, origin, &mut self.watch()).await? {
            Settled::NotOurs => Ok(None),
            Settled::Stands(_) => Ok(self.settle.store.payment_of_intent(payment_intent).await?),
        }
    }

    /// Sends the committed request, and writes what comes of it. An error is the database's; a Stripe that
    /// does not answer leaves the refund as it is.
    async fn send(
        &self,
        payment: PaymentId,
        refund: &Refund,
        repeated: bool,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), StoreError> {
        if self.settle.clock.now() > refund.created_at.plus(KEY_LIFE) {
            return self.look_up(payment, refund, "Stripe has never had it", origin, watch).await;
        }
        let answer = self.settle.gateway.create_refund(refund.id, &refund.request).await;
        watch.passed(Point::RefundAnswered);
        match answer {
            Ok(made) if self.is_ours(&made) == Some(refund.id) => {
                self.take_in_own(payment, &made, repeated, origin, watch).await
            }
            // Taken for another's, it would not fit beside the one that was asked for, and that would be
            // asked for again, without an end.
            Ok(made) => {
                tracing::error!(payment_id = payment.0, refund = %refund.id, answer = made.id, "Refund: Stripe's answer does not name it");
                Ok(())
            }
            Err(GatewayError::Refused { status: 400 | 402, message }) if !repeated => {
                let told = matches!(refund.origin, RefundOrigin::Operator { .. });
                self.forget(payment, refund, &message, told, origin, watch).await
            }
            Err(GatewayError::Refused { status: 400 | 402, message } | GatewayError::Spent(message)) => {
                self.look_up(payment, refund, &message, origin, watch).await
            }
            Err(error) => {
                metrics::counter!("sekali_gateway_errors_total").increment(1);
                tracing::warn!(payment_id = payment.0, refund = %refund.id, %error, "Refund: Stripe gave no answer");
                Ok(())
            }
        }
    }

    /// Ours, just made. The answer to a repeat may be an old picture, so it is looked up.
    async fn take_in_own(
        &self,
        payment: PaymentId,
        made: &GatewayRefund,
        repeated: bool,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), StoreError> {
        let looked_up = if repeated { self.settle.gateway.refund(&made.id).await.ok() } else { None };
        let now = looked_up.as_ref().unwrap_or(made);
        match self.take_in(payment, now, origin, watch).await {
            Ok(()) => Ok(()),
            Err(SettleError::Store(error)) => Err(error),
            Err(error) => {
                tracing::error!(payment_id = payment.0, refund = made.id, %error, "Refund: Stripe's object cannot be used");
                Ok(())
            }
        }
    }

    /// After an answer that may hide a refund, Stripe's list of the payment intent's refunds tells.
    async fn look_up(
        &self,
        payment: PaymentId,
        refund: &Refund,
        why: &str,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), StoreError> {
        let asked_at = self.settle.clock.now();
        let listed = match self.settle.gateway.refunds_of(&refund.payment_intent).await {
            Ok(listed) => listed,
            Err(error) => {
                tracing::warn!(payment_id = payment.0, refund = %refund.id, %error, "Refund: Stripe gave no list");
                return Ok(());
            }
        };
        // The others as well: one of them may be why ours was refused.
        for other in listed.iter().filter(|made| self.is_ours(made) != Some(refund.id)) {
            if let Ok(news) = self.news(other) {
                self.record(payment, news, origin, watch).await?;
            }
        }
        if let Some(made) = listed.iter().find(|made| self.is_ours(made) == Some(refund.id)) {
            return self.take_in_own(payment, made, false, origin, watch).await;
        }
        if asked_at < refund.created_at.plus(IN_FLIGHT) {
            return Ok(());
        }
        self.forget(payment, refund, why, false, origin, watch).await
    }

    /// Stripe has certainly never had it. `told`: whoever asked for it hears of it at once.
    async fn forget(
        &self,
        payment: PaymentId,
        refund: &Refund,
        why: &str,
        told: bool,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), StoreError> {
        tracing::error!(payment_id = payment.0, refund = %refund.id, why, "Refund: Stripe has not made it");
        let (id, why, at, by) = (refund.id, why.to_owned(), self.settle.clock.now(), origin.clone());
        let judge = move |file: &PaymentFile| never_arrived(file, id, &why, told, at, &by);
        let recorded = || watch.passed(Point::RefundRecorded);
        self.settle.decide_and_tell(payment, recorded, judge).await.map(drop)
    }

    /// Writes what Stripe says of one refund.
    async fn take_in(
        &self,
        payment: PaymentId,
        found: &GatewayRefund,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<(), SettleError> {
        let news = self.news(found)?;
        if self.record(payment, news.clone(), origin, watch).await? == Recording::DoesNotFit {
            // Stripe cannot have both: what of ours is still unknown is asked about first.
            self.find_out_requested(payment, &news.payment_intent, origin).await?;
            if self.record(payment, news, origin, watch).await? == Recording::DoesNotFit {
                return Err(SettleError::Senseless(format!(
                    "refund {} is more than what remains of its capture",
                    found.id
                )));
            }
        }
        Ok(())
    }

    async fn record(
        &self,
        payment: PaymentId,
        news: RefundNews,
        origin: &Origin,
        watch: &mut Stopwatch<'_>,
    ) -> Result<Recording, StoreError> {
        let (by, encode) = (origin.clone(), self.encoder());
        let judge = move |file: &PaymentFile| record(file, &news, &by, &encode);
        let recorded = || watch.passed(Point::RefundRecorded);
        let Some(outcome) = self.settle.decide_and_tell(payment, recorded, judge).await? else {
            return Ok(Recording::NoCapture);
        };
        if outcome.changed {
            let payment = &outcome.file.payment;
            tracing::info!(
                payment_id = payment.id.0,
                status = payment.status.as_str(),
                refunded = %payment.refunded,
                "Refund: Outcome recorded"
            );
        }
        Ok(outcome.verdict)
    }

    async fn find_out_requested(
        &self,
        payment: PaymentId,
        payment_intent: &str,
        origin: &Origin,
    ) -> Result<(), StoreError> {
        let Some(file) = self.settle.store.file(payment).await? else { return Ok(()) };
        let requested =
            file.refunds_of(payment_intent).filter(|refund| refund.state == RefundState::Requested);
        for refund in requested {
            Box::pin(self.send(payment, refund, true, origin, &mut self.watch())).await?;
        }
        Ok(())
    }

    fn news(&self, found: &GatewayRefund) -> Result<RefundNews, SettleError> {
        let senseless = |what: &str| SettleError::Senseless(format!("refund {} has {what}", found.id));
        Ok(RefundNews {
            gateway_id: found.id.clone(),
            payment_intent: found.payment_intent.clone().ok_or_else(|| senseless("no payment intent"))?,
            refund: self.is_ours(found),
            amount: found.amount.ok_or_else(|| senseless("an unknown amount"))?,
            state: found.state,
            failure: found.failure.clone(),
            fresh: self.settle.random.uuid(),
            replacement: self.settle.random.uuid(),
            at: self.settle.clock.now(),
        })
    }

    /// Our name for a refund of Stripe's, if this installation made it.
    fn is_ours(&self, found: &GatewayRefund) -> Option<Uuid> {
        found.refund.filter(|_| found.installation == Some(self.settle.installation))
    }

    /// Makes a refund's bytes; it goes into decisions.
    fn encoder(&self) -> impl Fn(Uuid, &str, Money) -> String + Send + Sync + use<> {
        let (gateway, installation): (Arc<dyn Gateway>, Uuid) =
            (Arc::clone(&self.settle.gateway), self.settle.installation);
        move |refund, payment_intent, amount| {
            let payment_intent = payment_intent.to_owned();
            gateway.encode_refund(&RefundDraft { refund, installation, payment_intent, amount })
        }
    }

    async fn now(&self, payment: PaymentId, refund: Uuid) -> Result<(Receipt, Refund), StoreError> {
        let gone = || StoreError::Broken(format!("refund {refund} of payment {payment} is gone"));
        let file = self.settle.store.file(payment).await?.ok_or_else(gone)?;
        let refund = file.refund(refund).cloned().ok_or_else(gone)?;
        Ok((file.receipt(), refund))
    }

    fn watch(&self) -> Stopwatch<'_> {
        Stopwatch::start(&*self.settle.clock, &*self.settle.probe)
    }
}
