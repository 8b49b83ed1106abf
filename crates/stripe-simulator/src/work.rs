//! What a request works with: an open transaction, the time, randomness, and who asks.

use serde_json::Value;

use crate::faults::{self, WebhookFault};
use crate::model::event::{Event, previous_attributes};
use crate::ports::Random;
use crate::storage::deliveries::{New, Times};
use crate::storage::{StorageError, Tx, deliveries, objects};

/// The API request in whose name something happens; empty where a payer, or time itself, caused it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cause {
    pub(crate) request_id: Option<String>,
    pub(crate) idempotency_key: Option<String>,
}

/// One transaction's surroundings.
pub(crate) struct Work<'a> {
    pub(crate) tx: &'a mut dyn Tx,
    pub(crate) times: Times,
    /// How many receivers webhooks have.
    pub(crate) receivers: usize,
    pub(crate) random: &'a dyn Random,
    /// Where browsers reach the simulator.
    pub(crate) public_base: &'a str,
    pub(crate) cause: Cause,
}

impl Work<'_> {
    /// Unix seconds of the simulated clock, the unit of all of Stripe's times.
    pub(crate) fn now(&self) -> i64 {
        self.times.now.div_euclid(1000)
    }

    pub(crate) fn new_id(&self, prefix: &str, length: usize) -> String {
        new_id(self.random, prefix, length)
    }

    /// Records an event and puts its webhooks in the queue. `thread` is the session it belongs to.
    pub(crate) fn emit(&mut self, name: &str, object: Value, thread: &str) -> Result<(), StorageError> {
        self.record(name, object, None, thread)
    }

    /// Records an event about an object that changed, and looked like `before`.
    pub(crate) fn emit_change(
        &mut self,
        name: &str,
        before: &Value,
        object: Value,
        thread: &str,
    ) -> Result<(), StorageError> {
        let previous = previous_attributes(before, &object);
        self.record(name, object, Some(previous), thread)
    }

    fn record(
        &mut self,
        name: &str,
        object: Value,
        previous: Option<Value>,
        thread: &str,
    ) -> Result<(), StorageError> {
        let fault = faults::webhooks::strike(self, name, &object)?;
        let event = Event {
            id: self.new_id("evt_1", 23),
            created: self.now(),
            name: name.to_owned(),
            object,
            previous,
            request_id: self.cause.request_id.clone(),
            idempotency_key: self.cause.idempotency_key.clone(),
            pending: i64::try_from(self.receivers).unwrap_or(i64::MAX),
        };
        objects::insert(self.tx, &event)?;
        self.enqueue(&event.id, thread, fault)
    }

    fn enqueue(
        &mut self,
        event_id: &str,
        thread: &str,
        fault: Option<WebhookFault>,
    ) -> Result<(), StorageError> {
        let (times, delay_ms, overtaken) = match fault {
            None => (1, 0, false),
            Some(WebhookFault::Never) => (0, 0, false),
            Some(WebhookFault::Twice) => (2, 0, false),
            Some(WebhookFault::Late { delay_ms }) => (1, delay_ms, false),
            Some(WebhookFault::OutOfOrder { delay_ms }) => (1, delay_ms, true),
        };
        let next_at_ms = self.times.now.saturating_add(delay_ms);
        for endpoint in 0..self.receivers {
            for _ in 0..times {
                deliveries::enqueue(self.tx, New { event_id, endpoint, thread, next_at_ms, overtaken })?;
            }
        }
        Ok(())
    }
}

/// `prefix` and `length` random letters and digits.
pub(crate) fn new_id(random: &dyn Random, prefix: &str, length: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut id = prefix.to_owned();
    let target = prefix.len() + length;
    let mut bytes = [0_u8; 32];
    while id.len() < target {
        random.fill(&mut bytes);
        // Bytes from 248 on are left out: with them the first letters would come up more often.
        let usable = bytes.iter().filter(|byte| **byte < 248);
        id.extend(usable.map(|byte| char::from(LETTERS[usize::from(*byte) % 62])).take(target - id.len()));
    }
    id
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::new_id;
    use crate::ports::Random;

    struct Counting(std::sync::atomic::AtomicU8);

    impl Random for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn ids_have_their_length_and_skip_the_bytes_that_would_weigh_them() {
        let random = Counting(std::sync::atomic::AtomicU8::new(246));
        let id = new_id(&random, "cs_test_", 12);
        assert_eq!(id, "cs_test_yz0123456789");
    }
}
