//! Telling the host application of each transition, in the form of Standard Webhooks.
//!
//! What must hold: every announced entry of a payment's record is delivered at least once, and in order
//! for each payment. The record is what is delivered: there is no second copy that could differ from it. A
//! process that dies between the host's answer and its commit sends the message again, under the same id.

use crate::domain::{Entry, Money, Payment, Receipt, Timestamp, What};
use crate::ports::{Clock, Delivery, Host, HostMessage, Point, Probe, Random, Store, StoreError};
use futures_util::future::{BoxFuture, Either, select};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Map, Value, json};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// How long one worker has a payment's delivery to itself: longer than a host is waited for.
const LEASE: Duration = Duration::from_secs(60);
/// Messages under way at once, each of another payment.
const AT_ONCE: u32 = 16;
/// While messages are under way, the outbox is looked into again after this long.
const LOOK_AGAIN: Duration = Duration::from_millis(250);
/// So long it is tried to note what the host has answered: after waiting for the host there is less than this left of
/// the lease, and a little is kept.
const NOTING: Duration = Duration::from_secs(30);
/// Between two of these tries.
const NOTE_AGAIN: Duration = Duration::from_millis(250);
/// First pause before a message is sent again; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// After this long a delivery is parked.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3600);

/// The delivery, with the ports it works through.
#[derive(Clone)]
pub struct Outbox {
    /// The record, and how far the host was told of it.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub host: Arc<dyn Host>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Spreads repeats out.
    pub random: Arc<dyn Random>,
    /// Who watches.
    pub probe: Arc<dyn Probe>,
}

impl Outbox {
    /// Delivers what is due, several payments at a time; a host that is slow about one message holds up those
    /// of its own payment only. Returns when there is nothing left, with how many messages that were.
    ///
    /// # Errors
    /// The first of them. Nothing more is taken after it, but what was under way is brought to its end: a message that is
    /// dropped half-way holds up its payment's next one until its lease is over.
    pub async fn work(&self) -> Result<usize, StoreError> {
        let mut round = Round::default();
        loop {
            self.take(&mut round).await;
            if round.under_way.is_empty() {
                return round.failed.map_or(Ok(round.made), Err);
            }
            // Something else may become due while a slow one is waited for.
            let ended = match select(round.under_way.next(), self.clock.sleep(LOOK_AGAIN)).await {
                Either::Left((ended, _)) => ended,
                Either::Right(_) => None,
            };
            round.note(ended);
        }
    }

    /// Starts as many as may be under way.
    async fn take<'o>(&'o self, round: &mut Round<'o>) {
        let free = AT_ONCE.saturating_sub(u32::try_from(round.under_way.len()).unwrap_or(AT_ONCE));
        if free == 0 || round.failed.is_some() {
            return;
        }
        match round.beside(self.store.claim_deliveries(self.clock.now(), LEASE, free)).await {
            Ok(due) => round.under_way.extend(due.into_iter().map(|delivery| self.deliver(delivery).boxed())),
            Err(error) => round.note(Some(Err(error))),
        }
    }

    async fn deliver(&self, delivery: Delivery) -> Result<(), StoreError> {
        let event = &delivery.event;
        let Some(receipt) = self.store.payment(event.payment).await? else {
            return Err(StoreError::Broken(format!("payment {} has a record and is gone", event.payment)));
        };
        let message = message(&receipt, &delivery, self.clock.now());
        let told = self.host.deliver(&message).await;
        self.probe.passed(Point::HostTold, Duration::ZERO);
        match told {
            Ok(()) => {
                metrics::counter!("sekali_deliveries_total", "outcome" => "delivered").increment(1);
                self.noted(|| self.store.delivered(event.payment, event.seq, self.clock.now())).await?;
            }
            Err(error) => self.postpone(&delivery, &error.to_string()).await?,
        }
        self.probe.passed(Point::DeliveryRecorded, Duration::ZERO);
        Ok(())
    }

    /// Notes what came of a message, again and again while the database is busy or out of reach: given up, the host
    /// would be told once more, and the payment's next message would wait for the end of the lease.
    async fn noted<F>(&self, note: impl Fn() -> F) -> Result<(), StoreError>
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        let end = self.clock.monotonic() + NOTING;
        loop {
            match note().await {
                Ok(()) => return Ok(()),
                Err(error @ StoreError::Broken(_)) => return Err(error),
                Err(error) if self.clock.monotonic() >= end => return Err(error),
                Err(_) => self.clock.sleep(NOTE_AGAIN).await,
            }
        }
    }

    async fn postpone(&self, delivery: &Delivery, error: &str) -> Result<(), StoreError> {
        let (now, event) = (self.clock.now(), &delivery.event);
        let next = next_try(delivery, now, &*self.random);
        let outcome = if next.is_some() { "failed" } else { "parked" };
        metrics::counter!("sekali_deliveries_total", "outcome" => outcome).increment(1);
        if next.is_some() {
            tracing::warn!(
                payment_id = event.payment.0,
                event = event.seq,
                attempts = delivery.attempts,
                error,
                "Outbox: The host has not taken a message"
            );
        } else {
            tracing::error!(
                payment_id = event.payment.0,
                event = event.seq,
                attempts = delivery.attempts,
                error,
                "Outbox: A delivery is parked after three days; sekali outbox replays it"
            );
        }
        self.noted(|| self.store.not_delivered(event.payment, event.seq, error, now, next)).await
    }
}

