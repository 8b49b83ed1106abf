//! What several requests, and several servers, tell each other to be fast and quiet. Nothing here
//! is needed for the guarantee: each call may fail with [`CoordinationDown`], and the flow then goes
//! on with the database alone.

use crate::domain::{
    ConsultationId, Fingerprint, IdempotencyKey, Payment, PaymentId, Receipt, Status, UserId,
};
use async_trait::async_trait;
use std::pin::Pin;
use std::time::Duration;
use thiserror::Error;

/// How long an answer stays in the cache (contract, part 2).
pub const CACHE_TTL: Duration = Duration::from_secs(300);
/// How long a payment's status is kept beside it: longer than any cache entry that was written by
/// somebody who read the database before the status changed.
pub const STATUS_TTL: Duration = Duration::from_secs(2 * 300);
/// How long a lock lives if its holder never deletes it (contract, part 2).
pub const LOCK_TTL: Duration = Duration::from_secs(5);

/// The cache, the lock and the counters are out of reach.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("coordination is out of reach: {0}")]
pub struct CoordinationDown(pub String);

/// What the cache keeps for a key: enough for every answer, and nothing that changes later. The
/// receipt is the one of the moment the payment was made, or first looked up again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachedPayment {
    /// Of the request that the key stands for.
    pub fingerprint: Fingerprint,
    /// The payment it made.
    pub receipt: Receipt,
}

/// What is known of a payment's status without asking the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Current {
    /// This is the status; and whether the payment can be paid.
    Known {
        /// The status.
        status: Status,
        /// As [`Payment::can_be_paid`] says.
        can_be_paid: bool,
    },
    /// It is just changing: ask the database.
    Changing,
}

impl Current {
    /// What a payment read from the database is now.
    pub fn of(payment: &Payment) -> Self {
        Self::Known { status: payment.status, can_be_paid: payment.can_be_paid() }
    }
}

/// A key found in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What was stored for the key.
    pub cached: CachedPayment,
    /// Where its payment stands: the board's word if it has one, else the stored one.
    pub current: Current,
}

/// Answers kept by user and key for [`CACHE_TTL`], under the name `payment:idempotency:<user>:<key>`.
#[async_trait]
pub trait IdempotencyCache: Send + Sync {
    /// The entry, together with the payment's current status. Entries written before an outage are
    /// misses after it.
    async fn lookup(&self, user: UserId, key: &IdempotencyKey) -> Result<Option<Lookup>, CoordinationDown>;

    /// Keeps an answer. Called only after the commit.
    async fn store(
        &self,
        user: UserId,
        key: &IdempotencyKey,
        entry: &CachedPayment,
    ) -> Result<(), CoordinationDown>;
}

/// The cache's name for an answer (contract, part 2).
pub fn cache_key(user: UserId, key: &IdempotencyKey) -> String {
    format!("payment:idempotency:{user}:{key}")
}

/// The status of payments as they change, under `payment:status:<payment>`; every server's cached
/// answers are read together with it.
#[async_trait]
pub trait StatusBoard: Send + Sync {
    /// Before a commit that changes the status: from now on the database is asked.
    async fn changing(&self, payment: PaymentId) -> Result<(), CoordinationDown>;

    /// After the commit: this is the status.
    async fn publish(&self, payment: &Payment) -> Result<(), CoordinationDown>;
}

/// What is locked: one patient's payment of one consultation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LockName {
    /// The consultation.
    pub consultation: ConsultationId,
    /// The patient.
    pub user: UserId,
}

impl std::fmt::Display for LockName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "payment:lock:{}:{}", self.consultation, self.user)
    }
}

/// Who holds a lock: random, and followed by a digest of the key it is held for, so that a request
/// can tell that its own twin is at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockToken(pub String);

impl LockToken {
    /// A token that nobody else has. `random` are 128 random bits.
    pub fn new(random: u128, fingerprint_of_key: &str) -> Self {
        Self(format!("{random:032x}:{fingerprint_of_key}"))
    }

    /// Whether a token (one's own or another's) is held for the same key.
    pub fn is_for(&self, fingerprint_of_key: &str) -> bool {
        self.0.split_once(':').is_some_and(|(_, tag)| tag == fingerprint_of_key)
    }
}

/// What came of trying a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LockAttempt {
    /// Mine, for [`LOCK_TTL`].
    Acquired,
    /// Somebody else's.
    Held(LockToken),
}

