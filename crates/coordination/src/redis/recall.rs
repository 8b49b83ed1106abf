//! Answers that this server has read already, so that Redis need not send them, and nobody decode them, again.
//!
//! Only what cannot change is believed from here. What a payment was when it was stored is fixed, and is Redis' word
//! still if it holds the same stamp: so Redis is asked for the stamp and the status, not for the answer. Where the status is
//! the last one that a payment can have, there is nothing left to ask.

use crate::expiring::Expiring;
use sekali_core::domain::{IdempotencyKey, Status, UserId};
use sekali_core::ports::coordination::CACHE_TTL;
use sekali_core::ports::{CachedPayment, Clock, Current, Lookup};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Some hundred bytes each.
const MOST: usize = 50_000;

/// An answer as it was read.
#[derive(Clone)]
pub(super) struct Recalled {
    pub(super) cached: CachedPayment,
    pub(super) stamp: String,
    /// Where its payment stood, if it cannot move on from there.
    last: Option<Current>,
}

impl Recalled {
    pub(super) fn new(found: &Lookup, stamp: String) -> Self {
        let last = is_last(found.current).then_some(found.current);
        Self { cached: found.cached.clone(), stamp, last }
    }

    /// What there is to be found, where nobody needs to be asked for it.
    pub(super) fn final_word(&self) -> Option<Lookup> {
        Some(Lookup { cached: self.cached.clone(), current: self.last? })
    }

    /// Whether keeping `found` would add nothing.
    pub(super) fn says(&self, found: &Lookup, stamp: &str) -> bool {
        self.stamp == stamp && (self.last.is_some() || !is_last(found.current))
    }
}

fn is_last(current: Current) -> bool {
    let Current::Known { status, .. } = current else { return false };
    !Status::ALL.into_iter().any(|next| status.may_become(next))
}

pub(super) struct Recall {
    clock: Arc<dyn Clock>,
    answers: Mutex<Expiring<(UserId, IdempotencyKey), Recalled>>,
}

impl Recall {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, answers: Mutex::new(Expiring::new(CACHE_TTL, MOST)) }
    }

    pub(super) fn of(&self, user: UserId, key: &IdempotencyKey) -> Option<Recalled> {
        let now = self.clock.monotonic();
        self.answers().get(&(user, key.clone()), now).map(|(_, recalled)| recalled.clone())
    }

    pub(super) fn keep(&self, user: UserId, key: &IdempotencyKey, recalled: Recalled) {
        let now = self.clock.monotonic();
        self.answers().put((user, key.clone()), recalled, now);
    }

    pub(super) fn forget(&self, user: UserId, key: &IdempotencyKey) {
        self.answers().remove(&(user, key.clone()));
    }

    fn answers(&self) -> MutexGuard<'_, Expiring<(UserId, IdempotencyKey), Recalled>> {
        // No call panics half-way through a change.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
