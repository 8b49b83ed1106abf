//! Coordination on Redis: for any number of servers.

mod breaker;
mod ears;
mod entry;
mod missed;
mod recall;
mod scripts;

use crate::progress::{later, progress};
use crate::rate::{RATE_WINDOW, counted};
use async_trait::async_trait;
use breaker::{Breaker, Link};
use recall::{Recall, Recalled};
use redis::{FromRedisValue, ParsingError, Value};
use sekali_core::domain::{IdempotencyKey, Payment, PaymentId, Status, UserId};
use sekali_core::ports::coordination::{CACHE_TTL, LOCK_TTL, STATUS_TTL, cache_key};
use sekali_core::ports::{
    CachedPayment, Clock, CoordinationDown, Count, Current, Entered, GivenBack, IdempotencyCache, Lock,
    LockAttempt, LockName, LockToken, Lookup, Random, Rate, RateLimit, StatusBoard, Turnstile,
};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::task::JoinHandle;

/// The most that a call takes: what an outage costs one request (contract, part 2).
const CALL_TIMEOUT: Duration = Duration::from_millis(50);
/// What the names of status entries begin with; the payment's number follows.
const STATUS_KEY: &str = "payment:status:";

/// The address is none of a Redis. (The address itself is not repeated: it may hold a password.)
#[derive(Debug, Error)]
#[error("not the address of a Redis, such as redis://localhost:6379/0: {0}")]
pub struct RedisUrlError(String);

/// The cache, status board, lock and rate limit on one Redis (5 or newer, and no Cluster).
///
/// Out of reach, it answers [`CoordinationDown`]: the first call within 50 ms, every further one at
/// once. It is back in use within 2 s of Redis' return, and trusts no entry from before. The metrics
/// `sekali_redis_up` and `sekali_redis_errors_total` tell.
pub struct RedisCoordination {
    breaker: Arc<Breaker>,
    recall: Recall,
    keeper: JoinHandle<()>,
}

