//! Stripe's webhooks: kept first, answered, and worked off afterwards.
//!
//! What must hold: an event is never marked as done before it is; its answer does not wait for
//! Stripe; the same event any number of times, in any order, changes nothing more.

use super::refund::Refunds;
use super::settle::{Settle, SettleError};
use crate::domain::{Entry, Origin, PaymentId, Timestamp, What};
use crate::ports::console::KeptEvent;
use crate::ports::gateway::WebhookError;
use crate::ports::{GatewayError, InboxEvent, Point, StoreError};
use serde_json::Value;
use std::time::Duration;
use thiserror::Error;

/// How long one worker has an event to itself: longer than asking Stripe may take (20 s), and no longer
/// than a patient should wait if that worker dies.
const LEASE: Duration = Duration::from_secs(30);
/// Events that a worker takes at once: one, so that its lease is for that one alone, and an event that
/// Stripe is slow about holds up no other. There are several workers.
const BATCH: u32 = 1;
/// First pause before an event is tried again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After so many attempts (some two days) an event is kept with its error and left to the operator.
const ATTEMPTS: u32 = 60;

/// Why a webhook is not taken in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReceiveError {
    /// It is not Stripe's.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// It could not be kept: Stripe will send it again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The inbox, with what settles payments.
#[derive(Clone)]
pub struct Inbox {
    /// Settles what an event hints at.
    pub settle: Settle,
}

impl Inbox {
    /// Checks and keeps a webhook. `false`: it was there already.
    pub async fn receive(&self, payload: &[u8], signature: &str) -> Result<bool, ReceiveError> {
        let now = self.settle.clock.now();
        let event = self.settle.gateway.verify(payload, signature, now)?;
        let object = event.object.as_deref();
        let kept = without_the_object(payload);
        let new = self.settle.store.receive_event(&event.id, &event.kind, object, &kept, now).await?;
        self.settle.probe.passed(Point::EventReceived, Duration::ZERO);
        metrics::counter!("sekali_webhooks_total", "new" => if new { "yes" } else { "no" }).increment(1);
        tracing::info!(event = event.id, kind = event.kind, new, "Webhook received");
        Ok(new)
    }

    /// Works off what is due; returns how many events were taken, so that the caller can go on at once
    /// while there are more.
    pub async fn work(&self) -> Result<usize, StoreError> {
        let now = self.settle.clock.now();
        let events = self.settle.store.claim_events(now, LEASE, BATCH).await?;
        for event in &events {
            self.handle(event).await?;
        }
        Ok(events.len())
    }

    async fn handle(&self, event: &InboxEvent) -> Result<(), StoreError> {
        let store = &self.settle.store;
        match self.apply(event, &Origin::webhook(&event.id)).await {
            Ok(()) => store.finish_event(&event.id, self.settle.clock.now()).await,
            Err(error) => {
                let next = next_try(event.attempts, self.settle.clock.now());
                let given_up = next.is_none();
                tracing::warn!(event = event.id, attempts = event.attempts, %error, given_up, "Webhook not handled yet");
                store.postpone_event(&event.id, &error.to_string(), next).await
            }
        }
    }

    /// Works a kept event off once more, now, because an operator wants it, whether it was dealt with before or not.
    ///
    /// What must hold: as for a worker. The event is asked about, not believed; done twice at once, by a worker and by
    /// this, it changes nothing more. One that succeeds is done with, also if it had been given up; one that fails is
    /// left as it was, with its time to be tried again if it has one.
    pub async fn replay(&self, event: &KeptEvent, origin: &Origin) -> Result<(), SettleError> {
        let hint = InboxEvent {
            id: event.id.clone(),
            kind: event.kind.clone(),
            object: event.object.clone(),
            attempts: event.attempts,
        };
        let origin = Origin { event: Some(event.id.clone()), ..origin.clone() };
        self.apply(&hint, &origin).await?;
        Ok(self.settle.store.finish_event(&event.id, self.settle.clock.now()).await?)
    }