/// What one call of [`Outbox::work`] has in hand.
#[derive(Default)]
struct Round<'o> {
    under_way: FuturesUnordered<BoxFuture<'o, Result<(), StoreError>>>,
    made: usize,
    failed: Option<StoreError>,
}

impl Round<'_> {
    /// Waits for something else while what is under way goes on. It has to: what is under way may be the next
    /// in line for the connection to the database that the other waits for too.
    async fn beside<T>(&mut self, other: impl Future<Output = T>) -> T {
        let mut other = pin!(other);
        loop {
            if self.under_way.is_empty() {
                return other.await;
            }
            match select(other.as_mut(), self.under_way.next()).await {
                Either::Left((answer, _)) => return answer,
                Either::Right((ended, _)) => self.note(ended),
            }
        }
    }

    fn note(&mut self, ended: Option<Result<(), StoreError>>) {
        match ended {
            Some(Ok(())) => self.made += 1,
            Some(Err(error)) => self.failed = self.failed.take().or(Some(error)),
            None => {}
        }
    }
}

/// When a message is due again; `None`: it is parked.
fn next_try(delivery: &Delivery, now: Timestamp, random: &dyn Random) -> Option<Timestamp> {
    let factor = 2_u32.checked_pow(delivery.attempts.saturating_sub(1)).unwrap_or(u32::MAX);
    let pause = FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
    let failing_since = delivery.failing_since.unwrap_or(now);
    (now < failing_since.plus(PATIENCE)).then(|| now.plus(pause + random.jitter(pause / 4)))
}

/// The message that an entry of the record is delivered as. Its id, and all of its body, are the same at
/// every attempt. The id is made of the entry's hash: after a restored backup the same number of the same
/// payment's record can be another event, which a host must not take for one that it has seen.
pub fn message(receipt: &Receipt, delivery: &Delivery, at: Timestamp) -> HostMessage {
    let event = &delivery.event;
    let entry = event.entry();
    let body = json!({
        "type": event.announces.as_deref().unwrap_or(&event.kind),
        "timestamp": event.at.rfc3339_micros(),
        "data": data(receipt, event.seq, entry.as_ref()),
    });
    HostMessage { id: format!("msg_{}", &event.hash_hex()[..32]), body: body.to_string(), at }
}

