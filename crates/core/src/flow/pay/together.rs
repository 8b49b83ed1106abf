//! Presses of one button that are here at once go through the five steps together (request coalescing), so that a storm
//! of clicks costs Redis and the database two presses, and wakes whoever waits instead of letting him look again.
//!
//! What must hold: an answer that several are given was worked out after the last of them had come. Whoever
//! comes while a press is under way is therefore not given its answer, as the payment may have moved on since it
//! was read: all who came meanwhile go next, the first of them for all the others.
//!
//! For speed only, like the lock, and within one server. Whoever goes for others and dies, panics or takes too long
//! leaves them to go by themselves, as if each had come to a server of his own.

use super::lock::PATIENCE;
use super::{Answer, Duplicate, PayError, PayRequest};
use crate::domain::{Fingerprint, IdempotencyKey, UserId};
use crate::ports::{Clock, Rate};
use futures_channel::oneshot;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Behind a press that is under way at most so many wait, as none of them is counted by the rate limit yet.
const MOST_BEHIND: usize = 100;

/// The presses that are under way.
#[derive(Default)]
pub struct Presses(Mutex<HashMap<Press, UnderWay>>);

/// What makes two presses the same: whose they are, the key, and all that was asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Press {
    user: UserId,
    key: IdempotencyKey,
    fingerprint: Fingerprint,
}

struct UnderWay {
    /// By the monotonic clock.
    since: Duration,
    /// Who came meanwhile.
    behind: Vec<Seat>,
}

/// Somebody who waits while the same press is under way.
struct Seat {
    word: oneshot::Sender<Word>,
    counted: Arc<OnceLock<Rate>>,
}

/// How a press begins.
pub(super) enum Boarded {
    /// The same is not under way.
    First(Lead),
    /// It is; word will come.
    Behind(Behind),
    /// It is, but has been for too long, or too many wait already.
    Alone,
}

/// Somebody's own end of a seat.
pub(super) struct Behind {
    /// What comes of waiting.
    pub(super) word: oneshot::Receiver<Word>,
    /// Where the rate limit has him, as soon as somebody who goes for him has counted him.
    pub(super) counted: Arc<OnceLock<Rate>>,
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
    clock: Arc<dyn Clock>,
    press: Press,
    others: Vec<Seat>,
}

impl Presses {
    /// Goes first, or waits for whoever does.
    pub(super) fn board(self: &Arc<Self>, request: &PayRequest, clock: &Arc<dyn Clock>) -> Boarded {
        let (user, key) = (request.user.id, request.key.clone());
        let press = Press { user, key, fingerprint: request.fingerprint() };
        let now = clock.monotonic();
        let mut all = self.lock();
        if let Some(under_way) = all.get_mut(&press) {
            let for_ages = now.saturating_sub(under_way.since) >= PATIENCE;
            if for_ages || under_way.behind.len() >= MOST_BEHIND {
                return Boarded::Alone;
            }
            let (word, comes) = oneshot::channel();
            let counted = Arc::new(OnceLock::new());
            under_way.behind.push(Seat { word, counted: Arc::clone(&counted) });
            return Boarded::Behind(Behind { word: comes, counted });
        }
        all.insert(press.clone(), UnderWay { since: now, behind: Vec::new() });
        let (presses, clock) = (Arc::clone(self), Arc::clone(clock));
        Boarded::First(Lead { presses, clock, press, others: Vec::new() })
    }

    /// Those who came while this press was under way and wait still; it is their turn. None: it is over.
    fn turn(&self, press: &Press, now: Duration) -> Vec<Seat> {
        let mut all = self.lock();
        let came = all.get_mut(press).map(|under_way| std::mem::take(&mut under_way.behind));
        // Who has not the patience any more goes by himself.
        let waiting = came.into_iter().flatten().filter(|seat| !seat.word.is_canceled()).collect::<Vec<_>>();
        if waiting.is_empty() {
            all.remove(press);
        } else if let Some(under_way) = all.get_mut(press) {
            under_way.since = now;
        }
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Press, UnderWay>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lead {
    /// How many go with it, itself counted.
    pub(super) fn many(&self) -> u32 {
        u32::try_from(self.others.len()).map_or(u32::MAX, |others| others.saturating_add(1))
    }

    /// The others were counted: whoever leaves before he is told must not be counted again. `rates` are everybody's,
    /// the leader's first.
    pub(super) fn counted(&self, rates: &[Rate]) {
        for (other, rate) in self.others.iter().zip(rates.iter().skip(1)) {
            let _ = other.counted.set(*rate);
        }
    }

    /// Tells the others.
    pub(super) fn tell(mut self, answer: &Result<Answer, PayError>) {
        for other in std::mem::take(&mut self.others) {
            let rate = other.counted.get().copied();
            let over = rate.is_some_and(|rate| rate.is_over());
            let answer = if over { Err(PayError::OverLimit) } else { for_another(answer) };
            drop(other.word.send(Word::Told(rate, answer)));
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.others.clear();
        let mut waiting = self.presses.turn(&self.press, self.clock.monotonic()).into_iter();
        let Some(first) = waiting.next() else { return };
        let (presses, clock) = (Arc::clone(&self.presses), Arc::clone(&self.clock));
        let lead = Self { presses, clock, press: self.press.clone(), others: waiting.collect() };
        // Where nobody takes it, it is dropped, and the next are let go.
        drop(first.word.send(Word::Lead(lead)));
    }
}

/// One payment was made for one press: for all others of the same it was there already.
fn for_another(answer: &Result<Answer, PayError>) -> Result<Answer, PayError> {
    match answer {
        Ok(Answer::Created(receipt)) => Ok(Answer::Duplicate(Duplicate::of_key(receipt.clone()))),
        other => other.clone(),
    }
}