    /// Puts into a payment's record that an operator has an event worked off again. `false`: no such payment.
    pub async fn note_replay(
        &self,
        payment: PaymentId,
        event: &KeptEvent,
        origin: &Origin,
    ) -> Result<bool, StoreError> {
        let what = What::EventReplayed { event: event.id.clone(), event_kind: event.kind.clone() };
        let noted = self.settle.note(payment, Entry { what, origin: origin.clone() }).await?;
        Ok(noted.is_some())
    }

    /// The event itself is only a hint: what matters is how its object stands now. Types that mean nothing
    /// to us are kept, and done with; so are objects that Stripe does not have (another account's, or
    /// those of a test clock that was deleted).
    async fn apply(&self, event: &InboxEvent, origin: &Origin) -> Result<(), SettleError> {
        let Some(object) = &event.object else { return Ok(()) };
        let applied = match event.kind.as_str() {
            kind if kind.starts_with("checkout.session.") => {
                self.settle.settle_session(object, origin).await.map(drop)
            }
            "payment_intent.payment_failed" => self.settle.take_in_failure(object, origin).await,
            "charge.refunded" => self.refunds_of_charge(object, origin).await,
            "charge.refund.updated" => self.refund(object, origin).await,
            kind if kind.starts_with("refund.") => self.refund(object, origin).await,
            kind if kind.starts_with("charge.dispute.") => {
                self.refunds().take_in_dispute(object, origin).await.map(drop)
            }
            _ => Ok(()),
        };
        match applied {
            Err(SettleError::Gateway(GatewayError::NotFound)) => Ok(()),
            applied => applied,
        }
    }

    async fn refunds_of_charge(&self, charge: &str, origin: &Origin) -> Result<(), SettleError> {
        self.refunds_of(self.settle.gateway.charge(charge).await?.payment_intent, origin).await
    }

    async fn refund(&self, refund: &str, origin: &Origin) -> Result<(), SettleError> {
        self.refunds_of(self.settle.gateway.refund(refund).await?.payment_intent, origin).await
    }

    /// All refunds of the money, whichever the news is about: then their order does not matter.
    async fn refunds_of(&self, payment_intent: Option<String>, origin: &Origin) -> Result<(), SettleError> {
        match payment_intent {
            Some(payment_intent) => self.refunds().take_in_all(&payment_intent, origin).await.map(drop),
            None => Ok(()),
        }
    }

    fn refunds(&self) -> Refunds {
        Refunds { settle: self.settle.clone() }
    }
}

/// The event as it is kept: without its object, which holds what the patient typed into Stripe's page (name,
/// e-mail) and is not needed, since Stripe is asked for it.
pub fn without_the_object(payload: &[u8]) -> String {
    let mut event: Value = serde_json::from_slice(payload).unwrap_or_default();
    if let Some(members) = event.as_object_mut() {
        members.remove("data");
    }
    event.to_string()
}

/// When an event that was tried `attempts` times is due again; `None`: never.
fn next_try(attempts: u32, now: Timestamp) -> Option<Timestamp> {
    let factor = 2_u32.checked_pow(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    (attempts < ATTEMPTS).then(|| now.plus(FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_patient_typed_is_not_kept() {
        let payload =
            br#"{"id":"evt_1","type":"x","data":{"object":{"email":"siti@example.com"}},"livemode":false}"#;
        let kept: Value = serde_json::from_str(&without_the_object(payload)).unwrap();
        assert_eq!(kept, serde_json::json!({ "id": "evt_1", "type": "x", "livemode": false }));
        assert_eq!(without_the_object(b"no JSON"), "null");
    }

    #[test]
    fn pauses_double_and_end() {
        let now = Timestamp::from_seconds(0);
        let pause = |attempts| next_try(attempts, now).map(Timestamp::as_seconds);
        assert_eq!([pause(1), pause(2), pause(3)], [Some(1), Some(2), Some(4)]);
        assert_eq!(pause(40), Some(3600));
        assert_eq!(pause(ATTEMPTS), None);
    }
}
