//! Presses of one button that are here at once go through the five steps together (request coalescing), so that a storm
//! of clicks costs Redis and the database two presses, and wakes whoever waits instead of letting him look again.
//!
//! What must hold: an answer that several are given was worked out after the last of them had come. Whoever
//! comes while a press is under way is therefore not given its answer, as the payment may have moved on since it
//! was read: all who came meanwhile go next, the first of them for all the others.
//!
//! For speed only, like the lock, and within one server. Whoever goes for others and dies, panics or takes too long
//! leaves them to go by themselves, as if each had come to a server of his own.

use super::{Answer, Duplicate, PayError, PayRequest};
use crate::domain::{Fingerprint, IdempotencyKey, UserId};
use crate::ports::Rate;
use futures_channel::oneshot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The presses that are under way.
#[derive(Default)]
pub struct Presses(Mutex<HashMap<Press, Vec<Seat>>>);

/// What makes two presses the same: whose they are, the key, and all that was asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Press {
    user: UserId,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
}

/// Somebody who waits while the same press is under way.
type Seat = oneshot::Sender<Word>;

/// How a press begins.
pub(super) enum Boarded {
    /// The same is not under way.
    First(Lead),
    /// It is; word will come.
    Behind(oneshot::Receiver<Word>),
}

/// What comes of waiting.
pub(super) enum Word {
    /// To go, and for others too.
    Lead(Lead),
    /// Somebody has gone for all; and where one stands with the rate limit.
    Told(Option<Rate>, Result<Answer, PayError>),
}

/// The right to go through the steps, and the duty to tell others of it. Dropped, it lets those go who came meanwhile.
pub(super) struct Lead {
    presses: Arc<Presses>,
    press: Press,
    others: Vec<Seat>,
}

impl Presses {
    /// Goes first, or waits for whoever does.
    pub(super) fn board(self: &Arc<Self>, request: &PayRequest) -> Boarded {
        let (user, key) = (request.user.id, request.key.clone());
        let press = Press { user, key, fingerprint: request.fingerprint() };
        let mut under_way = self.lock();
        if let Some(behind) = under_way.get_mut(&press) {
            let (seat, word) = oneshot::channel();
            behind.push(seat);
            return Boarded::Behind(word);
        }
        under_way.insert(press.clone(), Vec::new());
        Boarded::First(Lead { presses: Arc::clone(self), press, others: Vec::new() })
    }

    /// Lets those go who came while this press was under way.
    fn next(self: &Arc<Self>, press: &Press) {
        let mut under_way = self.lock();
        let came = under_way.get_mut(press).map(std::mem::take).unwrap_or_default();
        // Who has not the patience any more goes by himself.
        let mut waiting = came.into_iter().filter(|seat| !seat.is_canceled());
        let Some(first) = waiting.next() else {
            under_way.remove(press);
            return;
        };
        let lead = Lead { presses: Arc::clone(self), press: press.clone(), others: waiting.collect() };
        drop(under_way);
        // Where nobody takes it, it is dropped, and the next are let go.
        drop(first.send(Word::Lead(lead)));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Press, Vec<Seat>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// How many go with it, itself counted.
    pub(super) fn many(&self) -> u32 {
        u32::try_from(self.others.len()).map_or(u32::MAX, |others| others.saturating_add(1))
    }

    /// Tells the others. `rates` are everybody's, the leader's first; empty where nothing is counted.
    pub(super) fn tell(mut self, rates: &[Rate], answer: &Result<Answer, PayError>) {
        for (at, other) in std::mem::take(&mut self.others).into_iter().enumerate() {
            let rate = rates.get(at + 1).copied();
            let over = rate.is_some_and(|rate| rate.is_over());
            let answer = if over { Err(PayError::OverLimit) } else { for_another(answer) };
            drop(other.send(Word::Told(rate, answer)));
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.others.clear();
        self.presses.next(&self.press);
    }
}

/// One payment was made for one press: for all others of the same it was there already.
fn for_another(answer: &Result<Answer, PayError>) -> Result<Answer, PayError> {
    match answer {
        Ok(Answer::Created(receipt)) => Ok(Answer::Duplicate(Duplicate::of_key(receipt.clone()))),
        other => other.clone(),
    }
}