/// Ends when a lock may have been given back.
pub type GivenBack = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The lock of step 2. For speed only: it may expire while its holder still works.
#[async_trait]
pub trait Lock: Send + Sync {
    /// Takes the lock if nobody has it (`SET NX PX`).
    async fn try_acquire(&self, name: LockName, token: &LockToken) -> Result<LockAttempt, CoordinationDown>;

    /// Deletes the lock if it still holds this token, in one atomic step. `false`: it was no longer ours.
    async fn release(&self, name: LockName, token: &LockToken) -> Result<bool, CoordinationDown>;

    /// Listens from now on for the lock to be given back. It may end for nothing, and say nothing of a lock that
    /// expires: who waits looks again, and now and then in any case. `None`: nobody tells here, or not now.
    fn given_back(&self, _: LockName) -> Option<GivenBack> {
        None
    }
}

/// Where a caller stands with the rate limit, this request counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a minute.
    pub limit: u32,
    /// Requests left in this minute. Zero on the last one that is let through.
    pub remaining: u32,
    /// `Some(until more are let through)` for a request over the limit.
    pub retry_after: Option<Duration>,
}

impl Rate {
    /// Whether the request is one too many.
    pub fn is_over(&self) -> bool {
        self.retry_after.is_some()
    }
}

/// Requests to be counted.
#[derive(Clone, Copy, Debug)]
pub struct Count<'a> {
    /// What they are counted in.
    pub bucket: &'a str,
    /// So many are let through in a minute.
    pub limit: u32,
    /// How many they are.
    pub times: u32,
}

/// Counts requests: at most `limit` in the minute that begins with a bucket's first one.
#[async_trait]
pub trait RateLimit: Send + Sync {
    /// Counts one request of `bucket`.
    async fn take(&self, bucket: &str, limit: u32) -> Result<Rate, CoordinationDown>;

    /// Counts several; where each of them stands, in the order in which they are counted.
    async fn take_all(&self, count: Count<'_>) -> Result<Vec<Rate>, CoordinationDown> {
        let mut rates = Vec::new();
        for _ in 0..count.times {
            rates.push(self.take(count.bucket, count.limit).await?);
        }
        Ok(rates)
    }
}

/// What a request finds at the turnstile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The key is known. The lock was not touched.
    Known(Box<Lookup>),
    /// The key is not known, and the lock is mine for [`LOCK_TTL`].
    Acquired,
    /// The key is not known, and the lock is somebody else's.
    Held(LockToken),
}

/// The cache and the lock asked together: steps 1 and 2 in one trip, and steps 4 and 5. The first trip can count
/// the request as well.
///
/// An adapter that can do all at one moment does; then nobody gets the lock of a key that is known. What is done
/// one after the other here may miss an answer in between, and the database finds the duplicate.
#[async_trait]
pub trait Turnstile: IdempotencyCache + Lock + RateLimit {
    /// Looks the key up, and takes the lock if it is not known.
    async fn enter(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<Entered, CoordinationDown> {
        // The lock is another service within this one, and may be there without the cache.
        if let Ok(Some(found)) = self.lookup(name.user, key).await {
            return Ok(Entered::Known(Box::new(found)));
        }
        self.try_acquire(name, token).await.map(Entered::from)
    }

    /// Counts the requests first, as [`RateLimit::take_all`] does. If all of them are over the limit nobody comes any
    /// further: `None`, and neither cache nor lock was asked.
    async fn enter_counted(
        &self,
        count: Count<'_>,
        name: LockName,
        key: &IdempotencyKey,
        token: &LockToken,
    ) -> Result<(Vec<Rate>, Option<Entered>), CoordinationDown> {
        let rates = self.take_all(count).await?;
        if rates.iter().all(Rate::is_over) {
            return Ok((rates, None));
        }
        Ok((rates, Some(self.enter(name, key, token).await?)))
    }

    /// Keeps an answer, and deletes the lock if it still holds this token. `false`: it was no longer ours; the
    /// answer is kept all the same.
    async fn leave(
        &self,
        name: LockName,
        key: &IdempotencyKey,
        entry: &CachedPayment,
        token: &LockToken,
    ) -> Result<bool, CoordinationDown> {
        let stored = self.store(name.user, key, entry).await;
        let released = self.release(name, token).await;
        stored.and(released)
    }
}

impl From<LockAttempt> for Entered {
    fn from(attempt: LockAttempt) -> Self {
        match attempt {
            LockAttempt::Acquired => Self::Acquired,
            LockAttempt::Held(other) => Self::Held(other),
        }
    }
}
