//! A Redis that loses, expires, delays, fails over to an older state, and hands one lock to two.

use crate::executor::lock;
use crate::plan::{Fault, Guard};
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::domain::{Fingerprint, IdempotencyKey, Payment, PaymentId, UserId};
use sekali_core::ports::coordination::{CACHE_TTL, LOCK_TTL, STATUS_TTL};
use sekali_core::ports::{
    CachedPayment, CoordinationDown, Current, Entered, IdempotencyCache, Lock, LockAttempt, LockName,
    LockToken, Lookup, Rate, RateLimit, StatusBoard, Turnstile,
};
use std::collections::HashMap;
use std::time::Duration;

/// What is kept, each entry with the moment at which it ends.
#[derive(Clone, Default)]
struct Kept {
    cache: HashMap<(UserId, IdempotencyKey), (CachedPayment, u64)>,
    board: HashMap<PaymentId, (Current, u64)>,
    locks: HashMap<LockName, (LockToken, u64)>,
}

#[derive(Default)]
pub(crate) struct Redis {
    now: Kept,
    /// What a replica that lags has.
    before: Kept,
    writes: u32,
}

/// A replica is so many writes behind, at most.
const LAG: u32 = 6;

fn down() -> CoordinationDown {
    CoordinationDown("the connection is refused".into())
}

impl Sim {
    /// One command, there and back.
    async fn command<T>(&self, run: impl FnOnce(&mut Kept, u64) -> T) -> Result<T, CoordinationDown> {
        self.travel().await;
        if self.fault(Fault::CacheDown) {
            return Err(down());
        }
        let (flushed, failed_over) = (self.fault(Fault::CacheFlushed), self.fault(Fault::CacheFailover));
        let now = self.executor.now();
        let answer = {
            let mut redis = lock(&self.redis);
            if flushed {
                redis.now = Kept::default();
            }
            if failed_over {
                redis.now = redis.before.clone();
            }
            redis.writes += 1;
            if redis.writes.is_multiple_of(LAG) {
                redis.before = redis.now.clone();
            }
            run(&mut redis.now, now)
        };
        if self.fault(Fault::CacheAnswerLost) {
            return Err(down());
        }
        self.travel_back().await;
        Ok(answer)
    }

    fn cache_name(&self, user: UserId, key: &IdempotencyKey) -> (UserId, IdempotencyKey) {
        let user = if self.has(Guard::CacheScope) { user } else { UserId(0) };
        (user, key.clone())
    }
}

fn ends(now: u64, lasts: Duration) -> u64 {
    now + u64::try_from(lasts.as_micros()).unwrap_or(u64::MAX / 2)
}

/// A key as the cache knows it.
struct Asked {
    name: (UserId, IdempotencyKey),
    /// There is no cache to be asked.
    in_vain: bool,
    /// What an entry is taken to stand for, where its own word does not count.
    fingerprint: Option<Fingerprint>,
}

/// A try for a lock.
struct Try {
    token: LockToken,
    /// It ends at once.
    early: bool,
    /// Somebody's holding it does not count.
    twice: bool,
    /// Who holds it is told.
    tells: bool,
}

impl Kept {
    fn found(&self, asked: &Asked, now: u64) -> Option<Lookup> {
        let (cached, until) = self.cache.get(&asked.name)?;
        if *until <= now || asked.in_vain {
            return None;
        }
        let payment = &cached.receipt.payment;
        let known = self.board.get(&payment.id).filter(|(_, until)| *until > now);
        let current = known.map_or_else(|| Current::of(payment), |(current, _)| *current);
        let mut cached = cached.clone();
        cached.fingerprint = asked.fingerprint.unwrap_or(cached.fingerprint);
        Some(Lookup { cached, current })
    }

    fn keep(&mut self, name: (UserId, IdempotencyKey), entry: CachedPayment, now: u64) {
        self.cache.insert(name, (entry, ends(now, CACHE_TTL)));
    }

    fn acquired(&mut self, name: LockName, how: Try, now: u64) -> LockAttempt {
        let held = self.locks.get(&name).filter(|(_, until)| *until > now);
        if let Some((other, _)) = held.filter(|_| !how.twice) {
            return LockAttempt::Held(if how.tells { other.clone() } else { how.token });
        }
        let lasts = if how.early { Duration::from_micros(1) } else { LOCK_TTL };
        self.locks.insert(name, (how.token, ends(now, lasts)));
        LockAttempt::Acquired
    }

