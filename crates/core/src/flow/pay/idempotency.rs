//! Steps 1 and 4: what the cache knows of a key.

use super::lock::{Found, Ticket};
use super::together::Lead;
use super::{Answer, Caught, Duplicate, Pay, PayError, PayRequest, Run, Toll, Written};
use crate::domain::{Currency, Money, PaymentId};
use crate::ports::{CachedPayment, CoordinationDown, Count, Current, Entered, Lookup, Rate};

impl Pay {
    /// The first [`Pay::enter`], which counts the presses where they have to be. With the shared counter out of reach
    /// this server's own counts.
    pub(super) async fn arrive(
        &self,
        run: &Run<'_>,
        ticket: &Ticket,
        rate: &mut Option<Rate>,
    ) -> Result<Found, PayError> {
        let (request, caught) = (run.request, run.caught);
        let Some(Toll { bucket, limit, otherwise }) = run.toll else {
            log_request(request, self.pricing.default_currency);
            return self.enter(request, ticket, caught).await;
        };
        let (name, key, token) = (ticket.name, &request.key, &ticket.token);
        let times = run.lead.as_ref().map_or(1, Lead::many);
        let count = Count { bucket, limit: *limit, times };
        let (rates, entered) = match self.turnstile.enter_counted(count, name, key, token).await {
            Ok((rates, entered)) => (rates, entered.map(Ok)),
            Err(down) => (otherwise.take_all(count).await.unwrap_or_default(), Some(Err(down))),
        };
        *rate = rates.first().copied();
        if let Some(lead) = &run.lead {
            lead.counted(&rates);
        }
        let over = rate.is_some_and(|rate| rate.is_over());
        let Some(entered) = entered.filter(|_| !over) else { return Err(PayError::OverLimit) };
        log_request(request, self.pricing.default_currency);
        self.found(request, entered, caught).await
    }

    /// What a press is told that another one of the same has gone for, with the lines that it leaves.
    pub(super) fn told(
        &self,
        request: &PayRequest,
        answer: Result<Answer, PayError>,
    ) -> Result<Answer, PayError> {
        if answer != Err(PayError::OverLimit) {
            log_request(request, self.pricing.default_currency);
        }
        match &answer {
            Ok(Answer::Duplicate(found)) if found.caught != Caught::Database => {
                log_returning(request, found.receipt.payment.id);
            }
            _ => {}
        }
        answer
    }

    /// Looks the key up in the cache, and takes the lock if it is not there and nobody has it.
    pub(super) async fn enter(
        &self,
        request: &PayRequest,
        ticket: &Ticket,
        caught: Caught,
    ) -> Result<Found, PayError> {
        let entered = self.turnstile.enter(ticket.name, &request.key, &ticket.token).await;
        self.found(request, entered, caught).await
    }

    async fn found(
        &self,
        request: &PayRequest,
        entered: Result<Entered, CoordinationDown>,
        caught: Caught,
    ) -> Result<Found, PayError> {
        let result = match &entered {
            Ok(Entered::Known(_)) => "hit",
            Ok(_) => "miss",
            Err(_) => "unreachable",
        };
        metrics::counter!("sekali_cache_lookups_total", "result" => result).increment(1);
        match entered {
            // One that the database does not have goes on to ask it for the key.
            Ok(Entered::Known(found)) => {
                let answer = self.answer_from(request, *found, caught).await?;
                Ok(answer.map_or(Found::Nobody, Found::Answer))
            }
            Ok(Entered::Acquired) => Ok(Found::Lock),
            Ok(Entered::Held(other)) => Ok(Found::Holder(other)),
            Err(_) => Ok(Found::Nobody),
        }
    }

    async fn answer_from(
        &self,
        request: &PayRequest,
        found: Lookup,
        caught: Caught,
    ) -> Result<Option<Duplicate>, PayError> {
        let Lookup { cached, current } = found;
        if cached.fingerprint != request.fingerprint() {
            return Err(PayError::KeyReused);
        }
        let Current::Known { status, can_be_paid } = current else {
            return self.answer_as_it_changes(cached).await;
        };
        log_returning(request, cached.receipt.payment.id);
        Ok(Some(Duplicate { same_key: true, receipt: cached.receipt, status, can_be_paid, caught }))
    }

    /// The payment's status is changing this moment: only the database knows it. One that the database does
    /// not have (it was restored from a backup) is a miss.
    async fn answer_as_it_changes(&self, cached: CachedPayment) -> Result<Option<Duplicate>, PayError> {
        let receipt = self.store.payment(cached.receipt.payment.id).await?;
        let same = receipt.filter(|receipt| receipt.payment.reference == cached.receipt.payment.reference);
        Ok(same.map(Duplicate::of_key))
    }

    /// What may be kept for the key: only what is committed, and only what this key has made.
    pub(super) fn entry(request: &PayRequest, written: &Written) -> Option<CachedPayment> {
        let receipt = written.made_by_this_key()?.clone();
        Some(CachedPayment { fingerprint: request.fingerprint(), receipt })
    }
}

/// The amount in the assumed currency: the real one is not known before the consultation is read.
pub(super) fn log_request(request: &PayRequest, assumed: Currency) {
    let amount = Money::from_decimal(request.amount, assumed);
    let amount = amount.map_or_else(|_| request.amount.to_string(), |money| money.to_string());
    tracing::info!(
        user_id = request.user.id.0,
        consultation_id = request.consultation.0,
        amount,
        payment_method = request.method.as_str(),
        "Payment: Processing payment"
    );
}

fn log_returning(request: &PayRequest, payment: PaymentId) {
    tracing::info!(
        idempotency_key = request.key.as_str(),
        payment_id = payment.0,
        "Payment: Returning cached response"
    );
}
