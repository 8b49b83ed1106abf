//! Presses of one button that are here at once go through the five steps together (request coalescing), so that a storm
//! of clicks costs Redis and the database two presses, and wakes whoever waits instead of letting him look again.
//!
//! What must hold: an answer that several are given was worked out after the last of them had come. Whoever
//! comes while a press is under way is therefore not given its answer, as the payment may have moved on since it
//! was read: all who came meanwhile go next, the first of them for all the others. (Not more than a hundred of one
//! user, and not behind a press that has taken longer than a waiter's patience: those go by themselves.)
//!
//! For speed only, like the lock, and within one server. Whoever goes for others and dies, panics or takes too long
//! leaves them to go by themselves, as if each had come to a server of his own.

use super::lock::PATIENCE;
use super::{Answer, Duplicate, PayError, PayRequest};
use crate::domain::{Fingerprint, IdempotencyKey, UserId};
use crate::ports::{Clock, Rate};
use futures_channel::oneshot;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// So many presses of one user wait at most, as none of them is counted by the rate limit yet.
const MOST_BEHIND: usize = 100;

/// The presses that are under way.
#[derive(Default)]
pub struct Presses(Mutex<All>);

#[derive(Default)]
struct All {
    under_way: HashMap<Press, UnderWay>,
    /// How many of each user's wait behind one.
    behind: HashMap<UserId, usize>,
}

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
        let All { under_way, behind } = &mut *all;
        if let Some(under_way) = under_way.get_mut(&press) {
            let for_ages = now.saturating_sub(under_way.since) >= PATIENCE;
            let waiting = behind.entry(press.user).or_default();
            if for_ages || *waiting >= MOST_BEHIND {
                return Boarded::Alone;
            }
            *waiting += 1;
            let (word, comes) = oneshot::channel();
            let counted = Arc::new(OnceLock::new());
            under_way.behind.push(Seat { word, counted: Arc::clone(&counted) });
            return Boarded::Behind(Behind { word: comes, counted });
        }
        under_way.insert(press.clone(), UnderWay { since: now, behind: Vec::new() });
        let (presses, clock) = (Arc::clone(self), Arc::clone(clock));
        Boarded::First(Lead { presses, clock, press, others: Vec::new() })
    }

    /// Those who came while this press was under way and wait still; it is their turn. None: it is over.
    fn turn(&self, press: &Press, now: Duration) -> Vec<Seat> {
        let mut all = self.lock();
        let All { under_way, behind } = &mut *all;
        let mut came = under_way.get_mut(press).map(|it| std::mem::take(&mut it.behind)).unwrap_or_default();
        if let Entry::Occupied(mut waiting) = behind.entry(press.user) {
            *waiting.get_mut() = waiting.get().saturating_sub(came.len());
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
        came.retain(Seat::is_taken);
        if came.is_empty() {
            under_way.remove(press);
        } else if let Some(it) = under_way.get_mut(press) {
            it.since = now;
        }
        came
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Who has not the patience any more goes by himself.
    fn is_taken(&self) -> bool {
        !self.word.is_canceled()
    }
}

impl Lead {
    /// Begins: those who have left meanwhile are not gone for.
    pub(super) fn setting_out(mut self) -> Self {
        self.others.retain(Seat::is_taken);
        self
    }

    /// How many go with it, itself counted.
    pub(super) fn many(&self) -> u32 {
        u32::try_from(self.others.len()).map_or(u32::MAX, |others| others.saturating_add(1))
    }

    /// The others were counted: whoever leaves before he is told is not counted again (unless his patience ended in the
    /// very moment of counting). `rates` are everybody's, the leader's first.
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
