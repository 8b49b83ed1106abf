//! Coordination in memory: for one server only.

use crate::bells::Bells;
use crate::expiring::Expiring;
use crate::progress::{later, progress};
use crate::rate::{RATE_WINDOW, counted};
use async_trait::async_trait;
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, UserId};
use sekali_core::ports::coordination::{CACHE_TTL, LOCK_TTL, STATUS_TTL};
use sekali_core::ports::{
    CachedPayment, Clock, CoordinationDown, Count, Current, Entered, GivenBack, IdempotencyCache, Lock,
    LockAttempt, LockName, LockToken, Lookup, Rate, RateLimit, StatusBoard, Turnstile,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most entries of each kind: a bound on memory (some hundred bytes each), far above what one
/// server makes within the five minutes that an entry lives. Beyond it the oldest are forgotten,
/// and the database is asked instead.
const MOST_ENTRIES: usize = 1_000_000;

/// The cache, status board, lock and rate limit of a single server. Entries end by the clock that
/// is handed in. It never answers [`CoordinationDown`].
pub struct MemoryCoordination {
    clock: Arc<dyn Clock>,
    /// One mutex for everything: each call holds it for less than a microsecond, and none across an
    /// await.
    state: Mutex<State>,
    bells: Bells,
}

struct State {
    cache: Expiring<(UserId, IdempotencyKey), CachedPayment>,
    board: Expiring<PaymentId, Word>,
    locks: Expiring<LockName, LockToken>,
    rates: Expiring<String, u32>,
}

/// What the board holds for a payment.
#[derive(Clone, Copy)]
struct Word {
    /// Transitions that were announced and not published yet.
    changing: u32,
    /// The furthest status published.
    known: Option<Current>,
}

impl MemoryCoordination {
    /// Empty.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            cache: Expiring::new(CACHE_TTL, MOST_ENTRIES),
            board: Expiring::new(STATUS_TTL, MOST_ENTRIES),
            locks: Expiring::new(LOCK_TTL, MOST_ENTRIES),
            rates: Expiring::new(RATE_WINDOW, MOST_ENTRIES),
        };
        Self { clock, state: Mutex::new(state), bells: Bells::new() }
    }

    fn give_back(&self, name: LockName, token: &LockToken) -> bool {
        let ours = self.state().released(name, token, self.clock.monotonic());
        if ours {
            self.bells.ring(&name.to_string());
        }
        ours
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No call panics half-way through a change, so the state behind a poisoned mutex is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn word(&self, payment: PaymentId, now: Duration) -> Option<Word> {
        self.board.get(&payment, now).map(|(_, word)| *word)
    }

    fn found(&self, user: UserId, key: &IdempotencyKey, now: Duration) -> Option<Lookup> {
        let (_, cached) = self.cache.get(&(user, key.clone()), now)?;
        let stored = Current::of(&cached.receipt.payment);
        let current = match self.word(cached.receipt.payment.id, now) {
            None => stored,
            Some(Word { changing: 0, known: Some(known) }) => later(stored, known),
            Some(_) => Current::Changing,
        };
        Some(Lookup { cached: cached.clone(), current })
    }

    fn acquired(&mut self, name: LockName, token: &LockToken, now: Duration) -> LockAttempt {
        if let Some((_, holder)) = self.locks.get(&name, now) {
            return LockAttempt::Held(holder.clone());
        }
        self.locks.put(name, token.clone(), now);
        LockAttempt::Acquired
    }

    fn taken(&mut self, bucket: &str, limit: u32, now: Duration) -> Rate {
        let (count, left) = if let Some((ends, count)) = self.rates.get_mut(bucket, now) {
            *count = count.saturating_add(1);
            (*count, ends.saturating_sub(now))
        } else {
            self.rates.put(bucket.to_owned(), 1, now);
            (1, RATE_WINDOW)
        };
        counted(count, limit, left)
    }

    fn released(&mut self, name: LockName, token: &LockToken, now: Duration) -> bool {
        let ours = self.locks.get(&name, now).is_some_and(|(_, holder)| holder == token);
        if ours {
            self.locks.remove(&name);
        }
        ours
    }
}

#[async_trait]
impl IdempotencyCache for MemoryCoordination {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        Ok(self.state().found(user, key, self.clock.monotonic()))
    }

    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        let now = self.clock.monotonic();
        self.state().cache.put((user, key.clone()), entry.clone(), now);
        Ok(())
    }
}

/// The rules are those of the Redis adapter (`redis/scripts.rs` has the reasoning).
#[async_trait]
impl StatusBoard for MemoryCoordination {
    async fn changing(&self, payment: PaymentId) -> Result<(), CoordinationDown> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let mut word = state.word(payment, now).unwrap_or(Word { changing: 0, known: None });
        word.changing = word.changing.saturating_add(1);
        state.board.put(payment, word, now);
        Ok(())
    }

    async fn publish(&self, payment: &Payment) -> Result<(), CoordinationDown> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        let mut word = state.word(payment.id, now).unwrap_or(Word { changing: 0, known: None });
        word.changing = word.changing.saturating_sub(1);
        let regress = matches!(word.known, Some(Current::Known { status, can_be_paid })
            if progress(status, can_be_paid) > progress(payment.status, payment.can_be_paid()));
        if !regress {
            word.known = Some(Current::of(payment));
        }
        state.board.put(payment.id, word, now);
        Ok(())
    }
}

#[async_trait]
impl Lock for MemoryCoordination {
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        Ok(self.state().acquired(name, token, self.clock.monotonic()))
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        Ok(self.give_back(name, token))
    }

    fn given_back(&self, name: LockName) -> Option<GivenBack> {
        Some(self.bells.listen(name))
    }
}

#[async_trait]
impl Turnstile for MemoryCoordination {
    async fn enter(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<Entered, CoordinationDown> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        Ok(match state.found(name.user, key, now) {
            Some(found) => Entered::Known(Box::new(found)),
            None => state.acquired(name, token, now).into(),
        })
    }

    async fn leave(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        entry: &CachedPayment,
        token: &LockToken,
    ) -> Result<bool, CoordinationDown> {
        self.store(name.user, key, entry).await?;
        Ok(self.give_back(name, token))
    }
}

#[async_trait]
impl RateLimit for MemoryCoordination {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        let now = self.clock.monotonic();
        Ok(self.state().taken(bucket, limit, now))
    }

    /// All in one window: nobody is over the limit whose follower is not.
    async fn take_all(&self, count: Count<'_>) -> Result<Vec<Rate>, CoordinationDown> {
        let now = self.clock.monotonic();
        let mut state = self.state();
        Ok((0..count.times).map(|_| state.taken(count.bucket, count.limit, now)).collect())
    }
}
