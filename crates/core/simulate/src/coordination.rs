//! A Redis that loses, expires, delays, fails over to an older state, and hands one lock to two.

use crate::executor::lock;
use crate::plan::{Fault, Guard};
use crate::world::Sim;
use async_trait::async_trait;
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, UserId};
use sekali_core::ports::coordination::{CACHE_TTL, LOCK_TTL, STATUS_TTL};
use sekali_core::ports::{
    CachedPayment, CoordinationDown, Current, IdempotencyCache, Lock, LockAttempt, LockName, LockToken,
    Lookup, Rate, RateLimit, StatusBoard,
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

#[async_trait]
impl IdempotencyCache for Sim {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        let name = self.cache_name(user, key);
        let asked = (!self.has(Guard::Fingerprint)).then(|| lock(&self.presses).asked(user, key)).flatten();
        let found = self
            .command(move |kept, now| {
                let (cached, until) = kept.cache.get(&name)?;
                if *until <= now {
                    return None;
                }
                let payment = &cached.receipt.payment;
                let known = kept.board.get(&payment.id).filter(|(_, until)| *until > now);
                let current = known.map_or_else(|| Current::of(payment), |(current, _)| *current);
                let mut cached = cached.clone();
                cached.fingerprint = asked.unwrap_or(cached.fingerprint);
                Some(Lookup { cached, current })
            })
            .await;
        self.note(|| {
            let told = match &found {
                Ok(Some(found)) => format!("payment {}", found.cached.receipt.payment.id),
                Ok(None) => "nothing".into(),
                Err(error) => error.to_string(),
            };
            (format!("cache: {key}?"), told)
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
        self.command(move |kept, now| drop(kept.cache.insert(name, (entry, ends(now, CACHE_TTL))))).await
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
        let early = self.fault(Fault::LockExpired);
        let twice = self.fault(Fault::LockTwice) || self.second_holder();
        let (token, tells) = (token.clone(), self.has(Guard::LockHolder));
        self.command(move |kept, now| {
            let held = kept.locks.get(&name).filter(|(_, until)| *until > now);
            if let Some((other, _)) = held.filter(|_| !twice) {
                return LockAttempt::Held(if tells { other.clone() } else { token });
            }
            let lasts = if early { Duration::from_micros(1) } else { LOCK_TTL };
            kept.locks.insert(name, (token, ends(now, lasts)));
            LockAttempt::Acquired
        })
        .await
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        let (token, by_token) = (token.clone(), self.has(Guard::LockToken));
        self.command(move |kept, now| {
            let mine =
                kept.locks.get(&name).is_some_and(|(of, until)| (*of == token || !by_token) && *until > now);
            if mine {
                kept.locks.remove(&name);
            }
            mine
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