/// The payment as it was right after the entry, and what the entry adds.
fn data(receipt: &Receipt, seq: i64, entry: Option<&Entry>) -> Value {
    let Payment { id, reference, user, consultation, amount, method, .. } = &receipt.payment;
    let mut data = Map::new();
    data.insert("payment_id".into(), json!(id.0));
    data.insert("reference".into(), json!(reference));
    data.insert("sequence".into(), json!(seq));
    data.insert("consultation_id".into(), json!(consultation.0));
    data.insert("user_id".into(), json!(user.0));
    data.insert("amount".into(), json!(amount.to_string()));
    data.insert("currency".into(), json!(amount.currency.code()));
    data.insert("payment_method".into(), json!(method.as_str()));
    data.insert("invoice_number".into(), json!(receipt.invoice.number));
    let Some(entry) = entry else { return data.into() };
    if let Some(status) = entry.what.status() {
        data.insert("status".into(), json!(status));
    }
    for (name, value) in details(&entry.what, *amount) {
        data.insert(name.into(), value);
    }
    data.into()
}

fn details(what: &What, whole: Money) -> Vec<(&'static str, Value)> {
    match what {
        What::Ended { reason, .. } => vec![("reason", json!(reason))],
        What::RefundSucceeded { refund, amount, refunded: Some(refunded), .. } => vec![
            ("refund", json!({ "id": refund, "amount": amount.amount })),
            ("refunded_amount", json!(refunded.amount)),
            ("fully_refunded", json!(refunded.amount == whole.to_string())),
        ],
        What::RefundFailed { refund, amount, refunded: Some(refunded), .. } => vec![
            ("refund", json!({ "id": refund, "amount": amount.amount, "bounced": true })),
            ("refunded_amount", json!(refunded.amount)),
            ("fully_refunded", json!(false)),
        ],
        What::Disputed { dispute, amount, state, reason, .. } => vec![(
            "dispute",
            json!({ "id": dispute, "amount": amount.amount, "currency": amount.currency, "status": state, "reason": reason }),
        )],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, Head, Origin, PaymentId, RecordedEvent};
    use uuid::Uuid;

    /// Always the same bits.
    struct Bits(u64);

    impl Random for Bits {
        fn next_u64(&self) -> u64 {
            self.0
        }
    }

    const BEGUN: Timestamp = Timestamp::from_seconds(1_705_314_600);

    /// So long after `now` an attempt is followed by another, with these bits for the spread.
    fn pause(attempts: u32, failing_since: Option<Timestamp>, now: Timestamp, bits: u64) -> Option<Duration> {
        let entry = Entry { what: What::ReconcileAsked {}, origin: Origin::of(Actor::Sekali) };
        let event = RecordedEvent::after(Head::default(), PaymentId(1), Uuid::nil(), BEGUN, &entry);
        let delivery = Delivery { reference: Uuid::nil(), event, attempts, failing_since };
        let next = next_try(&delivery, now, &Bits(bits))?;
        Some(Duration::from_micros(u64::try_from(next.as_micros() - now.as_micros()).unwrap()))
    }

    #[test]
    fn pauses_double_up_to_an_hour_and_are_spread_by_a_quarter() {
        let seconds = Duration::from_secs;
        for (attempts, expected) in [(1, 5), (2, 10), (3, 20), (10, 2560), (11, 3600), (200, 3600)] {
            assert_eq!(pause(attempts, None, BEGUN, 0), Some(seconds(expected)), "{attempts}");
        }
        let quarter = 1_250_000;
        assert_eq!(pause(1, None, BEGUN, quarter - 1), Some(Duration::from_micros(6_249_999)));
        assert_eq!(pause(1, None, BEGUN, quarter), Some(seconds(5)), "and not by more");
    }

    #[test]
    fn it_is_parked_three_days_after_it_first_failed_to_the_moment() {
        let end = BEGUN.plus(Duration::from_secs(3 * 24 * 3600));
        let hour = Some(Duration::from_secs(3600));
        assert_eq!(pause(80, Some(BEGUN), end.minus(Duration::from_micros(1)), 0), hour);
        assert_eq!(pause(80, Some(BEGUN), end, 0), None);
        assert_eq!(pause(80, Some(BEGUN), end.plus(Duration::from_micros(1)), 0), None);
    }
}