    fn released(&mut self, name: LockName, token: &LockToken, by_token: bool, now: u64) -> bool {
        let held = self.locks.get(&name);
        let mine = held.is_some_and(|(of, until)| (of == token || !by_token) && *until > now);
        if mine {
            self.locks.remove(&name);
        }
        mine
    }
}

impl Sim {
    fn asked(&self, user: UserId, key: &IdempotencyKey) -> Asked {
        let fingerprint =
            (!self.has(Guard::Fingerprint)).then(|| lock(&self.presses).asked(user, key)).flatten();
        Asked { name: self.cache_name(user, key), in_vain: !self.has(Guard::Cache), fingerprint }
    }

    fn try_for(&self, token: &LockToken) -> Try {
        let early = self.fault(Fault::LockExpired);
        let twice = self.fault(Fault::LockTwice) || self.second_holder() || !self.has(Guard::Lock);
        Try { token: token.clone(), early, twice, tells: self.has(Guard::LockHolder) }
    }

    fn note_found(&self, key: &IdempotencyKey, told: impl FnOnce() -> String) {
        self.note(|| (format!("cache: {key}?"), told()));
    }
}

#[async_trait]
impl IdempotencyCache for Sim {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        let asked = self.asked(user, key);
        let found = self.command(move |kept, now| kept.found(&asked, now)).await;
        self.note_found(key, || match &found {
            Ok(Some(found)) => format!("payment {}", found.cached.receipt.payment.id),
            Ok(None) => "nothing".into(),
            Err(error) => error.to_string(),
        });
        found
    }

    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        let (name, entry) = (self.cache_name(user, key), entry.clone());
        self.command(move |kept, now| kept.keep(name, entry, now)).await
    }
}

#[async_trait]
impl StatusBoard for Sim {
    async fn changing(&self, payment: PaymentId) -> Result<(), CoordinationDown> {
        let entry = |now| (Current::Changing, ends(now, STATUS_TTL));
        self.command(move |kept, now| {
            kept.board.insert(payment, entry(now));
        })
        .await
    }

    async fn publish(&self, payment: &Payment) -> Result<(), CoordinationDown> {
        let (id, current) = (payment.id, Current::of(payment));
        self.command(move |kept, now| {
            kept.board.insert(id, (current, ends(now, STATUS_TTL)));
        })
        .await
    }
}

#[async_trait]
impl Lock for Sim {
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        let how = self.try_for(token);
        self.command(move |kept, now| kept.acquired(name, how, now)).await
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        let (token, by_token) = (token.clone(), self.has(Guard::LockToken));
        self.command(move |kept, now| kept.released(name, &token, by_token, now)).await
    }
}

#[async_trait]
impl Turnstile for Sim {
    async fn enter(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<Entered, CoordinationDown> {
        let (asked, how) = (self.asked(name.user, key), self.try_for(token));
        let entered = self
            .command(move |kept, now| match kept.found(&asked, now) {
                Some(found) => Entered::Known(Box::new(found)),
                None => kept.acquired(name, how, now).into(),
            })
            .await;
        self.note_found(key, || match &entered {
            Ok(Entered::Known(found)) => format!("payment {}", found.cached.receipt.payment.id),
            Ok(Entered::Acquired) => "nothing, and the lock is free".into(),
            Ok(Entered::Held(_)) => "nothing, and the lock is held".into(),
            Err(error) => error.to_string(),
        });
        entered
    }

    async fn leave(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        entry: &CachedPayment,
        token: &LockToken,
    ) -> Result<bool, CoordinationDown> {
        let (kept_as, entry) = (self.cache_name(name.user, key), entry.clone());
        let (token, by_token) = (token.clone(), self.has(Guard::LockToken));
        self.command(move |kept, now| {
            kept.keep(kept_as, entry, now);
            kept.released(name, &token, by_token, now)
        })
        .await
    }
}

impl Sim {
    /// In a small model: a choice.
    fn second_holder(&self) -> bool {
        self.model.as_ref().is_some_and(|model| {
            let mut model = lock(model);
            if model.second_holders == 0 || !model.is_open || model.choose(2) == 0 {
                return false;
            }
            model.second_holders -= 1;
            true
        })
    }
}

#[async_trait]
impl RateLimit for Sim {
    /// Nobody is turned away here: what is turned away makes no history.
    async fn take(&self, _: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        Ok(Rate { limit, remaining: limit, retry_after: None })
    }
}