impl RedisCoordination {
    /// Connects, or starts cut off if Redis is not there. Must be called within a tokio runtime,
    /// where a task keeps the connection until this value is dropped. `clock` measures outages for
    /// the log; `random` spreads out the attempts of several servers to reconnect.
    pub async fn connect(
        url: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, RedisUrlError> {
        Self::connect_within(CALL_TIMEOUT, url, clock, random).await
    }

    /// As [`Self::connect`], but a call may take `call_timeout`: for a Redis that is far away, or a
    /// machine whose processors are busier than a server's should be.
    pub async fn connect_within(
        call_timeout: Duration,
        url: &str,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, RedisUrlError> {
        let client = redis::Client::open(url).map_err(|error| RedisUrlError(error.to_string()))?;
        let recall = Recall::new(Arc::clone(&clock));
        let breaker = Arc::new(Breaker::new(client, call_timeout, clock, random));
        breaker.try_connect().await;
        let keeper = tokio::spawn(Breaker::keep(Arc::clone(&breaker)));
        Ok(Self { breaker, recall, keeper })
    }

    async fn tell(&self, payment: &Payment) -> Result<(), CoordinationDown> {
        let can_be_paid = payment.can_be_paid();
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.publish.key(status_key(payment.id));
        invocation
            .arg(link.run())
            .arg(millis(STATUS_TTL))
            .arg(payment.status.as_str())
            .arg(u8::from(can_be_paid))
            .arg(progress(payment.status, can_be_paid));
        self.breaker.call(&link, &invocation).await
    }
}

impl Drop for RedisCoordination {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// The board's raw word: `changing`, `stamp`, `status`, `payable`.
type RawWord = Vec<Option<Vec<u8>>>;
/// A raw answer, and the board's word on its payment.
type RawAnswer = (Vec<u8>, RawWord);

/// The stamp of an answer that this server has: Redis then sends nothing for it if it still holds that one.
fn stamp_of(recalled: Option<&Recalled>) -> &str {
    recalled.map_or("", |recalled| recalled.stamp.as_str())
}

impl RedisCoordination {
    /// What an answer comes to. One that is not ours, from before the last outage, or that names another user (it
    /// must not show a payment to a stranger) is none.
    fn believed(
        &self,
        link: &Link,
        (user, key): (UserId, &IdempotencyKey),
        recalled: Option<Recalled>,
        (bytes, word): &RawAnswer,
    ) -> Option<Lookup> {
        let (cached, stamp) = match &recalled {
            Some(recalled) if bytes.is_empty() => (recalled.cached.clone(), recalled.stamp.clone()),
            _ => entry::decode(bytes)?,
        };
        if !link.trusts(&stamp) || cached.receipt.payment.user != user {
            return None;
        }
        let current = current(Current::of(&cached.receipt.payment), word, link);
        let found = Lookup { cached, current };
        if !recalled.is_some_and(|recalled| recalled.says(&found, &stamp)) {
            self.recall.keep(user, key, Recalled::new(&found, stamp));
        }
        Some(found)
    }
}

#[async_trait]
impl IdempotencyCache for RedisCoordination {
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown> {
        let recalled = self.recall.of(user, key);
        if let Some(found) = recalled.as_ref().and_then(Recalled::final_word) {
            return Ok(Some(found));
        }
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.lookup.key(cache_key(user, key));
        invocation.arg(STATUS_KEY).arg(stamp_of(recalled.as_ref()));
        let found: Option<RawAnswer> = self.breaker.call(&link, &invocation).await?;
        Ok(found.and_then(|answer| self.believed(&link, (user, key), recalled, &answer)))
    }

    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown> {
        self.recall.forget(user, key);
        let json = entry::encode(entry).map_err(|error| CoordinationDown(error.to_string()))?;
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.store.key(cache_key(user, key));
        invocation.arg(link.run()).arg(millis(CACHE_TTL)).arg(json);
        self.breaker.call(&link, &invocation).await
    }
}

/// What an answer that is trusted, and the board's word beside it, come to.
///
/// - No word: the status has not changed since the answer was stored. (A word can be lost while the
///   answer is there only if Redis lost its memory between another request's reading of the database
///   and its storing of the answer: an old status is shown until the entry ends, and no payment is
///   made by it.)
/// - A word from before our last reconnect: we may have changed the status while cut off, and others
///   may have stored since what they had read before. Only the database knows.
/// - A tombstone, or bytes that are no word: the same.
/// - Else the later of the two.
fn current(cached: Current, word: &RawWord, link: &Link) -> Current {
    let text =
        |at: usize| word.get(at).and_then(Option::as_deref).and_then(|bytes| std::str::from_utf8(bytes).ok());
    if word.iter().all(Option::is_none) {
        return cached;
    }
    let known = text(2).and_then(Status::parse).zip(text(3));
    match (text(0), text(1), known) {
        (Some("0"), Some(stamp), Some((status, payable))) if link.trusts(stamp) => {
            later(cached, Current::Known { status, can_be_paid: payable == "1" })
        }
        _ => Current::Changing,
    }
}

#[async_trait]
impl StatusBoard for RedisCoordination {
    async fn changing(&self, payment: PaymentId) -> Result<(), CoordinationDown> {
        let outcome = self.breaker.announce(payment).await;
        if outcome.is_err() {
            self.breaker.missed.add(payment);
        }
        outcome
    }

    async fn publish(&self, payment: &Payment) -> Result<(), CoordinationDown> {
        let outcome = self.tell(payment).await;
        if outcome.is_err() {
            self.breaker.missed.add(payment.id);
        }
        outcome
    }
}

#[async_trait]
impl Lock for RedisCoordination {
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown> {
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.acquire.key(name.to_string());
        invocation.arg(&token.0).arg(millis(LOCK_TTL));
        let holder: Option<Vec<u8>> = self.breaker.call(&link, &invocation).await?;
        Ok(match holder {
            None => LockAttempt::Acquired,
            Some(bytes) => LockAttempt::Held(holder_of(&bytes)),
        })
    }

    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown> {
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.release.key(name.to_string());
        self.breaker.call(&link, invocation.arg(&token.0)).await
    }

    fn given_back(&self, name: LockName) -> Option<GivenBack> {
        self.breaker.hears().then(|| self.breaker.bells.listen(name))
    }
}

/// What the entering script says.
enum RawEntered {
    Known(RawAnswer),
    Acquired,
    Held(Vec<u8>),
}

impl FromRedisValue for RawEntered {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        match value {
            Value::Nil => Ok(Self::Acquired),
            Value::BulkString(holder) => Ok(Self::Held(holder)),
            answer => RawAnswer::from_redis_value(answer).map(Self::Known),
        }
    }
}

impl RedisCoordination {
    async fn entered(
        &self,
        link: &Link,
        (name, key): (LockName, &IdempotencyKey),
        token: &LockToken,
        recalled: Option<Recalled>,
        raw: RawEntered,
    ) -> Result<Entered, CoordinationDown> {
        match raw {
            RawEntered::Acquired => Ok(Entered::Acquired),
            RawEntered::Held(holder) => Ok(Entered::Held(holder_of(&holder))),
            RawEntered::Known(answer) => match self.believed(link, (name.user, key), recalled, &answer) {
                Some(found) => Ok(Entered::Known(Box::new(found))),
                None => self.try_acquire(name, token).await.map(Entered::from),
            },
        }
    }
}

#[async_trait]
impl Turnstile for RedisCoordination {
    async fn enter(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<Entered, CoordinationDown> {
        let recalled = self.recall.of(name.user, key);
        if let Some(found) = recalled.as_ref().and_then(Recalled::final_word) {
            return Ok(Entered::Known(Box::new(found)));
        }
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.enter.key(cache_key(name.user, key));
        invocation.key(name.to_string()).arg(STATUS_KEY).arg(stamp_of(recalled.as_ref()));
        invocation.arg(&token.0).arg(millis(LOCK_TTL));
        let raw = self.breaker.call(&link, &invocation).await?;
        self.entered(&link, (name, key), token, recalled, raw).await
    }

    async fn enter_counted(
        &self,
        count: Count<'_>,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<(Vec<Rate>, Option<Entered>), CoordinationDown> {
        let recalled = self.recall.of(name.user, key);
        if let Some(found) = recalled.as_ref().and_then(Recalled::final_word) {
            let rates = self.take_all(count).await?;
            let entered = (!rates.iter().all(Rate::is_over)).then(|| Entered::Known(Box::new(found)));
            return Ok((rates, entered));
        }
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.enter_counted.key(cache_key(name.user, key));
        invocation.key(name.to_string()).key(rate_key(count.bucket));
        invocation.arg(STATUS_KEY).arg(stamp_of(recalled.as_ref())).arg(&token.0).arg(millis(LOCK_TTL));
        invocation.arg(millis(RATE_WINDOW)).arg(count.limit).arg(count.times);
        let (so_far, raw): (Taken, RawEntered) = self.breaker.call(&link, &invocation).await?;
        let rates = rates_of(so_far, count);
        if rates.iter().all(Rate::is_over) {
            return Ok((rates, None));
        }
        Ok((rates, Some(self.entered(&link, (name, key), token, recalled, raw).await?)))
    }

    async fn leave(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        entry: &CachedPayment,
        token: &LockToken,
    ) -> Result<bool, CoordinationDown> {
        self.recall.forget(name.user, key);
        let json = entry::encode(entry).map_err(|error| CoordinationDown(error.to_string()))?;
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.leave.key(cache_key(name.user, key));
        invocation.key(name.to_string()).arg(link.run()).arg(millis(CACHE_TTL)).arg(json).arg(&token.0);
        self.breaker.call(&link, &invocation).await
    }
}

fn holder_of(token: &[u8]) -> LockToken {
    LockToken(String::from_utf8_lossy(token).into_owned())
}

#[async_trait]
impl RateLimit for RedisCoordination {
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown> {
        let rates = self.take_all(Count { bucket, limit, times: 1 }).await?;
        rates.first().copied().ok_or_else(|| CoordinationDown("nothing was counted".to_owned()))
    }

    async fn take_all(&self, count: Count<'_>) -> Result<Vec<Rate>, CoordinationDown> {
        let link = self.breaker.link()?;
        let mut invocation = self.breaker.scripts.take.key(rate_key(count.bucket));
        invocation.arg(millis(RATE_WINDOW)).arg(count.times);
        Ok(rates_of(self.breaker.call(&link, &invocation).await?, count))
    }
}

/// The count, and the milliseconds until the window ends.
type Taken = (i64, i64);

/// Where each of those stands that were counted at once.
fn rates_of((last, left): Taken, Count { limit, times, .. }: Count<'_>) -> Vec<Rate> {
    let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
    let of = |after: u32| counted(u32::try_from(last - i64::from(after)).unwrap_or(u32::MAX), limit, left);
    (0..times).rev().map(of).collect()
}

fn rate_key(bucket: &str) -> String {
    format!("payment:rate:{bucket}")
}

fn status_key(payment: PaymentId) -> String {
    format!("{STATUS_KEY}{payment}")
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
